"""Space: how far rows are from judges, quickly by matrix products and, where that is not enough, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..._errors import AssayError
from ..._problem import Data
from ..._types import Floats, Positions

Metric = Literal["euclidean", "cosine", "manhattan"]
ROUNDING = np.finfo(float).eps / 2
WHOLE = 2.0**52  # whole numbers up to here add up without rounding


def check_metric(name: str, metric: Any) -> None:
    """Refuse what is no metric, in the name of method `name`."""
    if metric not in get_args(Metric):
        raise AssayError(f"{name}.metric is {metric!r}; choose one of {', '.join(get_args(Metric))}.")


@dataclass(frozen=True)
class Space:
    """Rows and judges, ready for distances; what it calls a distance may be any function that grows with it.

    Parameters
    ----------
    metric : Metric
    X : array of shape (n, d) or CSR
        The rows: centred (Euclidean), of length 1 (cosine), or as they are; float64, but for Manhattan.
    points : array of shape (m, d)
        The judges, alike; dense.
    offset : array of shape (n,)
        Distances are `offset + factor * table`.
    factor : float
    tolerance : array of shape (m,)
        How far, for each judge, rounding may set apart the distances of rows that are equally far; 0 where
        distances are exact as they are.
    whole : bool
        Whether distances are whole numbers, added up without rounding.
    given : tuple of arrays
        Rows and judges as exact distances take them.
    """

    metric: Metric
    X: Any
    points: Floats
    offset: Floats
    factor: float
    tolerance: Floats
    whole: bool
    given: tuple[Any, Floats]

    @classmethod
    def of(cls, train: Data, valid: Data, metric: Metric) -> Space:
        """Make ready what distances between `train` and `valid` need; O(n d)."""
        X, points = train.X, np.ascontiguousarray(valid.dense)
        zeros, none = np.zeros(len(train)), np.zeros(len(points))
        if metric == "manhattan":
            columns = X if issparse(X) else np.ascontiguousarray(X.T, dtype=float)
            return cls(metric, columns, points, zeros, 1.0, none, False, (X, points))
        if metric == "cosine":
            X, points = _of_length_one(X), _of_length_one(points)
            error = 8 * (X.shape[1] + 4) * ROUNDING
            return cls(metric, X, points, zeros, -1.0, none + error, False, (X, points))
        if issparse(X):
            X = X.astype(float)
            squares, whole, rows, judges = _squares(X), False, X, points
        else:
            whole = _are_whole(X, points)
            middle = np.zeros(X.shape[1]) if whole else X.mean(axis=0, dtype=float)
            rows, judges = X.astype(float) - middle, points - middle
            squares = _squares(rows)
        reach = (np.sqrt(squares.max()) + np.sqrt(_squares(judges))) ** 2
        error = none if whole else 4 * (X.shape[1] + 4) * ROUNDING * reach
        return cls(metric, rows, judges, squares, -2.0, error, whole, (X, points))

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.offset)

    def table(self, start: int, stop: int) -> Floats:
        """What makes distances from `start:stop` of the judges to all rows, (judges, n)."""
        points = self.points[start:stop]
        out = np.empty((len(points), self.n))
        if self.metric == "manhattan":
            _manhattan(self.X, points, out)
        elif issparse(self.X):
            out[:] = (self.X @ points.T).T
        else:
            np.dot(points, self.X.T, out=out)
        return out

    def exact(self, judge: int, rows: Positions, distances: Floats) -> Floats:
        """Distances of `rows` to one judge, equal for equal rows; `distances` (n,) are those of all rows."""
        if not self.tolerance[judge]:
            return distances[rows]
        from . import _distances

        X, point, out = self.given[0], self.given[1][judge], np.empty(len(rows))
        if issparse(X) and self.metric == "euclidean":
            support = np.flatnonzero(point)
            _distances.sparse_squared(X.data, X.indices, X.indptr, point, support, rows, out)
        elif issparse(X):
            _distances.sparse_products(
                X.data, X.indices, X.indptr, self.offset, self.factor, point, rows, out
            )
        elif self.metric == "cosine":
            _distances.products(X, point, rows, out)
        else:
            _distances.squared(X, point, rows, out)
        return out


def _manhattan(X: Any, points: Floats, out: Floats) -> None:
    from . import _distances

    if issparse(X):
        _distances.sparse_manhattan(X.data, X.indices, X.indptr, points, out)
    else:
        _distances.manhattan(X, points, out)


def _squares(X: Any) -> Floats:
    """Squared lengths of rows."""
    return np.asarray(X.multiply(X).sum(axis=1)).ravel() if issparse(X) else np.einsum("ij,ij->i", X, X)


def _of_length_one(X: Any) -> Any:
    """Rows divided by their length; a row of zeros stays one, at a right angle to all others."""
    X = X.astype(float)
    length = np.sqrt(_squares(X))
    length[length == 0] = 1.0
    if not issparse(X):
        return X / length[:, None]
    X.data = X.data / np.repeat(length, np.diff(X.indptr))
    return X


def _are_whole(X: NDArray[Any], points: Floats) -> bool:
    """Whether squared distances are whole numbers that float64 adds up without rounding."""
    most = max(np.abs(X).max(), np.abs(points).max())
    if 4.0 * float(most) ** 2 * X.shape[1] >= WHOLE:
        return False
    return all(bool((part == np.floor(part)).all()) for part in (X, points))
