"""Average marginal effects."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LassoCV
from sklearn.model_selection import KFold

from ..._errors import AssayError
from ..._game import Game
from ..._problem import Problem
from ..._spread import Range, variance
from ..._types import Coalitions, Floats, Positions, Worths
from ..._valuation import Valuation
from ._family import Semivalue, check_design, sample
from ._weights import banzhaf

BATCH = 64
GROWTH = 2  # a batch is one of this many parts of the draws made, so that all fits together stay cheap
ENOUGH = 5  # draws a row: from here on plain least squares is nearer than the LASSO unless few rows matter
FOLDS = 5
PENALTIES = np.geomspace(1, 0.01, 30)  # in units of the least one that leaves no row


@final
@dataclass(eq=False, kw_only=True)
class AME(Semivalue):
    """Average marginal effect: what a row adds where others join with probability p, averaged over some p.

    Coalitions are drawn with each p in turn, each row in with probability p, and worths are regressed on the
    rows: every coalition informs every row. The regressor of row i is (b_i - p) / (p (1 - p)), b_i = 1 if it
    is in and 0 if not; its coefficient, times its variance over all p, is the average marginal effect.
    Worths and regressors are centred within each p.

    While there are less than 5 draws a row, values are the coefficients of the LASSO, its penalty found by
    5-fold cross-validation, as in the paper. They are shrunk towards 0, and many are 0. Their standard errors
    are those of the unbiased values that one further step from the LASSO gives (the debiased LASSO), or how
    far it is from those if that is more: 95% intervals cover over nine rows in ten, but the few rows that
    matter most are shrunk by more than that in up to three runs of ten. From 5 draws a row on, values are
    those of least squares, without a penalty and nearly unbiased: what an additive game explains is taken off
    first and added to the values, and standard errors allow for any scatter (HC3). `Valuation.why` says
    which. Both together with a prior that vanishes as the draws grow (see `_spread`).

    One evaluation a draw; memory is 35 bytes a draw and row at the peak.

    Parameters
    ----------
    probabilities : tuple of float
        The p, each in 0..1, both excluded.
    design : str
        "auto" is the regression; or how to sample without one, as in `Shapley`.

    Source: Lin, Zhang, Lecuyer, Li, Panda and Sen (2022), "Measuring the Effect of Training Data on Deep
    Learning Predictions via Randomized Experiments"; HC3 after MacKinnon and White (1985).

    Examples
    --------
    >>> import numpy as np
    >>> from assay import AME, Data, Problem, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 3.0]))
    >>> value(Problem(Data([[0.0], [1.0]]), game=game), AME(), stop=Stop(evals=300)).values.round(6)
    array([1., 2.])
    """

    probabilities: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    design: str = "auto"

    def __post_init__(self) -> None:
        check_design(self)
        if not len(self.probabilities) or not all(0 < p < 1 for p in self.probabilities):
            raise AssayError(
                f"AME.probabilities are {self.probabilities!r}; it needs some between 0 and 1, both excluded."
            )

    def log_mass(self, n: int) -> Floats:
        """The size of the coalition that is joined is a mixture of binomials."""
        each = np.array([banzhaf(n, p) for p in self.probabilities])
        return logsumexp(each, axis=0) - np.log(len(each))

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of coalitions."""
        assert problem.game is not None
        if self.design != "auto":
            return sample([self], self.design, problem, rng)
        return _by_regression(problem.game, np.array(self.probabilities), rng)


def _by_regression(
    game: Game, grid: Floats, rng: np.random.Generator
) -> Generator[Valuation, int | None, None]:
    """Yield an estimate after every batch; a batch has as many coalitions of one p as of another."""
    span, turn = Range(), len(grid)
    members, worths = np.zeros((0, game.n), bool), np.zeros(0)
    room = None
    while True:
        count = max(BATCH, len(worths) // GROWTH)
        turns = -(-count // turn) if room is None else max(min(count, room) // turn, 1)
        level = np.tile(np.arange(turn), turns)
        new = rng.random((len(level), game.n)) < grid[level][:, None]
        gained = game(new)
        width = span.see(gained)
        members, worths = np.vstack([members, new]), np.append(worths, gained)
        draws = len(worths)
        level = np.arange(draws) % turn
        fit, why = (
            (_least_squares, "Least squares.")
            if draws >= ENOUGH * game.n
            else (_lasso, f"LASSO: there are less than {ENOUGH} draws a row.")
        )
        values, each = fit(members, _within(worths, level), level, grid)
        # knowing nothing of a row, it varies as all rows do
        each = variance(draws * each, draws + 1, max(float(each.mean()), (width / game.n) ** 2))
        room = yield Valuation(
            values, np.sqrt(each / draws), evals=draws, draws=draws, next_evals=turn, why=why
        )


# Why the coefficients are average marginal effects. With x_i = (b_i - p) / (p (1 - p)),
#     E[x_i y | p] = E[y | b_i = 1, p] - E[y | b_i = 0, p] = E[y(S + i) - y(S) | p],
# S being the others that joined: the marginal effect at p. So E[x_i y] is the average one, AME_i. Given p the
# b_i are independent and x_i has the mean 0 and the variance 1 / (p (1 - p)), so the regressors do not
# correlate, and with V = mean of 1 / (p (1 - p)) the best linear fit to y by all x_i has the coefficients
# AME_i / V. Centring y by any function of p changes neither.
def _regressors(members: Coalitions, level: Positions, grid: Floats) -> tuple[Floats, Floats, float]:
    """Deviations b - p and regressors (draws, n), both centred within each p, and V."""
    p = grid[level][:, None]
    weight = 1 / (grid * (1 - grid))
    deviations = _within(members - p, level)
    return deviations, deviations * weight[level][:, None], float(weight.mean())


def _within(columns: Floats, level: Positions) -> Floats:
    """`columns` less their mean in each level."""
    centred = columns.copy()
    for one in range(int(level.max()) + 1):
        centred[level == one] -= columns[level == one].mean(axis=0)
    return centred


def _least_squares(
    members: Coalitions, worths: Worths, level: Positions, grid: Floats
) -> tuple[Floats, Floats]:
    """Values (n,), and the variances (n,) of one draw.

    For any parts w, AME_i = w_i + AME_i of the game y - sum of w_j b_j: the additive fit w is taken off
    first. The regressors would not fit it, as their scale depends on p.
    """
    deviations, regressors, scale = _regressors(members, level, grid)
    parts = _inverse(deviations) @ (deviations.T @ worths)
    rest = worths - deviations @ parts
    effects = regressors @ _inverse(regressors)  # (draws, n): what each draw adds to the coefficients
    slopes = effects.T @ rest
    leverage = (effects * regressors).sum(axis=1) + len(grid) / len(rest)
    rest = (rest - regressors @ slopes) / (1 - np.minimum(leverage, 0.95))
    spread = ((effects * rest[:, None]) ** 2).sum(axis=0)
    return parts + scale * slopes, len(rest) * scale**2 * spread


def _inverse(columns: Floats) -> Floats:
    return np.asarray(np.linalg.pinv(columns.T @ columns, hermitian=True), float)


def _lasso(members: Coalitions, worths: Worths, level: Positions, grid: Floats) -> tuple[Floats, Floats]:
    """Values (n,), and the variances (n,) of one draw of the debiased LASSO, or its square gap to the values.

    With the coefficients c of a LASSO that has not seen a draw, c + x (y - x c) is unbiased whatever c is. So
    each fold's draws are taken with the LASSO of the others.
    """
    _, regressors, scale = _regressors(members, level, grid)
    draws, n = regressors.shape
    unit = float(np.sqrt((worths**2).mean()))
    most = float(np.abs(regressors.T @ worths).max()) / (draws * np.sqrt(scale))
    if most <= 1e-12 * unit:  # no row makes a difference: nor would any LASSO find one
        return np.zeros(n), ((regressors * worths[:, None]) ** 2).mean(axis=0)
    X, y = regressors / np.sqrt(scale), worths / unit
    parts = KFold(FOLDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of small penalties, which then lose anyway
        cv = LassoCV(alphas=PENALTIES * most / unit, cv=parts, fit_intercept=False, max_iter=2000, n_jobs=1)
        cv.fit(X, y)
        steps = np.empty((draws, n))
        for seen, unseen in parts.split(X):
            other = Lasso(cv.alpha_, fit_intercept=False, max_iter=2000).fit(X[seen], y[seen]).coef_
            steps[unseen] = other + X[unseen] * (y[unseen] - X[unseen] @ other)[:, None]
    each = np.maximum(steps.var(axis=0), draws * (steps.mean(axis=0) - cv.coef_) ** 2)
    return unit * np.sqrt(scale) * cv.coef_, unit**2 * scale * each
