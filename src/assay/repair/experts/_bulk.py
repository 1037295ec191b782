"""Bulk: where the ordinary numbers of a column lie, found without trusting the strange ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._types import Floats

FEWEST = 20  # numbers below which no bulk can be told from its strays
_GAP = 2.0  # spreads of empty space that part a stray from the bulk
_MOST_OUTSIDE = 0.4  # with more than this outside, there are two populations, not a bulk and strays
_NORMAL = 1.349  # width of the middle half of a standard normal
_BINS = 64


@dataclass(frozen=True)
class _Scale:
    """One way to measure distances: plain, or logarithmic beyond one spread (fair to heavy tails)."""

    bend: float | None  # None: plain
    centre: float = 0.0
    spread: float = 1.0

    def place(self, values: Floats) -> Floats:
        if self.bend is None:
            return values
        return np.sign(values) * np.log1p(np.abs(values) / self.bend)


@dataclass(frozen=True)
class Bulk:
    """The interval in which a column's ordinary numbers lie, and how densely.

    A stray must be far away by the plain and by the logarithmic scale, and across an empty gap: a long tail
    (incomes, weights of a survey) is no stray.

    Parameters
    ----------
    low, high : float
        The ends of the bulk; values outside are strays.
    size : int
        Numbers inside.
    spread : float
        Robust standard deviation, in the column's unit.
    spiked : bool
        Whether one number fills more than half of the column: little is known of what else may stand there.
    """

    low: float
    high: float
    size: int
    spread: float
    spiked: bool
    _scales: tuple[_Scale, _Scale] = field(repr=False)
    _density: Floats = field(repr=False)  # by bin of [low, high], per unit of the column

    @classmethod
    def of(cls, values: ArrayLike) -> Bulk | None:
        """The bulk of `values`; None where there is none: too few, constant, or two populations.

        A column of a few sizes (12 and 16, hardly another) has no spread: all of it is bulk. Cost: a sort.
        """
        finite = np.asarray(values, dtype=np.float64)
        finite = np.sort(finite[np.isfinite(finite)])
        if len(finite) < FEWEST or finite[0] == finite[-1] or not np.isfinite(finite[-1] - finite[0]):
            return None
        rest = _without_spike(finite)
        if len(rest) < FEWEST or _spread(rest) <= 0:
            return cls._whole(finite)
        first, last, _ = _grown(rest, rest)
        # Strays have widened the spread; it is measured again without them.
        inside = rest[first : last + 1]
        first, last, (plain, bent) = _grown(rest, inside if _spread(inside) > 0 else rest)
        spike = finite[len(finite) // 2]  # inside in any case: half of the column cannot be strays
        low, high = min(rest[first], spike), max(rest[last], spike)
        inside = finite[(finite >= low) & (finite <= high)]
        if len(finite) - len(inside) > _MOST_OUTSIDE * len(finite):
            return None
        density = _histogram(rest[first : last + 1], low, high)
        spiked = len(rest) < len(finite)
        return cls(float(low), float(high), len(inside), plain.spread, spiked, (plain, bent), density)

    @classmethod
    def _whole(cls, ordered: Floats) -> Bulk:
        low, high = float(ordered[0]), float(ordered[-1])
        scale = _Scale(None, (low + high) / 2, (high - low) / 4)
        density = _histogram(ordered, low, high)
        return cls(low, high, len(ordered), scale.spread, True, (scale, scale), density)

    def widened(self) -> Bulk:
        """The same with a spread more at either end: numbers there are rare, and no nonsense."""
        return replace(self, low=self.low - self.spread, high=self.high + self.spread)

    def holds(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Whether each value lies in the bulk."""
        x = np.asarray(values, dtype=np.float64)
        return (x >= self.low) & (x <= self.high)

    def distance(self, values: ArrayLike) -> Floats:
        """Robust z of each value, on the scale on which it is nearer."""
        x = np.asarray(values, dtype=np.float64)
        return np.min([np.abs(s.place(x) - s.centre) / s.spread for s in self._scales], axis=0)

    def gap(self, values: ArrayLike) -> Floats:
        """Spreads between each value and the bulk's nearer end, on the nearer scale; 0 inside."""
        x = np.asarray(values, dtype=np.float64)
        edge = np.clip(x, self.low, self.high)
        return np.min([np.abs(s.place(x) - s.place(edge)) / s.spread for s in self._scales], axis=0)

    def density(self, values: ArrayLike) -> Floats:
        """Share of the bulk's numbers per unit of the column at each value; 0 outside."""
        x = np.asarray(values, dtype=np.float64)
        width = (self.high - self.low) / _BINS
        bins = np.clip(np.nan_to_num((x - self.low) / width), 0, _BINS - 1).astype(int)
        return np.where(self.holds(x), self._density[bins], 0.0)


def _without_spike(ordered: Floats) -> Floats:
    """The numbers without the one that fills more than half of the column, if there is such a one."""
    if len(ordered) == 0:
        return ordered
    middle = ordered[len(ordered) // 2]
    same = ordered == middle
    return ordered[~same] if same.sum() > len(ordered) / 2 else ordered


def _spread(ordered: Floats) -> float:
    """Robust standard deviation: the wider of the shortest half and the middle half, as of a normal."""
    first, last = _shortest_half(ordered)
    quartiles = np.quantile(ordered, [0.25, 0.75])
    return float(max(ordered[last] - ordered[first], quartiles[1] - quartiles[0]) / _NORMAL)


def _shortest_half(ordered: Floats) -> tuple[int, int]:
    half = (len(ordered) + 1) // 2
    widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    first = int(np.argmin(widths))
    return first, first + half - 1


def _fitted(scale: _Scale, ordered: Floats) -> _Scale:
    placed = scale.place(ordered)
    first, last = _shortest_half(placed)
    return _Scale(scale.bend, float(np.median(placed[first : last + 1])), max(_spread(placed), 1e-300))


def _grown(ordered: Floats, ordinary: Floats) -> tuple[int, int, tuple[_Scale, _Scale]]:
    """First and last index of the bulk by scales fitted to the `ordinary` numbers, and the scales."""
    scales = _fitted(_Scale(None), ordinary), _fitted(_Scale(_spread(ordinary)), ordinary)
    return *_grow(ordered, scales), scales


def _grow(ordered: Floats, scales: tuple[_Scale, _Scale]) -> tuple[int, int]:
    """First and last index of the bulk: the shortest half, grown outwards until a gap on every scale."""
    placed = [scale.place(ordered) / scale.spread for scale in scales]
    first, last = _shortest_half(ordered)
    while last + 1 < len(ordered) and not _parted(placed, last + 1, last):
        last += 1
    while first > 0 and not _parted(placed, first - 1, first):
        first -= 1
    return first, last


def _parted(placed: list[Floats], new: int, edge: int) -> bool:
    """Whether a wide gap lies between the number at `new` and the bulk's edge, by both scales."""
    return all(abs(x[new] - x[edge]) > _GAP for x in placed)


def _histogram(inside: Floats, low: float, high: float) -> Floats:
    """Smoothed shares per unit in equal bins of [low, high], with a floor: no place in it is impossible."""
    counts, edges = np.histogram(inside, bins=_BINS, range=(low, high))
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="same")
    shares = 0.95 * smooth / smooth.sum() + 0.05 / _BINS
    return shares / (edges[1] - edges[0])
