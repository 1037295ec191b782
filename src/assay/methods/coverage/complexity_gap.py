"""How much simpler a network's task would be without a row, from inner products alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import is_number, is_whole
from ..._problem import Problem
from ..._spread import variance
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer


@final
@dataclass(eq=False, kw_only=True)
class ComplexityGap(Valuer):
    """Minus how much the complexity of the labels falls without the row; no training, no validation rows.

    The complexity is y' H**-1 y, where H is the kernel of a wide network of two layers, h(x, z) =
    x'z (pi - arccos x'z) / (2 pi) for rows of length 1: what bounds its generalisation error. Without row i
    it falls by (H**-1 y)_i**2 / (H**-1)_ii, by the inverse of a matrix in blocks: the square of the error
    with which the other rows predict row i, over the variance of that prediction. Errors and rare rows make
    the largest gaps, and are worth least.

    For classes, y is 1 for the row's own class and -1 for every other, as published, but against all other
    rows where the published code draws as many as the class has. For numbers, y is centred, and the gap in
    its units squared. Rows are scaled to length 1: scale features alike, and centre them, so that
    directions tell rows apart.

    Exact up to `part` rows: n**3 multiplications and 8 n**2 bytes (3.2 GB for 20,000 rows). Above, rows are
    parted at random, again and again, and a value estimates the mean gap in a random part of the size; its
    standard error comes from the spread over partings. Gaps in a part differ from those among all rows:
    fewer rows predict worse. Each row in each parting is an evaluation.

    Parameters
    ----------
    ridge : float
        What is added to the diagonal of H, which is 1/2: the variance of noise in the labels; above 0. Copies
        of a row make H singular without; two that have different labels have gaps of 2 / ridge. More of it,
        up to about 0.1, often finds more wrong labels; the published gap has none.
    part : int
        The most rows that are solved for at once; at least 2.

    Source: Nohyun, Choi and Chung (2023), "Data Valuation Without Training of a Model".

    Examples
    --------
    >>> from assay import ComplexityGap, Data, Problem, value
    >>> X = [[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [-1.0, 0.1], [-1.0, 0.2]]
    >>> value(Problem(Data(X, ["a", "b", "a", "b", "b"])), ComplexityGap()).lowest(1)
    array([1])
    """

    ridge: float = 1e-6
    part: int = 20_000
    needs: ClassVar[Needs] = Needs.LABELS

    def __post_init__(self) -> None:
        if not is_number(self.ridge) or self.ridge <= 0:
            raise AssayError(f"ComplexityGap.ridge is {self.ridge!r}; it needs to be a number above 0.")
        if not is_whole(self.part) or self.part < 2:
            raise AssayError(f"ComplexityGap.part is {self.part!r}; it needs to be a whole number above 1.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once, or an estimate after every parting but the first."""
        self.__post_init__()  # `set_params` does not come by there
        task, n = _Task.of(problem, float(self.ridge)), problem.n
        if n <= self.part:
            yield Valuation(-task.gaps(np.arange(n)), status=Status.exact)
            return
        mean, spread, draws = np.zeros(n), np.zeros(n), 0
        while True:
            gaps = np.empty(n)
            for rows in np.array_split(rng.permutation(n), math.ceil(n / self.part)):
                gaps[rows] = task.gaps(rows)
            draws += 1
            change = -gaps - mean
            mean = mean + change / draws
            spread = spread + change * (-gaps - mean)
            if draws < 2:
                continue
            # knowing little of a row, its partings vary as those of all rows do
            overall = float(spread.mean() / (draws - 1))
            stderr = np.sqrt(variance(spread, draws, overall) / draws)
            yield Valuation(mean, stderr, evals=n * draws, draws=draws, next_evals=n)


@dataclass(frozen=True)
class _Task:
    """Rows of length 1 and what is to be told of them."""

    rows: Floats  # (n, d)
    rank: NDArray[np.intp]  # (n,) rows in an order that does not depend on theirs; the same for copies
    codes: NDArray[np.intp]  # (n,) which target is the row's
    targets: Floats  # (n, classes), or (n, 1)
    ridge: float

    @classmethod
    def of(cls, problem: Problem, ridge: float) -> _Task:
        X = problem.train.dense
        length = np.sqrt((X**2).sum(axis=1))
        if not length.all():
            raise AssayError(
                f"ComplexityGap scales rows to length 1, but {(length == 0).sum()} row(s) hold zeros only, "
                f"the first at position {int(np.argmin(length))}; centre the features, or add a constant one."
            )
        if problem.target_kind == "number":
            y = problem.train.y.astype(float)
            codes, targets = np.zeros(len(y), np.intp), (y - np.sort(y).mean())[:, None]
            told = y
        else:
            classes, codes = np.unique(problem.train.y, return_inverse=True)
            targets = np.where(codes[:, None] == np.arange(len(classes)), 1.0, -1.0)
            told = codes
        rank = np.unique(np.column_stack((X, told)), axis=0, return_inverse=True)[1].ravel()
        return cls(X / length[:, None], rank, codes, targets, ridge)

    def gaps(self, rows: NDArray[np.intp]) -> Floats:
        """Gaps (k,) of `rows` among each other, to the bit whatever their order; copies share one gap."""
        from ._gram_solve import solved

        order = np.argsort(self.rank[rows], kind="stable")
        ordered = rows[order]
        units = self.rows[ordered]

        def kernel(left: slice, right: slice) -> Floats:
            return _kernel(units[left], units[right], self.ridge if left == right else None)

        solution, diagonal = solved(len(rows), kernel, self.targets[ordered])
        own = solution[np.arange(len(rows)), self.codes[ordered]] ** 2 / diagonal
        copies = np.unique(self.rank[ordered], return_inverse=True)[1].ravel()
        shared = np.bincount(copies, own) / np.bincount(copies)
        gaps = np.empty(len(rows))
        gaps[order] = shared[copies]
        return gaps


def _kernel(left: Floats, right: Floats, ridge: float | None) -> Floats:
    """The kernel between rows of length 1; with a `ridge`, of rows with themselves."""
    inner = np.clip(left @ right.T, -1.0, 1.0)
    kernel = inner * (np.pi - np.arccos(inner)) / (2 * np.pi)
    if ridge is not None:
        kernel[np.diag_indices(len(left))] = 0.5 + ridge
    return kernel
