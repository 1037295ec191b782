"""Entropic optimal transport between two clouds of rows of equal weight, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..._errors import AssayError
from ..._parallel import each
from ..._types import Floats

KEPT = 2**25  # products that are kept; more are made again by every pass
PAIRS = 2**20  # products that a thread works on at a time
FEWEST = 16  # rows of a block, however many columns
LEAST, MOST = 1e-250, 1e250  # sums outside have lost digits
COOLING = 0.25  # how epsilon falls from one pass to the next
STRIDE = 1.8  # steps past the minimum hurry; from 2 on they would never settle
MOST_PASSES = 20_000


@dataclass(frozen=True)
class Costs:
    """Ground costs |x - z|**2 / 2 + apart[class of x, z] between rows `X` and `Z`.

    Parameters
    ----------
    X, Z : array of shape (n, d), (m, d)
        Rows; near the origin, so that no digits are lost.
    codes : array of shape (n,)
        Classes of `X`, as lines of `apart`.
    apart : array of shape (classes, m)
        What a pair costs on top of its distance.
    kept : int
        Up to so many products of rows are kept in memory, at 8 bytes.
    n_jobs : int | None
        Threads of a pass; the bits do not depend on it.
    """

    X: Floats
    Z: Floats
    codes: NDArray[np.intp]
    apart: Floats
    kept: int = KEPT
    n_jobs: int | None = None
    _half: tuple[Floats, Floats] = field(init=False, repr=False)
    _products: Floats | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        half = tuple(np.einsum("ij,ij->i", side, side) / 2 for side in (self.X, self.Z))
        small = len(self.X) * len(self.Z) <= self.kept
        object.__setattr__(self, "_half", half)
        object.__setattr__(self, "_products", self.X @ self.Z.T if small else None)

    def minima(self, f: Floats, g: Floats, epsilon: float) -> tuple[Floats, Floats]:
        """What `f` (n,) would be for this `g` (m,), and `g` for this `f`: one pass over all pairs.

        With the plan P = e**((f + g - cost) / epsilon) / (n m), these are f - epsilon log(n P 1) and
        g - epsilon log(m P' 1), so that one exponential serves both sides.
        """
        rows, columns = self._sums(f, g, epsilon)
        if min(rows.min(), columns.min()) < LEAST or max(rows.max(), columns.max()) > MOST:
            return self._careful_minima(f, g, epsilon)
        return f - epsilon * np.log(rows), g - epsilon * np.log(columns)

    def _sums(self, f: Floats, g: Floats, epsilon: float) -> tuple[Floats, Floats]:
        """Sums n P 1 (n,) and m P' 1 (m,), block by block, in one order however many threads there are."""
        from ._kernel import add_sums

        n, m = len(f), len(g)
        shift = (f - self._half[0]) / epsilon - np.log(m)
        tilt = np.ascontiguousarray((g - self._half[1] - self.apart) / epsilon)

        def block(rows: slice) -> tuple[Floats, Floats]:
            products = self._block(rows)
            by_row, by_column = np.zeros(len(products)), np.zeros(m)
            add_sums(products, 1 / epsilon, tilt, self.codes[rows], shift[rows], by_row, by_column)
            return by_row, by_column

        found = each(block, ((rows,) for rows in self._blocks()), self.n_jobs, threads=True)
        by_rows, columns = [], np.zeros(m)
        for by_row, by_column in found:
            by_rows.append(by_row)
            columns += by_column
        return np.concatenate(by_rows), columns * (m / n)

    def _careful_minima(self, f: Floats, g: Floats, epsilon: float) -> tuple[Floats, Floats]:
        """The same, by logarithms of sums: slow, for the rare pass whose plan over- or underflows."""
        n, m = len(f), len(g)
        minima, columns = np.empty(n), np.full(m, -np.inf)
        for rows in self._blocks():
            near = self._block(rows) - self._half[1] - self.apart[self.codes[rows]]
            minima[rows] = self._half[0][rows] - epsilon * (
                logsumexp((near + g) / epsilon, axis=1) - np.log(m)
            )
            pull = (f - self._half[0])[rows, None]
            columns = np.logaddexp(columns, _log_sums((near + pull) / epsilon, 0))
        return minima, -epsilon * (columns - np.log(n))

    def _blocks(self) -> list[slice]:
        step = max(FEWEST, PAIRS // len(self.Z))
        return [slice(start, start + step) for start in range(0, len(self.X), step)]

    def _block(self, rows: slice) -> Floats:
        return self.X[rows] @ self.Z.T if self._products is None else self._products[rows]


@dataclass(frozen=True)
class Potentials:
    """Dual potentials of the transport.

    Parameters
    ----------
    f, g : array of shape (n,), (m,)
        What it costs to serve from a row, and to serve a row; up to a constant that moves between them.
    error : float
        How far the masses that leave and reach rows are from what they should be, as a share; the larger.
    passes : int
        How often all pairs were gone through.
    """

    f: Floats
    g: Floats
    error: float
    passes: int

    @property
    def cost(self) -> float:
        """The regularised cost of the transport."""
        return float(self.f.mean() + self.g.mean())


def solve(costs: Costs, epsilon: float, width: float, tolerance: float | None = None) -> Potentials:
    """Potentials at `epsilon`, cooled down from `width` squared, one pass at each temperature.

    The passes update both sides at once and go half the way; the last goes all of it. This is the published
    computation, and ends far from the optimum: `Potentials.error` says how far. With a `tolerance`, it goes
    on at `epsilon` until the error is at most that.

    Raises
    ------
    AssayError
        If the tolerance was not reached.
    """
    temperatures = _cooling(width**2, epsilon)
    f, g = costs.minima(np.zeros(len(costs.X)), np.zeros(len(costs.Z)), temperatures[0])
    for temperature in temperatures:
        to_f, to_g = costs.minima(f, g, temperature)
        f, g = (f + to_f) / 2, (g + to_g) / 2
    to_f, to_g = costs.minima(f, g, epsilon)
    error = max(_error(f - to_f, epsilon), _error(g - to_g, epsilon))
    reached = Potentials(to_f, to_g, error, len(temperatures) + 2)
    return reached if tolerance is None else _settled(costs, epsilon, reached, tolerance)


def _settled(costs: Costs, epsilon: float, reached: Potentials, tolerance: float) -> Potentials:
    """Let the sides take turns, with steps that go too far on purpose, until the error is small."""
    f, g, least, stride = reached.f, reached.g, np.inf, STRIDE
    for passes in range(reached.passes + 1, reached.passes + MOST_PASSES, 2):
        to_f, to_g = costs.minima(f, g, epsilon)
        error = max(_error(f - to_f, epsilon), _error(g - to_g, epsilon))
        if error <= tolerance:
            return Potentials(to_f, to_g, error, passes)
        if error > 3 * least:
            stride = 1 + (stride - 1) / 2
        least = min(error, least)
        f = f + stride * (to_f - f)
        g = g + stride * (costs.minima(f, g, epsilon)[1] - g)
    raise AssayError(
        f"LAVA's transport is still off by {least:.2g} after {MOST_PASSES} passes; raise LAVA.tolerance, or "
        "LAVA.regularisation, which is in units of squared distances: scale features, or try ten times it."
    )


def _cooling(start: float, end: float) -> list[float]:
    """From the first temperature down to the last; the first one twice, as published."""
    if start <= end:
        return [end]
    between = np.exp(np.arange(np.log(start), np.log(end), np.log(COOLING)))
    return [start, *between.tolist(), end]


def _log_sums(exponents: Floats, axis: int) -> Floats:
    found: Any = logsumexp(exponents, axis=axis)
    return found


def _error(gap: Floats, epsilon: float) -> float:
    """How far sums of a plan are from what they should be, given by how far a side would move."""
    with np.errstate(over="ignore"):
        return float(np.minimum(np.abs(np.expm1(gap / epsilon)), len(gap)).mean())
