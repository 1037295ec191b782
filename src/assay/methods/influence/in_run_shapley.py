"""In-run Shapley values of a training that the method does itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._gradients.torch_gradients import one_thread
from ..._problem import Problem
from ..._training import Training
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._start import Start, start_of, steps
from .in_run import InRun, check_settings

PLAIN = Training(rate=0.1, momentum=0.0)


@final
@dataclass(eq=False, kw_only=True)
class InRunShapley(Valuer):
    """A row's share in what one training takes off the judges' loss, by Shapley, step by step.

    The network has the shape of the model and fresh weights, frozen ones aside (a linear model starts
    from 0, without its penalty and class weights). It is trained once, or `training.inits` times from other
    weights, and values are averaged, while `InRun` records what each row's part of each step does. Values are
    those of this run, and sum to the decrease of the mean loss, but for what is of third order in the rate in
    each step, and weight decay. To record while you train yourself, use `InRun`.

    Cost: the training, and the pass of the judges in each step.

    Parameters
    ----------
    training : Training
        How the network is trained; by "sgd" without momentum, whose steps are sums over rows.
    order : 1 | 2
        Of the expansion of the decrease in each step.
    judges : int, optional
        How many validation rows are drawn anew for each step; all if not given.

    Source: Wang, Mittal, Song and Jia (2024), "Data Shapley in One Training Run".

    Examples
    --------
    >>> from assay import Data, InRunShapley, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression()), InRunShapley()).lowest(1)
    array([2])
    """

    training: Training = PLAIN
    order: int = 2
    judges: int | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        check_settings("InRunShapley", self.judges, self.order)
        how = self.training
        if not isinstance(how, Training) or how.optimizer != "sgd" or how.momentum:
            raise AssayError(
                f"InRunShapley.training is {how!r}; it needs Training(optimizer='sgd', momentum=0.0), whose "
                "steps are sums over rows."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the mean over the runs so far after each."""
        self.__post_init__()
        start, inits = start_of(problem, "InRunShapley"), self.training.inits
        total = np.zeros(())
        for k in range(1, inits + 1):
            with one_thread():
                total = total + self._run(start, rng)
            scores = total / k
            status = Status.exact if k == inits else Status.running
            yield Valuation(scores.mean(axis=1), per_valid=scores, status=status, share=k / inits)

    def _run(self, start: Start, rng: np.random.Generator) -> Floats:
        import torch

        from ._tape import rows_of, taken

        module, how, problem = start.fresh(rng), self.training, start.problem
        optimizer = torch.optim.SGD(module.parameters(), lr=how.rate, weight_decay=how.weight_decay)
        dtype = next(module.parameters()).dtype
        inputs, targets = rows_of(problem.train, dtype, start.classes, numbers=start.loss == "squared")
        run = InRun(
            module,
            start.loss,
            n=problem.n,
            valid=problem.valid,
            judges=self.judges,
            order=self.order,
            classes=start.classes,
            seed=int(rng.integers(2**63)),
        )
        with run:
            for rows in steps(how, problem.n, rng):
                run.step(taken(inputs, rows), taken(targets, rows), rows, optimizer)
        scores = run.valuation().per_valid
        assert scores is not None
        return scores
