"""Influence through the whole training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._gradients.torch_gradients import one_thread
from ..._parallel import each
from ..._problem import Problem
from ..._training import Training
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._any_network import AnyNetwork
from ._dense import dense_of
from ._start import Start, start_of, steps
from ._unrolling import Unrolled

JUDGES = 64  # whose derivatives are carried back side by side
USUAL = Training(rate=0.1)


@final
@dataclass(eq=False, kw_only=True)
class ExactUnrolled(Valuer):
    """Minus the derivative of the judges' loss by a row's weight in the training, through every step.

    The network has the shape of the model and fresh weights, frozen ones aside (a linear model starts
    from 0, without its penalty and class weights). It is trained once, or `training.inits` times from other
    weights, and values are averaged; then every step is gone back through, which is exact for this run: first
    weights, order, early stopping and all, with no Hessian inverted. To first order, it is what training
    without the row, step for step as before, would cost: positive helps. Dropout is off, batch norms are
    refused.

    Cost: a training, and two passes each way for each judge in each step; states of sqrt(T) of the T steps
    are kept, and the others made again. Networks of Linear, ReLU and Tanh alone (`torch.nn.Sequential`) are
    some times faster than others.

    Parameters
    ----------
    training : Training
        How the network is trained; by "sgd". A rate at which training is barely stable lets derivatives grow
        without bound: these are refused where they overflow.
    per_valid : bool
        Keep the scores for each validation row. If not, only the derivative of their mean loss is carried
        back, m times cheaper.

    Source: Hara, Nitanda and Maehara (2019), "Data Cleansing for Models Trained with SGD"; Ilyas and Engstrom
    (2025), "MAGIC: Near-Optimal Data Attribution for Deep Learning".

    Examples
    --------
    >>> from assay import Data, ExactUnrolled, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression()), ExactUnrolled()).lowest(1)
    array([2])
    """

    training: Training = USUAL
    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        if not isinstance(self.training, Training) or self.training.optimizer != "sgd":
            raise AssayError(
                f"ExactUnrolled.training is {self.training!r}; it needs Training(optimizer='sgd')."
            )
        if not isinstance(self.per_valid, (bool, np.bool_)):
            raise AssayError(f"ExactUnrolled.per_valid is {self.per_valid!r}; it needs to be True or False.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the mean over the trainings so far after each."""
        self.__post_init__()
        start, inits = start_of(problem, "ExactUnrolled"), self.training.inits
        total = np.zeros(())
        for k in range(1, inits + 1):
            with one_thread() as jobs, np.errstate(over="ignore", invalid="ignore"):
                total = total + self._scores(start, rng, jobs)
            if not np.isfinite(total).all():
                raise AssayError(
                    "ExactUnrolled: training, or its derivative, ended in numbers that are not finite; take "
                    "a smaller Training.rate or fewer epochs, or scale the features."
                )
            scores = total / k
            status = Status.exact if k == inits else Status.running
            kept = scores if self.per_valid else None
            yield Valuation(scores.mean(axis=1), per_valid=kept, status=status, share=k / inits)

    def _scores(self, start: Start, rng: np.random.Generator, jobs: int) -> Floats:
        """Scores (n, m), or (n, 1) for the mean."""
        engine, theta = _engine(start, start.fresh(rng))
        n, m = start.problem.n, engine.judges
        run = Unrolled(engine, self.training, theta, list(steps(self.training, n, rng)), np.ones(n))
        parts = [slice(at, min(at + JUDGES, m)) for at in range(0, m, JUDGES)]
        if not self.per_valid:
            sums: list[Any] = [0.0] * len(theta)
            for part in parts:
                sums = [
                    s + g.sum(0)[None] for s, g in zip(sums, engine.judged(run.last.theta, part), strict=True)
                ]
            return -run.by_weights([s / m for s in sums])

        def work(part: slice) -> Floats:
            return -run.by_weights(engine.judged(run.last.theta, part))

        return np.concatenate(list(each(work, ((part,) for part in parts), jobs, threads=True)), axis=1)


def _engine(start: Start, module: Any) -> tuple[Any, list[Any]]:
    """The network with its rows, and its first weights; written out where its parts are known."""
    from ._tape import rows_of

    dtype, numbers = next(module.parameters()).dtype, start.loss == "squared"
    pairs = [
        rows_of(part, dtype, start.classes, numbers=numbers)
        for part in (start.problem.train, start.problem.valid)
    ]
    known = dense_of(module, start.loss, *pairs)
    if known is not None:
        return known
    network = AnyNetwork(module, start.loss, *pairs)
    return network, network.theta
