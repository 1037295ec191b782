"""Semivalues from coalitions already asked: a surrogate's, in closed form, plus what it misses.

Whatever function f stands in for the worths v, the sum over sizes of E[z v] is that of E[z f], which is known
exactly, plus that of E[z (v - f)], which is estimated from the coalitions asked (a control variate). For each
coalition f is a fit without it, so the estimate is unbiased however bad f is, and the standard errors are
those of the misses. Sizes asked in full are exact, and nearly so where nearly all was asked.

Source: Witter, Liu and Musco (2025), "Regression-adjusted Monte Carlo estimators for Shapley values and
probabilistic values"; Musco and Witter (2025), "Provably accurate Shapley value estimation via leverage
score sampling"; Lundberg and Lee (2017), "A unified approach to interpreting model predictions".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._types import Coalitions, Floats, Worths
from ._spread import PRIOR
from ._strata import held, root_mean_square, weights
from ._surrogate_fit import MOST, Surrogate, fitted

FEWEST = 4  # draws behind a mean; smaller sizes are taken together with their neighbours
ODD = ((1,), (1, 3), (1, 3, 5))
EVEN = ((2,), (2, 4))
BOTH = ((1,), (1, 2), (1, 2, 3))
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
    """Targets on coalitions drawn size by size, to be averaged times z."""

    sets: Coalitions
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
            self.parts = [_Part(sets, small - large, ODD), _Part(sets, small + large, EVEN)]
        else:
            self.parts = [_Part(sets, rest, BOTH)]
        self.sizes = sets.sum(axis=1)
        self.counts = np.bincount(self.sizes, minlength=n + 1).astype(float)
        self.held = held(n, paired=paired)
        self.bins = _bins(self.counts, self.held)
        self.surrogates: dict[int, Surrogate] = dict(before.surrogates) if before else {}

    @property
    def fresh(self) -> bool:
        """Whether a new fit could use more than what the surrogates in use were fitted to."""
        used = min((len(one.sets) for one in self.surrogates.values()), default=0)
        return used < min(MOST, len(self.sizes))

    def estimate(self, mass: Floats) -> Estimate:
        """The semivalue with `mass` (n,) on joining a coalition of s = 0, ..., n - 1 others."""
        n = self.n
        z = weights(np.asarray(mass, float), paired=self.paired)
        values = np.full(n, mass[-1] * self.ends[1] - mass[0] * self.ends[0])
        contributions = np.zeros((len(self.sizes), n))
        squares, drift = np.zeros(n + 1), self.width**2 / n**2
        for number, part in enumerate(self.parts):
            pair = z[2 * number], z[2 * number + 1]
            if max(np.abs(pair[0]).max(), np.abs(pair[1]).max()) < 1e-14:
                continue
            known, each, misses = self._adjust(number, part, *pair)
            values += known
            contributions += each
            spread = self._spread(misses)
            squares += root_mean_square(*pair) ** 2 * np.maximum(spread**2, drift)
        worst = max(1e-300, *(root_mean_square(*z[i : i + 2]).max() for i in range(0, len(z), 2)))
        law = np.sqrt(sum(root_mean_square(*z[i : i + 2]) ** 2 for i in range(0, len(z), 2)))
        spread = np.sqrt(squares) / np.maximum(law, 1e-12 * worst)
        corrections, variance = self._means(contributions, squares)
        return Estimate(values + corrections, np.sqrt(variance), spread)

    def _adjust(
        self, number: int, part: _Part, z_in: Floats, z_out: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """What is known of a part (n,), what each draw adds to it, weighted (m, n), and the misses (m,)."""
        n, sizes, full = self.n, self.sizes, self._full
        z = np.where(part.sets, z_in[sizes, None], z_out[sizes, None])
        if full.all():
            return np.zeros(n), z * part.targets[:, None], np.zeros(len(sizes))
        if number not in self.surrogates:
            costs = (root_mean_square(z_in, z_out)[sizes] * self._weight * ~full[sizes]) ** 2
            self.surrogates[number] = fitted(part.sets, part.targets, costs, part.families)
        f = self.surrogates[number]
        inside = len(f.sets)
        misses = np.append(f.misses, part.targets[inside:] - f.predict(part.sets[inside:]))
        used, coefficients, known = misses.copy(), np.tile(f.coefficients, (n + 1, 1)), np.zeros(n)
        for bin_ in self.bins:
            chosen = np.flatnonzero(np.isin(sizes, bin_))
            own = chosen[chosen < inside]
            if len(chosen):
                coefficients[bin_] -= f.inverse[:, own] @ f.misses[own] / len(chosen)
            if len(bin_) == 1 and len(own):  # what was fitted is known, and not drawn again
                t = bin_[0]
                used[chosen] *= 1 - len(own) / self.held[t]
                left = part.targets[own] - f.plain[own] @ coefficients[t]
                known += left @ z[own] / self.held[t]
        used[full[sizes]] = part.targets[full[sizes]]
        known += f.values(np.where(full, 0, z_in), np.where(full, 0, z_out), coefficients)
        misses[full[sizes]] = 0
        return known, z * used[:, None], misses

    @property
    def _full(self) -> NDArray[np.bool_]:
        """Sizes of which every coalition was asked, (n + 1,)."""
        return self.counts == self.held

    @property
    def _weight(self) -> Floats:
        """What a draw counts in the sum over sizes of means, (m,)."""
        by_size = 1 / np.maximum(self.counts, 1)
        for bin_ in self.bins:
            if len(bin_) > 1:
                chance = self.expected[bin_] / self.expected[bin_].sum()
                by_size[bin_] = 1 / (max(self.counts[bin_].sum(), 1) * np.maximum(chance, 1e-12))
        return by_size[self.sizes]

    def _means(self, contributions: Floats, squares: Floats) -> tuple[Floats, Floats]:
        """Sum of the means over strata, and its variance; `squares` is the prior of a draw's, by size."""
        weighted = contributions * self._weight[:, None]
        variance = np.zeros(self.n)
        for bin_ in self.bins:
            here = weighted[np.isin(self.sizes, bin_)]
            count = len(here)
            if len(bin_) > 1:
                chance = np.maximum(self.expected[bin_] / self.expected[bin_].sum(), 1e-12)
                prior = float((squares[bin_] / chance).sum())
            else:
                prior = float(squares[bin_[0]])
            around = ((here - here.mean(axis=0)) ** 2).sum(axis=0) * count**2 if count else np.zeros(self.n)
            draw = (around + PRIOR * prior) / max(count - 1 + PRIOR, 1)
            unseen = 1 - count / self.held[bin_[0]] if len(bin_) == 1 else 1.0
            variance += draw / max(count, 1) * unseen
        return weighted.sum(axis=0), variance

    def _spread(self, misses: Floats) -> Floats:
        """Root mean square miss by size, (n + 1,), each size leaning on those close to it."""
        n = self.n
        t = np.arange(1, n)
        place = np.log(t / (n - t))
        sums = np.bincount(self.sizes, misses**2, minlength=n + 1)[1:n]
        counts = np.where(self._full, 0, self.counts)[1:n]
        near = np.exp(-0.5 * ((place[:, None] - place) / CLOSE) ** 2)
        overall = sums.sum() / max(counts.sum(), 1)
        around = (near @ sums + overall) / (near @ counts + 1)
        spread = np.zeros(n + 1)
        spread[1:n] = np.sqrt((sums + PRIOR * around) / (counts + PRIOR))
        return spread


def adjusted(
    coalitions: Coalitions,
    worths: Worths,
    masses: Sequence[Floats],
    expected: Floats,
    *,
    paired: bool = True,
) -> list[Estimate]:
    """Every semivalue of `masses` from the same coalitions; see `Record`."""
    record = Record(coalitions, worths, expected, paired=paired)
    return [record.estimate(mass) for mass in masses]


def _bins(counts: Floats, held: Floats) -> list[NDArray[np.intp]]:
    """Sizes that were not asked in full, neighbours together until there are enough draws."""
    bins: list[list[int]] = []
    for t in np.flatnonzero(counts < held).tolist():
        if bins and min(counts[bins[-1]].sum(), counts[t]) < FEWEST and len(bins[-1]) > 0:
            if counts[bins[-1]].sum() < FEWEST or counts[t] < FEWEST:
                bins[-1].append(t)
                continue
        bins.append([t])
    return [np.array(bin_, np.intp) for bin_ in bins]
