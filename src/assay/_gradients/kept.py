"""Gradients kept on disk: what was computed once is read from then on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._problem import Data
from .._types import Floats, Positions
from ._keyed import keyed, places_of
from ._shelf import Shelf
from .features import Features
from .gradients import Curvature, Gradients, Of
from .layers import Full, Layer, Outer
from .moments import Moments

ROWS = 4096  # of a block on disk


@final
class KeptGradients(Gradients):
    """Gradients whose features of rows are kept in a folder, by the key of the row.

    Rows that were seen before, as training rows or as queries of any question, are read (mapped into memory);
    new ones are computed and added. A run that was broken off carries on with the next block of 4,096 rows.

    Parameters
    ----------
    gradients : Gradients
        Where features come from; a folder holds those of one model only.
    folder : path
        Made if it is not there: one .npy a layer and side, and a JSON with the model's digest.

    Raises
    ------
    AssayError
        If the folder is of another model or loss, or a row's key was seen with other contents.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from assay import Data, KeptGradients, LinearGradients
    >>> model = LinearGradients(np.array([[2.0, 0.0]]), "squared", np.zeros(2))
    >>> with TemporaryDirectory() as folder:
    ...     kept = KeptGradients(model, folder)
    ...     _ = kept.rows(Data([[1.0], [2.0]], [2.0, 5.0], ids=["a", "b"]))
    ...     kept.rows(Data([[2.0]], [5.0], ids=["b"])).dense().tolist()
    [[-4.0, -2.0]]
    """

    def __init__(self, gradients: Gradients, folder: str | Path) -> None:
        if not isinstance(gradients, Gradients):
            raise AssayError(
                f"KeptGradients.gradients is {gradients!r}; pass assay.TorchGradients(...), say."
            )
        self.gradients, self.folder, self.classes = gradients, Path(folder), gradients.classes
        self._key = {"model": gradients.fingerprint}
        Shelf(self.folder / "loss", self._key)  # refuses another model's folder at once

    @property
    def linear(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As of the gradients kept."""
        return self.gradients.linear

    @property
    def fingerprint(self) -> str:
        """As of the gradients kept."""
        return self.gradients.fingerprint

    @property
    def checkpoints(self) -> Iterator[Gradients]:
        """Each checkpoint, kept in a folder of its own."""
        for number, gradients in enumerate(self.gradients.checkpoints):
            alone = gradients is self.gradients
            yield self if alone else KeptGradients(gradients, self.folder / f"checkpoint-{number}")

    @property
    def rates(self) -> Floats:
        """As of the gradients kept."""
        return self.gradients.rates

    @property
    def widths(self) -> Sequence[int]:
        """As of the gradients kept."""
        return self.gradients.widths

    @property
    def penalty(self) -> Floats:
        """As of the gradients kept."""
        return self.gradients.penalty

    @property
    def idle(self) -> Floats:
        """As of the gradients kept."""
        return self.gradients.idle

    def rows(self, data: Any, *, of: Of = "loss") -> Features:
        """See `Gradients.rows`; rows without keys (no assay.Data) are computed, not kept."""
        if not isinstance(data, Data):
            return self.gradients.rows(data, of=of)
        shelf = Shelf(self.folder / of, self._key)
        places = places_of(shelf, data)
        new = np.flatnonzero(places < 0)
        for start in range(0, len(new), ROWS):
            part = data.take(new[start : start + ROWS])
            self._add(shelf, self.gradients.rows(part, of=of), part)
        if len(new):
            places = places_of(shelf, data)
        whole = _features(shelf)
        return whole if np.array_equal(places, np.arange(len(whole))) else whole.take(_slice(places))

    def _add(self, shelf: Shelf, features: Features, data: Data) -> None:
        arrays: dict[str, NDArray[Any]] = {"row": keyed(data)}
        layout = []
        for number, layer in enumerate(features.layers):
            if isinstance(layer, Outer):
                arrays |= {f"layer-{number}-a": layer.a, f"layer-{number}-b": layer.b}
            else:
                arrays[f"layer-{number}"] = layer.dense()
            layout.append("outer" if isinstance(layer, Outer) else "full")
        shelf.append(arrays, layout)

    def probabilities(self, data: Any) -> Floats:
        """See `Gradients.probabilities`."""
        return self.gradients.probabilities(data)

    def losses(self, data: Any) -> Floats:
        """See `Gradients.losses`."""
        return self.gradients.losses(data)

    def roots(self, data: Any) -> list[Features]:
        """See `Gradients.roots`."""
        return self.gradients.roots(data)

    def product(self, data: Any, vectors: Floats, curvature: Curvature = "gauss_newton") -> Floats:
        """See `Gradients.product`."""
        return self.gradients.product(data, vectors, curvature)

    def along(self, data: Any, vector: Floats) -> Floats:
        """See `Gradients.along`."""
        return self.gradients.along(data, vector)

    def attacked(self, data: Any) -> Any:
        """See `Gradients.attacked`; the rows have keys of their own."""
        moved = self.gradients.attacked(data)
        if not isinstance(moved, Data):
            return moved
        return Data(moved.X, moved.y, ids=[f"{key} attacked" for key in data.ids], groups=moved.groups)

    def flops(self, data: Any) -> int:
        """See `Gradients.flops`, of rows that are not kept yet."""
        return self.gradients.flops(data)

    def moments(self, data: Any) -> Moments | None:
        """See `Gradients.moments`."""
        return self.gradients.moments(data)

    def weights(self, data: Any) -> Floats:
        """See `Gradients.weights`."""
        return self.gradients.weights(data)


def _features(shelf: Shelf) -> Features:
    layers: list[Layer] = []
    for number, kind in enumerate(shelf.layout):
        if kind == "outer":
            layers.append(Outer(shelf.read(f"layer-{number}-a"), shelf.read(f"layer-{number}-b")))
        else:
            layers.append(Full(shelf.read(f"layer-{number}")))
    return Features(layers)


def _slice(places: Positions) -> Positions | slice:
    """Places in a row as a slice, which stays on disk until it is read."""
    first, count = int(places[0]), len(places)
    return slice(first, first + count) if (places == np.arange(first, first + count)).all() else places
