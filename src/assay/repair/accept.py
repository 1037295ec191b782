"""Accept models: from an expert's score to the probability that its candidate is right.

Both are learnt from masked recovery: errors of known truth are planted among the training rows, and what the
expert makes of them is compared with what it makes of the rows as they are. No truth from outside is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from .._types import Floats

FEWEST = 30  # scores below which nothing is learnt, and the smallest extreme that is looked at
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)  # of the rows of a kind: the extremes in which the other kind is counted
SHRINK = 0.5  # standard errors: the least of several noisy rates lies about so far below the rate itself
SUREST = 1 - 1 / FEWEST  # no row is held for wrong more surely than so few rows can tell


@dataclass(frozen=True)
class Unmixed:
    """Probability that a row is wrong, by separating two contaminated samples of scores.

    The scores of the rows as they are mix right rows (density A) with a share of wrong ones (density B);
    those of the planted errors are B with a share of A, because some of the rows that were made wrong had
    been wrong before and so were made right. Where A vanishes the ratio of the densities, planted to
    natural, takes its largest value, and where B vanishes its least; in between the probability of being
    wrong is linear in it: ``P(wrong | s) = (o(s) - o_min) / (o_max - o_min)``.

    Parameters
    ----------
    scores, odds : (m,) floats
        The ratio `o` on a grid of scores in 0..1, rising.
    least, most : float
        `o_min` and `o_max`; `least` 0 and `most` infinite say that no row is wrong.

    Notes
    -----
    Source: Scott, Blanchard and Handy (2013), "Classification with asymmetric label noise: consistency and
    maximal denoising", who show that the two extremes identify both shares. As there, it is assumed that some
    rows are so clear that only errors disagree with them. Where classes overlap everywhere there are none:
    probabilities come out too high, and it is for the gate to refuse the batch.
    """

    scores: Floats
    odds: Floats
    least: float
    most: float

    @classmethod
    def fit(cls, natural: Floats, planted: Floats) -> Unmixed:
        """Learn from the scores of (n,) rows as they are and of (m,) planted errors, all in 0..1."""
        if min(len(natural), len(planted)) < FEWEST:
            return cls(np.array([0.0, 1.0]), np.zeros(2), 0.0, np.inf)
        pool = np.concatenate([natural, planted])
        is_planted = np.repeat([False, True], [len(natural), len(planted)])
        grid = np.unique(np.quantile(pool, np.linspace(0, 1, 513)))
        order = np.argsort(-pool, kind="stable")
        ratio = len(natural) / len(planted)
        strays_above = _least_share(~is_planted[order], len(planted))
        strays_below = _least_share(is_planted[order[::-1]], len(natural))
        return cls(
            grid,
            _density_ratio(pool, is_planted, grid),
            strays_below / (1 - strays_below) * ratio,
            (1 - strays_above) / strays_above * ratio,
        )

    def __call__(self, scores: Floats) -> Floats:
        """Probability (k,) that a row with each of the (k,) scores is wrong."""
        if not np.isfinite(self.most) or self.most <= self.least:
            return np.zeros(len(scores))
        odds = np.interp(scores, self.scores, self.odds)
        return np.clip((odds - self.least) / (self.most - self.least), 0.0, SUREST)


def _least_share(strays: NDArray[np.bool_], size: int) -> float:
    """Smallest share of strays among the first rows, over `SHARES` of `size`, none smaller than `FEWEST`."""
    shares = []
    for part in SHARES:
        k = min(max(int(part * size), FEWEST), len(strays))
        share = (strays[:k].sum() + 0.5) / (k + 1)
        shares.append(share + SHRINK * np.sqrt(share * (1 - share) / k))
    return float(min(*shares, 0.95))


def _density_ratio(pool: Floats, is_planted: NDArray[np.bool_], grid: Floats) -> Floats:
    """Ratio of the two densities on `grid`, by beta calibration (Kull, Silva Filho and Flach, 2017)."""

    def sides(scores: Floats) -> Floats:
        inner = np.clip(scores, 1e-4, 1 - 1e-4)
        return np.column_stack([np.log(inner), -np.log1p(-inner)])

    fit = LogisticRegression(C=1e3, class_weight="balanced", max_iter=1000).fit(sides(pool), is_planted)
    log_odds = fit.decision_function(sides(grid))
    return np.exp(np.maximum.accumulate(log_odds))


@dataclass(frozen=True)
class Recovered:
    """Probability that a candidate is right: the share of right ones among those of its score, where truth
    is known.

    Parameters
    ----------
    scores, shares : (m,) floats
        Scores in 0..1, rising, and the lower confidence bound of the share of right candidates from there.
    """

    scores: Floats
    shares: Floats

    @classmethod
    def fit(cls, scores: Floats, right: NDArray[np.bool_]) -> Recovered:
        """Learn from (m,) candidates on planted errors and undisputed cells, of which some were right."""
        if len(scores) < FEWEST:
            return cls(np.array([0.0, 1.0]), np.zeros(2))
        share = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, right)
        grid = np.unique(scores)
        level = np.asarray(share.predict(grid))
        seen = share.predict(scores)
        bounds = [_lower_bound(p, _block(p, seen)) for p in level]
        # A small block at the top must not undo what is below it.
        return cls(grid, np.maximum.accumulate(bounds))

    def __call__(self, scores: Floats) -> Floats:
        """Probability (k,) that candidates with each of the (k,) scores are right."""
        return np.interp(scores, self.scores, self.shares)


def _block(level: float, levels: Floats) -> int:
    return int(np.isclose(levels, level).sum())


def _lower_bound(share: float, count: int, z: float = 1.0) -> float:
    """Wilson's lower bound of a share seen in `count` cases, `z` standard errors down."""
    centre = share + z * z / (2 * count)
    spread = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return float((centre - spread) / (1 + z * z / count))
