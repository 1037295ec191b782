"""What LESS compares: directions of Adam's steps on rows, and of the judges' gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..._gradients._keyed import keyed, places_of
from ..._gradients._shelf import Shelf
from ..._gradients.features import Features
from ..._gradients.gradients import Gradients, fingerprint
from ..._gradients.moments import Moments
from ..._gradients.multiplied import block_rows, multiplied
from ..._gradients.sketch import sketched
from ..._problem import Data
from ..._types import Floats, Positions
from ._adam import Update, adam_steps
from ._less_codes import decode, encode, unit


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions of rows at one checkpoint.

    Parameters
    ----------
    gradients : Gradients
    moments : Moments, optional
        Needed but for "sgd".
    update : "code" | "paper" | "sgd"
    size : int, optional
        Numbers a row, by a sketch; all if None.
    seed : int
        Of the sketch: the same for every row, whenever it comes.
    dtype : str, optional
        What training rows are rounded to.
    folder : Path, optional
        Where training rows are kept.
    """

    gradients: Gradients
    moments: Moments | None
    update: Update
    size: int | None
    seed: int
    dtype: str | None
    folder: Path | None

    def train(self, data: Data) -> Iterator[tuple[Any, Floats]]:
        """Positions of the rows of a block, and the directions (b, k) of Adam's steps on them."""
        if self.folder is not None:
            yield from self._kept(data, self.folder)
            return
        for rows, arrays, size in self._made(data):
            yield rows, decode(arrays, self.dtype, size)

    def valid(self, data: Data) -> Iterator[tuple[slice, Floats]]:
        """The rows of a block, and their projected gradients (b, k)."""
        for rows, features in multiplied(self.gradients, data):
            yield rows, self._projected(features)

    def _made(self, data: Data) -> Iterator[tuple[slice, dict[str, NDArray[Any]], int]]:
        for rows, features in multiplied(self.gradients, data):
            if self.moments is not None:
                features = adam_steps(features, self.moments, self.update)
            found = self._projected(features)
            yield rows, encode(found, self.dtype), found.shape[1]

    def _projected(self, features: Features) -> Floats:
        if self.size is None or self.size >= features.width:
            return features.dense()
        return sketched(features, self.size, self.seed).dense()

    def _kept(self, data: Data, folder: Path) -> Iterator[tuple[Positions, Floats]]:
        shelf = Shelf(folder / f"less-{self._digest}", {"features": self._digest})
        new = np.flatnonzero(places_of(shelf, data) < 0)
        if len(new):
            fresh = data.take(new)
            for rows, arrays, size in self._made(fresh):
                part = fresh.take(np.arange(rows.start, rows.stop))
                shelf.append({"row": keyed(part), **arrays}, layout=size)
        places, size = places_of(shelf, data), int(shelf.layout)
        names = ("numbers", "some") if self.dtype == "sign" else ("numbers",)
        kept = {name: shelf.read(name) for name in names}
        step = block_rows(sum(self.gradients.widths))  # the blocks of `_made`: products of the same bits
        for at in range(0, len(data), step):
            rows = np.arange(at, min(at + step, len(data)))
            yield rows, decode({name: array[places[rows]] for name, array in kept.items()}, self.dtype, size)

    @property
    def _digest(self) -> str:
        """Equal digests mean equal directions of equal rows."""
        before = "" if self.moments is None else self.moments.digest
        told = f"{self.gradients.fingerprint} {before} {self.update} {self.size} {self.seed} {self.dtype}"
        return fingerprint(told, {})


def judges(directions: Directions, data: Data, codes: NDArray[np.intp], reduce: str) -> Floats:
    """What training rows are compared with: of each group the direction of the mean gradient, or the mean of
    the directions, (groups, k).

    With as many groups as rows, these are the rows' own directions.
    """
    total, counts = np.zeros(()), np.bincount(codes)
    for rows, found in directions.valid(data):
        part = unit(found) if reduce == "cos_then_mean" else found
        ones, own = 1 / counts[codes[rows]], (codes[rows], np.arange(len(part)))
        total = total + csr_array((ones, own), shape=(len(counts), len(part))) @ part
    return unit(total) if reduce == "mean_then_cos" else total
