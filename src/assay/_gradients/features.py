"""Features: the gradients of rows, layer by layer, as what they are multiplied by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._errors import AssayError
from .._parallel import each
from .._types import Floats, Positions
from .layers import Full, Layer, blocks

ROWS = 512  # of a block of products: fixed, so that bits depend on nothing else


@dataclass(frozen=True, eq=False)
class Features:
    """One vector of numbers a row, parted in layers; linear layers are kept as factors, far smaller.

    Parameters
    ----------
    layers : sequence of Outer or Full
        The same rows in each. The vector of a row is what the layers hold, one after another.

    Examples
    --------
    >>> import numpy as np
    >>> rows = Features([Full(np.array([[1.0, 0.0], [0.0, 2.0]]))])
    >>> rows.gram(rows)
    array([[1., 0.],
           [0., 4.]])
    """

    layers: Sequence[Layer]

    def __len__(self) -> int:
        return len(self.layers[0])

    @property
    def width(self) -> int:
        """Numbers a row, multiplied out."""
        return sum(self.widths)

    @property
    def widths(self) -> list[int]:
        """Numbers a row in each layer."""
        return [layer.width for layer in self.layers]

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return sum(layer.nbytes for layer in self.layers)

    def take(self, rows: Positions | slice) -> Features:
        """The rows at these positions."""
        return Features([layer.take(rows) for layer in self.layers])

    def scaled(self, weights: Floats) -> Features:
        """Each row times its weight, (n,)."""
        return Features([layer.scaled(weights) for layer in self.layers])

    def dense(self) -> Floats:
        """The vectors, (n, width)."""
        return np.concatenate([layer.dense() for layer in self.layers], axis=1)

    def total(self, weights: Floats) -> Features:
        """The sum of the rows by weights (n,), as one row."""
        return Features([layer.total(weights) for layer in self.layers])

    def gram(self, other: Features) -> Floats:
        """Products of each row with each row of `other`, (n, m), by threads over blocks of rows.

        Raises
        ------
        AssayError
            If the layers of the two do not match.
        """
        self._check(other)
        parts = [slice(at, at + ROWS) for at in range(0, len(self), ROWS)]
        return np.concatenate(list(each(self._gram_of, ((rows, other) for rows in parts), threads=True)))

    def _gram_of(self, rows: slice, other: Features) -> Floats:
        first, *rest = zip(self.take(rows).layers, other.layers, strict=True)
        out = first[0].gram(first[1])
        for mine, its in rest:
            out += mine.gram(its)
        return out.astype(float)

    def along(self, vector: Floats) -> Floats:
        """The product of each row with one vector (width,), (n,)."""
        ends = np.cumsum(self.widths)[:-1]
        parts = zip(self.layers, np.split(vector, ends), strict=True)
        return np.sum([layer.along(part) for layer, part in parts], axis=0, dtype=float)

    def rowdot(self, other: Features) -> Floats:
        """The product of each row with the same row of `other`, (n,)."""
        self._check(other)
        pairs = zip(self.layers, other.layers, strict=True)
        return np.sum([mine.rowdot(its) for mine, its in pairs], axis=0, dtype=float)

    def norms(self) -> Floats:
        """The length of each row's vector, (n,)."""
        return np.sqrt(np.maximum(self.rowdot(self), 0))

    def _check(self, other: Features) -> None:
        if self.widths != other.widths:
            raise AssayError(
                f"These features have layers of {other.widths} numbers, and those they are multiplied with "
                f"{self.widths}; take both from the same model and store."
            )


def full(vectors: Floats, widths: Sequence[int]) -> Features:
    """Vectors (n, p) as features of layers of these widths."""
    return Features([Full(part) for part in np.split(vectors, np.cumsum(widths)[:-1], axis=1)])


def dense_blocks(features: Features) -> list[slice]:
    """Blocks of rows whose vectors, multiplied out as float64, fit into the memory of a block."""
    return list(blocks(len(features), 8 * features.width))
