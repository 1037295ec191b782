"""TREX: representer points of a linear model on the leaves of an ensemble."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._numbers import is_number
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._paths import features, kernel
from ._ready import Ready, check_per_valid
from ._surrogate import weights_of


@final
@dataclass(eq=False, kw_only=True)
class TREX(Valuer):
    """What a judge's loss would be more by, were a row's term gone from a linear model on the trees' leaves.

    The linear model stands in for the ensemble: its features are the leaves that a row falls into, one over
    the leaf's training rows each; it minimises the mean loss plus `ridge` times the squared weights, to
    convergence. Its scores are sums over the training rows of a_i k(x_i, x), with a_i = -g_i / (2 ridge n)
    and g_i the gradient of row i's loss; the score of row i is what the judge loses without that term, the
    others staying, in nats or halves of squared units of the stand-in.

    The ensemble is `problem.model`, taken as it is where it is fitted: see `LeafGradients`. n m trees /
    leaves operations, and a few hundred products with the n x leaves sparse features to fit.

    Parameters
    ----------
    ridge : float
        Of the linear model; above 0.
    per_valid : bool
        Keep the (n, m) scores for each validation row, 8 n m bytes.

    Source: Brophy and Lowd (2020), "TREX: Tree-Ensemble Representer-Point Explanations", with the kernel and
    the loss change of Brophy, Hammoudeh and Lowd (2023).

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from assay import Data, Problem, TREX, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> model = GradientBoostingClassifier(max_depth=1, n_estimators=5)
    >>> value(Problem(train, Data([[0.1], [5.0]], ["a", "b"]), model), TREX()).lowest(1)
    array([6])
    """

    ridge: float = 0.003
    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.TREES

    def __post_init__(self) -> None:
        check_per_valid("TREX", self.per_valid)
        if not is_number(self.ridge) or self.ridge <= 0:
            raise AssayError(f"TREX.ridge is {self.ridge!r}; it needs to be a number above 0.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the scores of the fitted linear model once."""
        self.__post_init__()  # `set_params` does not come by there
        ready = Ready.of(problem, rng)
        near, loss, judges = kernel(ready), ready.leaves.loss, ready.judges
        terms = weights_of(features(ready), ready.leaves.train.targets, loss, float(self.ridge))
        scores = np.zeros(judges.scores.shape)
        for start, stop in ready.blocks():
            scores += near(start, stop).T @ terms[start:stop]
        before = loss.value(scores, judges.targets)

        def score(start: int, stop: int) -> Floats:
            out, steps = np.empty((stop - start, len(before))), near(start, stop)
            for row, step in enumerate(steps):
                gone = scores - step[:, None] * terms[start + row]
                out[row] = (loss.value(gone, judges.targets) - before) * judges.known
            return out

        yield ready.scored(score, self.per_valid)
