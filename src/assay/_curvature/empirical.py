"""The damped inverse of the rows' own second moment, by whichever is smaller: the rows or their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, get_lapack_funcs

from .._errors import AssayError
from .._gradients.features import Features, dense_blocks, full
from .._parallel import each
from .._types import Floats
from .kernel import kernel
from .metric import Metric

MOST = 20_000  # rows or numbers of a matrix: 3.2 GB
COLUMNS = 64  # of a block of right-hand sides


@final
class Empirical(Metric):
    """The sum over n rows of their outer products with themselves, with penalty and damping: Φ'Φ + D.

    With fewer rows than numbers a row, through the rows' products K = ΦΦ': Φ (Φ'Φ + λ)⁻¹ q = (K + λ)⁻¹ Φq, so
    that no vector is multiplied out, but where D differs from number to number.

    Parameters
    ----------
    rows : Features
        The n training rows.
    damping : float, optional
        Added to the mean of the outer products; if not given, `share` of a row's mean squared length, over n.
    penalty : array of shape (p,), optional
        Added to the diagonal of their sum.
    share : float

    Raises
    ------
    AssayError
        If the matrix has no inverse, or both n and the numbers a row exceed 20,000.

    Notes
    -----
    With k the smaller of n and the p numbers a row: O(n k p + k³) multiplications, 8 k² bytes. Where k is n,
    factors of widths A and B count A + B numbers, not A B.
    """

    def __init__(
        self,
        rows: Features,
        damping: float | None = None,
        penalty: Floats | None = None,
        *,
        share: float = 1.0,
    ) -> None:
        n, p = len(rows), rows.width
        if min(n, p) > MOST:
            raise AssayError(
                f"The products of {n:,} rows of {p:,} numbers as a matrix would take "
                f"{8 * min(n, p) ** 2 / 2**30:,.0f} GiB; sketch the rows first."
            )
        lengths = float(rows.rowdot(rows).mean())
        self.damping = damping if damping is not None else share * lengths / n
        if damping is None and lengths == 0:
            self.damping = 1.0  # no row has a gradient: all scores are 0
        added = np.full(p, n * self.damping) + (0.0 if penalty is None else penalty)
        self.dual = p > n and added.min() > 0
        self.stretch = added**-0.5 if self.dual and np.ptp(added) else None
        self.ridge = 1.0 if self.stretch is not None else float(added[0])
        self.rows = self._stretched(rows)
        matrix = kernel(self.rows) if self.dual else _moment(rows)
        matrix.flat[:: len(matrix) + 1] += self.ridge if self.dual else added
        norm = _norm(matrix)
        try:
            self.factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
            (pocon,) = get_lapack_funcs(("pocon",), (self.factor[0],))
            condition = 1 / float(pocon(self.factor[0], norm, uplo="L")[0])
        except (LinAlgError, ZeroDivisionError) as error:
            raise AssayError(
                "The rows' second moment has no inverse: there are fewer independent rows than directions; "
                f"raise `damping` (now {self.damping:g})."
            ) from error
        form = f"{n:,} rows" if self.dual else f"{p:,} numbers a row"
        self.note = f"by {form}, damping {self.damping:.3g}, condition {condition:.2g}"

    def of_rows(self, query: Features) -> Floats:
        """The scores (n, m) of the rows themselves for these queries."""
        if self.dual:
            return self._solved(self.rows.gram(self._stretched(query)))
        return self.rows.gram(self.solve(query))

    def against(self, query: Features) -> Callable[[Features], Floats]:
        """See `Metric.against`; without a vector of any row, where rows are fewer than numbers."""
        if not self.dual:
            solved = self.solve(query)
            return lambda train: train.gram(solved)
        query = self._stretched(query)
        weights = self._solved(self.rows.gram(query))

        def scores(train: Features) -> Floats:
            train = self._stretched(train)
            return (train.gram(query) - train.gram(self.rows) @ weights) / self.ridge

        return scores

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`."""
        if not self.dual:
            return full(self._solved(query.dense().astype(float).T).T, query.widths)
        query = self._stretched(query)
        weights, found = self._solved(self.rows.gram(query)), query.dense().astype(float)
        for part in dense_blocks(self.rows):
            found -= weights[part].T @ self.rows.take(part).dense()
        found /= self.ridge
        return full(found if self.stretch is None else found * self.stretch, query.widths)

    def _stretched(self, features: Features) -> Features:
        """Numbers in units of the root of what is added to their squares, where that differs among them."""
        return features if self.stretch is None else full(features.dense() * self.stretch, features.widths)

    def _solved(self, right: Floats) -> Floats:
        parts = [(slice(at, at + COLUMNS),) for at in range(0, right.shape[1], COLUMNS)]

        def block(part: slice) -> Floats:
            return cho_solve(self.factor, right[:, part], check_finite=False)

        return np.concatenate(list(each(block, parts, threads=True)), axis=1)


def _moment(rows: Features) -> Floats:
    """Φ'Φ (p, p), by blocks of rows."""
    total = np.zeros((rows.width, rows.width), order="F")
    for part in dense_blocks(rows):
        g = rows.take(part).dense().astype(float)
        total += g.T @ g
    return total


def _norm(lower: Floats) -> float:
    """The 1-norm of the symmetric matrix of this lower triangle."""
    sums = np.zeros(len(lower))
    for at in range(0, len(lower), COLUMNS):
        part = np.abs(np.tril(lower[:, at : at + COLUMNS], -at))  # rows below and on the diagonal
        sums[at : at + COLUMNS] += part.sum(axis=0)
        inside = np.arange(at, min(at + COLUMNS, len(lower)))
        part[inside, inside - at] = 0
        sums += part.sum(axis=1)
    return float(sums.max())
