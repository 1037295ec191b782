"""Semivalues from coalitions already asked: a surrogate's, in closed form, plus what it misses.

Whatever function f stands in for the worths v, the sum over sizes of E[z v] is that of E[z f], which is known
exactly, plus that of E[z (v - f)], which is estimated from the coalitions asked (a control variate). For each
coalition f is a fit without it, so that f may be bad without doing harm, and the standard errors are those
of the misses. What is asked next depends a little on worths already seen: the bias of that was at most a
fifth of the error in random games of 6 rows, and vanishes with more. Sizes asked in full are exact, and
nearly so where nearly all was asked.

Source: Witter, Liu and Musco (2025), "Regression-adjusted Monte Carlo estimators for Shapley values and
probabilistic values"; Musco and Witter (2025), "Provably accurate Shapley value estimation via leverage
score sampling"; Lundberg and Lee (2017), "A unified approach to interpreting model predictions".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._spread import PRIOR
from ..._types import Coalitions, Floats, Worths
from ._strata import held, root_mean_square, weights
from ._surrogate_fit import MOST, Surrogate, fitted

FEWEST = 4  # draws behind a mean; smaller sizes are taken together with their neighbours
ODD = ((1,), (1, 3), (1, 3, 5))
EVEN = ((2,), (2, 4))
BOTH = ((1,), (1, 2), (1, 2, 3))
LINES = 4096  # lines of 0 and 1 that are held as numbers at a time
TINY = 1e-14
THIN = 2 / 3  # in theory 1; but misses of the last coalitions, left by choice of the others, are larger
CLOSE = 0.25  # sizes whose logarithms of t / (n - t) are this close share what is known of their spread


@dataclass(frozen=True, eq=False)
class Estimate:
    """A semivalue of every row.

    Parameters
    ----------
    values, stderr : arrays of shape (n,)
        Values, and their standard errors; 0 where all coalitions that matter were asked.
    spread : array of shape (n + 1,)
        Standard deviation of what is left of the worths, by size: where to ask next.
    """

    values: Floats
    stderr: Floats
    spread: Floats


@dataclass(frozen=True, eq=False)
class _Part:
    """Targets (m,) on the coalitions drawn, to be averaged times z; and kernels that may fit them."""

    targets: Floats
    families: tuple[tuple[int, ...], ...]


class Record:
    """Coalitions of n rows asked size by size, and any semivalue of them.

    Parameters
    ----------
    coalitions : array of shape (m, n)
        As `Strata.next` gives them, from the first on.
    worths : array of shape (m,)
        What they are worth.
    expected : array of shape (n + 1,)
        `Strata.expected`.
    paired : bool
        Whether lines 2k and 2k + 1 are complements.
    before : Record, optional
        A record of fewer of the same: its surrogates are used again, as they are.
    """

    def __init__(
        self,
        coalitions: Coalitions,
        worths: Worths,
        expected: Floats,
        *,
        paired: bool = True,
        before: Record | None = None,
    ) -> None:
        n = self.n = coalitions.shape[1]
        self.ends = worths[:2]
        self.width = float(np.ptp(worths)) or 1.0
        self.expected, self.paired = expected, paired
        sets, rest = coalitions[2:], worths[2:]
        if paired:
            sets, small, large = sets[::2], rest[::2], rest[1::2]
            self.parts = (_Part(small - large, ODD), _Part(small + large, EVEN))
        else:
            self.parts = (_Part(rest, BOTH),)
        self.sets, self.sizes = sets, sets.sum(axis=1)
        self.counts = np.bincount(self.sizes, minlength=n + 1).astype(float)
        self.held = held(n, paired=paired)
        self.bins = _bins(self.counts, self.held)
        number = np.full(n + 1, -1)
        for i, bin_ in enumerate(self.bins):
            number[bin_] = i
        self.lines = [np.flatnonzero(number[self.sizes] == i) for i in range(len(self.bins))]
        self.weight = self._weigh()
        self.surrogates: dict[int, Surrogate] = dict(before.surrogates) if before else {}
        self.fits: dict[int, Floats] = dict(before.fits) if before else {}

    @property
    def fresh(self) -> bool:
        """Whether a new fit could use more than what the surrogates in use were fitted to."""
        used = min((len(one.sets) for one in self.surrogates.values()), default=0)
        return used < min(MOST, len(self.sizes))

    def estimate(self, mass: Floats) -> Estimate:
        """The semivalue with `mass` (n,) on joining a coalition of s = 0, ..., n - 1 others."""
        mass = np.asarray(mass, float)
        z = weights(mass, paired=self.paired)
        values = mass[-1] * self.ends[1] - mass[0] * self.ends[0] + np.zeros(self.n)
        # what a draw adds to a row that is in, and to one that is out, once surrogates are taken off
        draws = np.zeros((2, len(self.sizes)))
        law, squares = np.zeros((2, self.n + 1))
        for number, pair in enumerate(zip(z[::2], z[1::2], strict=True)):
            share = root_mean_square(*pair) ** 2
            if share.max() < TINY:
                continue
            known, misses = self._adjust(number, *pair)
            values += known
            draws += np.stack(pair)[:, self.sizes] * misses
            law += share
            squares += share * np.maximum(self._spread(misses) ** 2, (self.width / (2 * self.n)) ** 2)
        spread = np.sqrt(np.divide(squares, law, out=np.zeros_like(law), where=law > TINY))
        return Estimate(values, np.sqrt(self._variance(draws, squares)), spread)

    def _adjust(self, number: int, z_in: Floats, z_out: Floats) -> tuple[Floats, Floats]:
        """The estimate of a part (n,), and what each draw's own surrogate misses of it (m,)."""
        part, sizes, full = self.parts[number], self.sizes, self.counts == self.held
        done = full[sizes]
        if done.all():
            return self._total(z_in, z_out, part.targets), np.zeros(len(sizes))
        if number not in self.surrogates:
            costs = np.where(done, 0, root_mean_square(z_in, z_out)[sizes] * self.weight) ** 2
            self.surrogates[number] = fitted(self.sets, part.targets, costs, part.families)
        f = self.surrogates[number]
        fits = self._fits(number)
        misses = part.targets - fits
        misses[: len(f.sets)] = f.misses
        used, coefficients = misses.copy(), np.tile(f.coefficients, (self.n + 1, 1))
        for bin_, lines in zip(self.bins, self.lines, strict=True):
            own = lines[lines < len(f.sets)]
            if len(lines):
                coefficients[bin_] -= f.inverse[:, own] @ f.misses[own] / len(lines)
            if len(bin_) == 1 and len(own):
                # with N in all, k of them fitted: f - f(those) + those + (N - k) x the mean of the others
                held = self.held[bin_[0]]
                used[lines] *= 1 - len(own) / held
                used[own] += (part.targets[own] - f.plain[own] @ coefficients[bin_[0]]) * len(lines) / held
        used[done] = part.targets[done]
        misses[done] = 0
        known = f.values(np.where(full, 0, z_in), np.where(full, 0, z_out), coefficients)
        return known + self._total(z_in, z_out, used), misses

    def _fits(self, number: int) -> Floats:
        """The surrogate at every draw (m,); what an earlier record has worked out is not worked out again."""
        known = self.fits.get(number, np.empty(0))
        f, parts = self.surrogates[number], [known]
        for start in range(len(known), len(self.sizes), LINES):
            parts.append(f.predict(self.sets[start : start + LINES]))
        self.fits[number] = np.concatenate(parts)
        return self.fits[number]

    def _total(self, z_in: Floats, z_out: Floats, targets: Floats) -> Floats:
        """Sum over sizes of the means of z times the targets, (n,)."""
        into, out = z_in[self.sizes] * targets * self.weight, z_out[self.sizes] * targets * self.weight
        return _added(self.sets, into, out)

    def _variance(self, draws: Floats, squares: Floats) -> Floats:
        """Variance of the estimate, (n,); `squares` (n + 1,) is what one expects of a draw by its size."""
        variance = np.zeros(self.n)
        for bin_, lines in zip(self.bins, self.lines, strict=True):
            count, weight = len(lines), self.weight[lines] * len(lines)
            into, out = draws[:, lines] * weight
            sums, around = _added(self.sets[lines], into, out), _added(self.sets[lines], into**2, out**2)
            around -= sums**2 / max(count, 1)
            prior = float((squares[bin_] / self._chance(bin_)).sum())
            draw = (np.maximum(around, 0) + PRIOR * prior) / max(count - 1 + PRIOR, 1)
            unseen = (1 - count / self.held[bin_[0]]) ** THIN if len(bin_) == 1 else 1.0
            variance += draw / max(count, 1) * unseen
        return variance

    def _chance(self, bin_: NDArray[np.intp]) -> Floats:
        """Shares of the sizes of a bin in its draws."""
        expected = np.maximum(self.expected[bin_], TINY)
        return expected / expected.sum()

    def _weigh(self) -> Floats:
        """What a draw counts in the sum over sizes of means, (m,)."""
        by_size = 1 / np.maximum(self.counts, 1)
        for bin_ in self.bins:
            by_size[bin_] = 1 / (max(self.counts[bin_].sum(), 1) * self._chance(bin_))
        return by_size[self.sizes]

    def _spread(self, misses: Floats) -> Floats:
        """Root mean square miss by size, (n + 1,), each size leaning on those close to it."""
        n = self.n
        t = np.arange(1, n)
        place = np.log(t / (n - t))
        sums = np.bincount(self.sizes, misses**2, minlength=n + 1)[1:n]
        counts = np.where(self.counts == self.held, 0, self.counts)[1:n]
        near = np.exp(-0.5 * ((place[:, None] - place) / CLOSE) ** 2)
        overall = sums.sum() / max(counts.sum(), 1)
        around = (near @ sums + overall) / (near @ counts + 1)
        spread = np.zeros(n + 1)
        spread[1:n] = np.sqrt((sums + PRIOR * around) / (counts + PRIOR))
        return spread


def _added(sets: Coalitions, into: Floats, out: Floats) -> Floats:
    """Sum over lines of `into` where a row is in, and of `out` where it is not, (n,)."""
    total = np.full(sets.shape[1], out.sum())
    for start in range(0, len(sets), LINES):
        some = slice(start, start + LINES)
        total += (into[some] - out[some]) @ sets[some]
    return total


def _bins(counts: Floats, held: Floats) -> list[NDArray[np.intp]]:
    """Sizes that were not asked in full, neighbours together until there are enough draws."""
    bins: list[list[int]] = []
    for t in np.flatnonzero(counts < held).tolist():
        if bins and min(counts[bins[-1]].sum(), counts[t]) < FEWEST:
            bins[-1].append(t)
        else:
            bins.append([t])
    return [np.array(bin_, np.intp) for bin_ in bins]
