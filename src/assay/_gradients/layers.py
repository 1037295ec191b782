"""The gradient of one layer for many rows: as outer products that are never multiplied out, or in full.

A linear layer's gradient for a row is the sum over its tokens of b aᵀ, where a is what came in (with a
trailing 1 for the bias) and b the gradient of the loss by what came out. Products of such gradients need a
and b alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._types import Floats, Positions

BLOCK_BYTES = 2**25  # of gradients multiplied out at a time


@dataclass(frozen=True, eq=False)
class Outer:
    """Gradients (n, B, A) of rows that are sums of T outer products.

    Parameters
    ----------
    a : array of shape (n, T, A)
        What came in.
    b : array of shape (n, T, B)
        The gradient by what came out.
    """

    a: Any
    b: Any

    def __len__(self) -> int:
        return len(self.a)

    @property
    def width(self) -> int:
        """Parameters of the layer."""
        return self.a.shape[2] * self.b.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.a.nbytes + self.b.nbytes

    def take(self, rows: Positions | slice) -> Outer:
        """These rows."""
        return Outer(self.a[rows], self.b[rows])

    def scaled(self, weights: Floats) -> Outer:
        """Each row times its weight."""
        return Outer(self.a, self.b * weights[:, None, None].astype(self.b.dtype))

    def dense(self) -> Floats:
        """The gradients, (n, B A)."""
        return np.matmul(self.b.transpose(0, 2, 1), self.a).reshape(len(self), self.width)

    def total(self, weights: Floats) -> Full:
        """The weighted sum of the rows, as one row."""
        a, b = self.a.reshape(-1, self.a.shape[2]), self.scaled(weights).b.reshape(-1, self.b.shape[2])
        return Full((b.T @ a).reshape(1, -1))

    def gram(self, other: Layer) -> Floats:
        """Products of each row with each row of `other`, (n, m)."""
        if not isinstance(other, Outer):
            if len(other) == 1:
                return self.along(other.dense()[0])[:, None]
            return _in_blocks(self, lambda part: other.gram(Full(part.dense())).T)
        tokens = self.a.shape[1] * other.a.shape[1]
        if tokens * (self.a.shape[2] + self.b.shape[2]) > self.width:
            dense = other.dense()
            return _in_blocks(self, lambda part: part.dense() @ dense.T)
        if tokens == 1:
            out = self.a[:, 0] @ other.a[:, 0].T
            out *= self.b[:, 0] @ other.b[:, 0].T
            return out
        return self._by_tokens(other)

    def _by_tokens(self, other: Outer) -> Floats:
        out = np.zeros((len(self), len(other)), np.result_type(self.a, other.a))
        for s in range(self.a.shape[1]):
            for t in range(other.a.shape[1]):
                out += (self.a[:, s] @ other.a[:, t].T) * (self.b[:, s] @ other.b[:, t].T)
        return out

    def along(self, vector: Floats) -> Floats:
        """The product of each row with one vector (B A,), (n,)."""
        matrix = vector.reshape(self.b.shape[2], self.a.shape[2]).astype(self.a.dtype, copy=False)
        return (np.matmul(self.a, matrix.T) * self.b).sum(axis=(1, 2))

    def rowdot(self, other: Layer) -> Floats:
        """The product of each row with the same row of `other`, (n,)."""
        if not isinstance(other, Outer):
            matrices = other.dense().reshape(len(self), self.b.shape[2], self.a.shape[2])
            return (np.matmul(self.a, matrices.transpose(0, 2, 1)) * self.b).sum(axis=(1, 2))
        inside = np.matmul(self.a, other.a.transpose(0, 2, 1))
        return (inside * np.matmul(self.b, other.b.transpose(0, 2, 1))).sum(axis=(1, 2))


@dataclass(frozen=True, eq=False)
class Full:
    """Gradients of rows in full.

    Parameters
    ----------
    g : array of shape (n, p)
    """

    g: Any

    def __len__(self) -> int:
        return len(self.g)

    @property
    def width(self) -> int:
        """Parameters of the layer."""
        return self.g.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.g.nbytes

    def take(self, rows: Positions | slice) -> Full:
        """These rows."""
        return Full(self.g[rows])

    def scaled(self, weights: Floats) -> Full:
        """Each row times its weight."""
        return Full(self.g * weights[:, None].astype(self.g.dtype))

    def dense(self) -> Floats:
        """The gradients, (n, p)."""
        return self.g

    def total(self, weights: Floats) -> Full:
        """The weighted sum of the rows, as one row."""
        return Full((weights.astype(self.g.dtype) @ self.g)[None])

    def gram(self, other: Layer) -> Floats:
        """Products of each row with each row of `other`, (n, m)."""
        return self.g @ other.g.T if isinstance(other, Full) else other.gram(self).T

    def along(self, vector: Floats) -> Floats:
        """The product of each row with one vector (p,), (n,)."""
        return self.g @ vector.astype(self.g.dtype, copy=False)

    def rowdot(self, other: Layer) -> Floats:
        """The product of each row with the same row of `other`, (n,)."""
        return np.einsum("ij,ij->i", self.g, other.g) if isinstance(other, Full) else other.rowdot(self)


@dataclass(frozen=True, eq=False)
class Sparse:
    """Gradients of rows that are 0 nearly everywhere: those of a table of embeddings.

    Parameters
    ----------
    g : sparse array of shape (n, p), CSR
    """

    g: Any

    def __len__(self) -> int:
        return self.g.shape[0]

    @property
    def width(self) -> int:
        """Parameters of the layer."""
        return self.g.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.g.data.nbytes + self.g.indices.nbytes + self.g.indptr.nbytes

    def take(self, rows: Positions | slice) -> Sparse:
        """These rows."""
        return Sparse(self.g[rows])

    def scaled(self, weights: Floats) -> Sparse:
        """Each row times its weight."""
        return Sparse(self.g.multiply(weights[:, None].astype(self.g.dtype)).tocsr())

    def dense(self) -> Floats:
        """The gradients, (n, p)."""
        return self.g.toarray()

    def total(self, weights: Floats) -> Full:
        """The weighted sum of the rows, as one row."""
        return Full((self.g.T @ weights.astype(self.g.dtype))[None])

    def gram(self, other: Layer) -> Floats:
        """Products of each row with each row of `other`, (n, m)."""
        return (self.g @ other.g.T).toarray() if isinstance(other, Sparse) else self.g @ other.dense().T

    def along(self, vector: Floats) -> Floats:
        """The product of each row with one vector (p,), (n,)."""
        return self.g @ vector.astype(self.g.dtype, copy=False)

    def rowdot(self, other: Layer) -> Floats:
        """The product of each row with the same row of `other`, (n,)."""
        return np.asarray(
            self.g.multiply(other.g if isinstance(other, Sparse) else other.dense()).sum(axis=1)
        )


Layer = Outer | Full | Sparse


def blocks(rows: int, bytes_a_row: int) -> Iterator[slice]:
    """Parts of the rows that fit into the memory for a block; the same ones whoever asks."""
    step = max(1, BLOCK_BYTES // max(bytes_a_row, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _in_blocks(layer: Outer, work: Callable[[Outer], Floats]) -> Floats:
    size = layer.width * layer.a.itemsize
    return np.concatenate([work(layer.take(rows)) for rows in blocks(len(layer), size)])
