"""Scores of training rows for queries, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..._curvature.choose import Settings, metric_for, solver_for
from ..._curvature.exact import Exact
from ..._curvature.left_out import left_out
from ..._curvature.metric import Metric
from ..._gradients.features import Features
from ..._gradients.gradients import Gradients
from ..._gradients.linear import LinearGradients
from ..._gradients.source import gradients_of
from ..._gradients.target import judging
from ..._problem import Data, Problem
from ..._types import Floats

ROWS = 4096  # of a block


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores (n, m), never held whole.

    Parameters
    ----------
    n : int
        Training rows.
    of : callable
        The scores of the training rows in a slice.
    note : str
        What they rest on.
    """

    n: int
    of: Callable[[slice], Floats]
    note: str

    def blocks(self) -> Iterator[tuple[int, Floats]]:
        """The first row of each block, and its scores."""
        for at in range(0, self.n, ROWS):
            yield at, self.of(slice(at, at + ROWS))

    def whole(self) -> Floats:
        """All of them, (n, m)."""
        return np.concatenate([block for _, block in self.blocks()])


def influence_scores(
    settings: Settings, target: str, relative: str | None, problem: Problem, rng: np.random.Generator
) -> Scores:
    """Of `Influence` with these settings."""
    gradients, problem = gradients_of(problem, "Influence")
    assert problem.valid is not None
    metric = metric_for(settings, gradients, problem.train, rng)
    train = trained(settings.solver, gradients, problem.train, metric)
    work = metric.against(judging(target, gradients, problem.valid))

    def of(rows: slice) -> Floats:
        some = train.take(rows)
        return per_size(work(some), some, metric, relative)

    return Scores(len(train), of, metric.note)


def influence_values(
    settings: Settings, target: str, relative: str | None, problem: Problem, rng: np.random.Generator
) -> tuple[Floats, str]:
    """The means over the queries alone, (n,), by one solved vector, and what they rest on."""
    gradients, problem = gradients_of(problem, "Influence")
    assert problem.valid is not None
    metric = metric_for(settings, gradients, problem.train, rng)
    judges = judging(target, gradients, problem.valid)
    solved = metric.solve(judges.total(np.full(len(judges), 1 / len(judges))))
    if relative is None and solver_for(settings.solver, gradients) != "left_out":
        values = gradients.along(problem.train, solved.dense()[0].astype(float))
        return values * gradients.weights(problem.train), metric.note
    train = trained(settings.solver, gradients, problem.train, metric)
    return per_size(train.gram(solved), train, metric, relative)[:, 0], metric.note


def trained(solver: str, gradients: Gradients, data: Data, metric: Metric) -> Features:
    """Features of the training rows: their gradients, or of linear models their steps without a row."""
    if solver_for(solver, gradients) == "left_out":
        assert isinstance(gradients, LinearGradients)
        assert isinstance(metric, Exact)
        return left_out(gradients, data, metric)
    return gradients.rows(data).scaled(gradients.weights(data))


def per_size(scores: Floats, rows: Features, metric: Metric, relative: str | None) -> Floats:
    """Scores by the size of each row's own step; 0 for rows without a step."""
    if relative is None:
        return scores
    sizes = metric.sizes(rows) if relative == "parameters" else np.sqrt(np.maximum(metric.squares(rows), 0))
    return scores / np.where(sizes > 0, sizes, 1)[:, None]
