"""Values learned by reinforcement: how likely a policy takes each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import expit

from ..._errors import AssayError
from ..._game import Game
from ..._model_game import ModelGame
from ..._numbers import is_number, is_whole
from ..._parallel import workers
from ..._parallel_game import ParallelGame
from ..._problem import Problem
from ..._spread import mean_of_runs
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._known import Known, known_of, with_predictor
from ._value_network import ValueNetwork

WINDOW = 20  # rewards that the baseline remembers
BLOCK = 10  # draws of every policy between two estimates
SEARCH = 1e3  # what leaving the threshold costs, in rewards of all rows


@final
@dataclass(eq=False, kw_only=True)
class DVRL(Valuer):
    """How likely a policy takes each row, trained so that the model fitted on these scores high; in 0..1.

    A small network reads a row (features, label, and how far the label is from what the model fitted on the
    judging rows alone expects) and says how likely to take it. From `batch` rows some are drawn accordingly,
    the problem's model is fitted on these, and the reward is its score on the judging rows. Each policy
    follows REINFORCE: the gradient of the log probability of what was drawn, times the reward above the
    moving average of the rewards before. The values are means over `policies` that start from other weights,
    standard errors the spread between them; each needs some hundred fits, so give `Stop` at least that many
    times `policies`. An evaluation is a fit; the score is the problem's, and one that reads probabilities
    (`neg_log_loss`) says more per fit than accuracy.

    Mended against published code: the baseline is a moving average, as in the paper, instead of the score of
    all rows; a draw of nothing, or of one class, has the worth of guessing, or of that class, instead of
    being drawn anew from other probabilities than the gradient is of; log probabilities come from logits,
    where sure policies can still change their mind; the difference is the same in training and in the end,
    of numbers in standard deviations instead of shares of a label that may be 0; every fit starts afresh;
    rows of a batch are drawn without repetition; one seed decides everything.

    Parameters
    ----------
    batch : int
        Rows that are looked at for one fit, at least 2; all of them where there are fewer.
    hidden : int
        Units of each of the three hidden layers, at least 1.
    rate : float
        The learning rate of Adam, above 0.
    threshold : float
        The mean probability of a batch is held between 1 minus this and this, in 0.5..1.
    policies : int
        Networks that are trained from other first weights, at least 2.

    Source: Yoon, Arik and Pfister (2020), "Data Valuation using Reinforcement Learning".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, DVRL, Problem, Stop, value
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = X[:, 0] > 0
    >>> y[[3, 35]] = ~y[[3, 35]]  # wrong labels
    >>> problem = Problem(Data(X, y), Data(X + 0.01, X[:, 0] > 0), score="neg_log_loss")
    >>> sorted(value(problem, DVRL(), stop=Stop(evals=600)).lowest(2).tolist())
    [3, 35]
    """

    batch: int = 2000
    hidden: int = 100
    rate: float = 0.01
    threshold: float = 0.9
    policies: int = 2
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID

    def __post_init__(self) -> None:
        for name, least in (("batch", 2), ("hidden", 1), ("policies", 2)):
            given = getattr(self, name)
            if not is_whole(given) or given < least:
                raise AssayError(f"DVRL.{name} is {given!r}; it needs a whole number of at least {least}.")
        if not is_number(self.rate) or self.rate <= 0:
            raise AssayError(f"DVRL.rate is {self.rate!r}; it needs a number above 0.")
        if not is_number(self.threshold) or not 0.5 < self.threshold <= 1:
            raise AssayError(f"DVRL.threshold is {self.threshold!r}; it needs a number above 0.5, up to 1.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the mean over the policies after every `BLOCK` fits for each."""
        self.__post_init__()
        seed = int(rng.integers(2**63))
        problem = with_predictor(problem)
        game: Game = ModelGame(problem, seed)
        if workers() > 1:
            game = ParallelGame(game)
        known = known_of(problem, seed)
        none, whole = game(np.array([[False] * problem.n, [True] * problem.n]))
        unit = abs(whole - none) or 1.0  # rewards have the unit of what all rows win over a guess
        policies = [Policy(self, known, whole / unit, one) for one in rng.spawn(self.policies)]
        evals, step = 2, BLOCK * self.policies
        while True:
            for _ in range(BLOCK):
                rewards = game(np.stack([policy.draw() for policy in policies])) / unit
                for policy, reward in zip(policies, rewards, strict=True):
                    policy.learn(reward)
            evals += step
            yield _mean(np.stack([policy.probabilities() for policy in policies]), evals, step)


class Policy:
    """One policy in training.

    Parameters
    ----------
    how : DVRL
    known : Known
    baseline : float
        What rewards are compared with until some are known.
    rng : Generator
    """

    def __init__(self, how: DVRL, known: Known, baseline: float, rng: np.random.Generator) -> None:
        self._how, self._known, self._baseline, self._rng = how, known, baseline, rng
        width, differences = known.rows.shape[1], known.differences.shape[1]
        self.network = ValueNetwork(width, differences, how.hidden, rng)
        self._drawn: Any = None

    def draw(self) -> Any:
        """A coalition (n,) of rows of a batch."""
        n = len(self._known.rows)
        rows = np.sort(self._rng.choice(n, min(self._how.batch, n), replace=False))
        p = expit(self._logits(rows))
        taken = self._rng.random(len(rows)) < p
        self._drawn = rows, p, taken
        coalition = np.zeros(n, bool)
        coalition[rows[taken]] = True
        return coalition

    def learn(self, reward: float) -> None:
        """Take the step for the coalition that was drawn last."""
        rows, p, taken = self._drawn
        by_logit = policy_slope(p, taken, reward - self._baseline) - search_slope(p, self._how.threshold)
        gradient = self.network.slope(self._known.rows[rows], self._known.differences[rows], by_logit)
        self.network.ascend(gradient, self._how.rate)
        self._baseline += (reward - self._baseline) / WINDOW

    def probabilities(self) -> Floats:
        """Of taking each row (n,)."""
        return expit(self._logits(np.arange(len(self._known.rows))))

    def _logits(self, rows: Any) -> Floats:
        return self.network.logits(self._known.rows[rows], self._known.differences[rows])


def policy_slope(p: Floats, taken: Any, advantage: float) -> Floats:
    """The gradient by the logits (b,) of `advantage` times the log probability of taking these rows."""
    return advantage * (taken - p)


def search_slope(p: Floats, threshold: float) -> Floats:
    """The gradient by the logits (b,) of the cost of a mean of `p` outside 1 - threshold..threshold."""
    side = float(p.mean() > threshold) - float(p.mean() < 1 - threshold)
    return SEARCH * side * p * (1 - p) / len(p)


def _mean(p: Floats, evals: int, step: int) -> Valuation:
    """The estimate from the probabilities (policies, n)."""
    values, stderr = mean_of_runs(p)
    return Valuation(values, stderr, evals=evals, draws=len(p), next_evals=step)
