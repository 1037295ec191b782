"""The gradient norm early in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._gradients.fit_linear import is_linear
from ..._gradients.source import gradients_of
from ..._problem import Problem, is_torch
from ..._trace.source import traces_of
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._runs import EARLY, Runs, check_epochs, mean_seen


@final
@dataclass(eq=False, kw_only=True)
class GraNd(Valuer):
    """Minus the length of the gradient of a row's loss early in training, by all parameters.

    The mean over the first epochs in which the row was seen, and over traces; for classes and for numbers.
    The lowest rows are those to check for wrong labels. To prune a table of clean labels the paper keeps the
    rows of the longest gradients, which are the *lowest* values here.

    Lengths are those that a trace recorded (its `norms`). Without a trace they are those of the problem's
    gradients at its checkpoints (`TorchGradients(checkpoints=...)`), or of a linear model as it was fitted,
    which is late rather than early.

    Cost: one pass over the norms of the trace; without, one forward and half a backward pass a checkpoint.
    The paper averages over ten trainings from other first weights: pass as many traces.

    Parameters
    ----------
    epochs : int
        How many of the first epochs, or checkpoints, count, at least 1; all if there are fewer. See `EL2N`.

    Source: Paul, Ganguli and Dziugaite (2021), "Deep Learning on a Data Diet: Finding Important Examples
    Early in Training"; the mean over epochs in place of one.

    Examples
    --------
    >>> from assay import Data, GraNd, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> value(Problem(train, model=LogisticRegression(C=10)), GraNd()).lowest(1)
    array([2])
    """

    epochs: int = EARLY
    needs: ClassVar[Needs] = Needs.LABELS | Needs.TRACE

    def __post_init__(self) -> None:
        check_epochs("GraNd", self.epochs)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        self.__post_init__()
        if not problem.traces and _has_gradients(problem):
            yield Valuation(-self._by_gradients(problem), status=Status.exact)
            return
        runs = Runs("GraNd", traces_of(problem, "GraNd", rng))
        if any(trace.norms is None for trace in runs.traces):
            raise AssayError(
                "GraNd: the trace has no norms of gradients; record them, or pass no trace and "
                "assay.Problem(model=a linear estimator or torch module, gradients=...)."
            )
        yield Valuation(-runs.mean("norms", mean_seen, epochs=self.epochs), status=Status.exact)

    def _by_gradients(self, problem: Problem) -> Floats:
        gradients, problem = gradients_of(problem, "GraNd")
        moments = islice(gradients.checkpoints, self.epochs)
        norms = [now.rows(problem.train).norms() for now in moments]
        return np.mean(norms, axis=0) * gradients.weights(problem.train)


def _has_gradients(problem: Problem) -> bool:
    return problem.gradients is not None or is_torch(problem.model) or is_linear(problem.model)
