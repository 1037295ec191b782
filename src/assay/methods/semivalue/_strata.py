"""Strata: which coalitions to ask next, so that semivalues come out with the least error.

A semivalue with mass w[s] on joining a coalition of s others is a sum over sizes t of means over coalitions,

    value_i = sum_t E[z_i(S) v(S) : |S| = t],   z_i(S) = w[t-1] n/t if i is in S, else -w[t] n/(n-t),

so every size is a stratum of its own, and every coalition informs every row. For worths that scatter by
`spread[t]` within a size, the error is least when size t gets a share of the evaluations in proportion to
`spread[t]` times the root mean square of z (Neyman's allocation; 1 / sqrt(t (n - t)) for Shapley values and
even spreads). Counts are allotted rather than drawn, coalitions within a size are drawn without
replacement, and a size whose share exceeds what it holds is asked in full: with 2**n evaluations nothing
is left to chance. A coalition is asked together with its complement, which cancels every interaction of
even order from a semivalue whose masses are symmetric, such as Shapley and Banzhaf values.

Source: Castro, Gomez, Molina and Tejada (2017), "Improving polynomial estimation of the Shapley value by
stratified random sampling with optimum allocation"; Covert and Lee (2021), "Improving KernelSHAP".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..._types import Coalitions, Floats

MOST = 10**300
FLOOR = 0.05  # share of the mean square spread that each size keeps, whatever was seen there


def weights(mass: Floats, *, paired: bool) -> tuple[Floats, ...]:
    """What worths are multiplied with: z of a row that is in, and of one that is out, by size; (n + 1,) each.

    Without pairs, (z_in, z_out). With pairs (S, complement), where S is the smaller one: (z_in, z_out) of the
    difference v(S) - v(complement), then of the sum v(S) + v(complement).

    Parameters
    ----------
    mass : array of shape (n,)
        `mass[s]` is the mass on joining a coalition of s others; sums to 1.
    """
    n = len(mass)
    size = np.arange(1, n)
    z_in, z_out = np.zeros((2, n + 1))
    z_in[1:n], z_out[1:n] = mass[:-1] * n / size, -mass[1:] * n / (n - size)
    if not paired:
        return z_in, z_out
    # v(S) z(S) + v(C) z(C) = (v(S) - v(C)) (z(S) - z(C)) / 2 + (v(S) + v(C)) (z(S) + z(C)) / 2
    parts = [z_in - z_out[::-1], z_out - z_in[::-1], z_in + z_out[::-1], z_out + z_in[::-1]]
    for part in parts:
        part /= 2
        part[n // 2 + 1 :] = 0
        if n % 2 == 0:
            part[n // 2] /= 2  # both of the pair have this size, and count half each
    return tuple(parts)


def root_mean_square(z_in: Floats, z_out: Floats) -> Floats:
    """Root mean square of z over the rows, by size; (n + 1,)."""
    n = len(z_in) - 1
    size = np.arange(n + 1)
    return np.sqrt((size * z_in**2 + (n - size) * z_out**2) / n)


def held(n: int, *, paired: bool) -> Floats:
    """How many coalitions (or pairs) each size holds, (n + 1,); 0 for sizes 0 and n, which are always asked.

    Of numbers beyond 1e300 it is enough to know that.
    """
    counts, whole = np.zeros(n + 1), 1
    for t in range(1, n // 2 + 1):
        whole = min(whole * (n - t + 1) // t, MOST) if whole < MOST else MOST
        counts[t] = whole // 2 if paired and 2 * t == n else whole
        if not paired:
            counts[n - t] = counts[t]
    return counts


class Strata:
    """The coalitions of n rows, handed out size by size, each at most once.

    Parameters
    ----------
    n : int
        How many rows play.
    masses : sequence of arrays of shape (n,)
        The semivalues asked for at once: the share of a size is the largest that one of them asks for.
    paired : bool
        Ask every coalition together with its complement. It pays for masses that are nearly symmetric.

    Notes
    -----
    Memory is n / 8 bytes a coalition handed out, and some.
    """

    def __init__(self, n: int, masses: Sequence[Floats], *, paired: bool = True) -> None:
        self.n, self.paired = n, paired
        self._laws = []
        for mass in masses:
            z = weights(np.asarray(mass, float), paired=paired)
            law = np.sqrt(sum(root_mean_square(*z[i : i + 2]) ** 2 for i in range(0, len(z), 2)))
            self._laws.append(law / (law.sum() or 1.0))
        self._held = held(n, paired=paired)
        self._counts = np.zeros(n + 1)
        self.expected = np.zeros(n + 1)  # counts before rounding, which a size not yet met has too
        self._seen: set[bytes] = set()
        self._ends = False

    @property
    def left(self) -> float:
        """How many coalitions were not handed out yet."""
        return (2 if self.paired else 1) * float((self._held - self._counts).sum()) + 2 * (not self._ends)

    def next(self, budget: int, rng: np.random.Generator, spread: Floats | None = None) -> Coalitions:
        """About `budget` new coalitions, (b, n); none once all 2**n were handed out.

        The empty and the full coalition come first. With pairs, lines 2k and 2k + 1 are complements, the
        smaller one first.

        Parameters
        ----------
        budget : int
            How many; odd numbers are rounded down where pairs are asked, the first call adds up to 2.
        rng : Generator
            Draws which.
        spread : array of shape (n + 1,), optional
            Standard deviation of worths (or what is left of them) by size; even if not given.
        """
        lines: list[Coalitions] = []
        if not self._ends:
            lines.append(np.array([[False], [True]]).repeat(self.n, axis=1))
            self._ends, budget = True, budget - 2
        each = 2 if self.paired else 1
        law = np.max(self._laws, axis=0)
        if spread is not None:
            law = np.max(
                [_normal(one * np.sqrt(spread**2 + _even(one, spread))) for one in self._laws], axis=0
            )
        law = np.where(self._held > 0, np.maximum(law, 1e-9 * law.max()), 0.0)
        wanted = allot(law, self._held, self._counts, budget // each)
        self.expected += wanted
        counts = np.diff(np.floor(np.cumsum(wanted) + rng.random() * (1 - 1e-9)), prepend=0.0)
        counts = np.minimum(counts, self._held - self._counts)
        for t in np.flatnonzero(counts):
            new = self._of_size(int(t), int(counts[t]), rng)
            lines.append(np.stack([new, ~new], axis=1).reshape(-1, self.n) if self.paired else new)
        self._counts += counts
        return np.concatenate([np.empty((0, self.n), bool), *lines])

    def _of_size(self, t: int, count: int, rng: np.random.Generator) -> Coalitions:
        """`count` coalitions of size t that were not handed out yet."""
        if self._counts[t] + count > self._held[t] / 2:
            return self._of_the_rest(t, count, rng)
        new: list[NDArray[np.bool_]] = []
        while len(new) < count:
            places = np.argpartition(rng.random((count - len(new), self.n)), t - 1, axis=1)[:, :t]
            drawn = np.zeros((len(places), self.n), bool)
            np.put_along_axis(drawn, places, True, axis=1)
            if self.paired and 2 * t == self.n:
                drawn ^= ~drawn[:, :1]  # of two halves, the one with the first row stands for the pair
            new += [line for line in drawn if self._is_new(line)]
        return np.array(new)

    def _of_the_rest(self, t: int, count: int, rng: np.random.Generator) -> Coalitions:
        """The same from a list of all that is left, where little is."""
        places = np.array(list(combinations(range(self.n), t)), np.intp)
        if self.paired and 2 * t == self.n:
            places = places[places[:, 0] == 0]
        every = np.zeros((len(places), self.n), bool)
        np.put_along_axis(every, places, True, axis=1)
        fresh = [i for i, bits in enumerate(np.packbits(every, axis=1)) if bits.tobytes() not in self._seen]
        chosen = every[rng.permutation(fresh)[:count]]
        self._seen.update(bits.tobytes() for bits in np.packbits(chosen, axis=1))
        return chosen

    def _is_new(self, line: NDArray[np.bool_]) -> bool:
        key = np.packbits(line).tobytes()
        new = key not in self._seen
        self._seen.add(key)
        return new


def allot(law: Floats, held: Floats, counts: Floats, budget: float) -> Floats:
    """Share `budget` out so that `counts` come as near to `law` as they can, within what is `held`; (n + 1,).

    That is max(0, min(held, c x law) - counts) with the c that spends the budget, found on the line between
    the places where one of the terms starts or stops to grow.
    """
    if (held - counts).sum() <= budget:
        return held - counts
    if budget <= 0:
        return np.zeros_like(law)
    some = law > 0
    law, top, low = law[some], held[some], counts[some]
    turns = np.unique(np.concatenate([low / law, top / law]))

    def spent(c: float) -> float:
        return float(np.maximum(0.0, np.minimum(top, c * law) - low).sum())

    first, last = 0, len(turns) - 1  # spent(turns[first]) <= budget <= spent(turns[last])
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if spent(turns[middle]) <= budget else (first, middle)
    slope = law[(low / law <= turns[first]) & (top / law >= turns[last])].sum()
    rest = budget - spent(turns[first])
    # nothing grows where the budget is spent just as one size is full and the next has not begun
    c = turns[first] + (min(rest / slope, turns[last] - turns[first]) if slope > 0 else 0.0)
    shares = np.zeros_like(held)
    shares[some] = np.maximum(0.0, np.minimum(top, c * law) - low)
    return shares


def _normal(law: Floats) -> Floats:
    return law / (law.sum() or 1.0)


def _even(law: Floats, spread: Floats) -> float:
    """The part of the mean square spread that each size keeps; 1 where there is no spread at all."""
    return FLOOR * float(law @ spread**2) / (float(law.sum()) or 1.0) or 1.0
