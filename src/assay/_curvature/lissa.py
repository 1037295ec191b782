"""The inverse as a series, each term from a few rows."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from .._errors import AssayError
from .._gradients.features import Features, full
from .._gradients.gradients import Gradients
from .._parallel import each
from .._types import Floats
from .metric import Metric
from .operator import Roots, damping_of

BATCH, REPEATS, POWERS = 64, 4, 20
COLUMNS = 64  # of a block of right-hand sides
EPOCHS = 2.0  # visits of each row in a repeat, at least
MOST_STEPS = 5_000
ROOM = 2.0  # the scale, in largest curvatures of the batches that were tried


@final
class LiSSA(Metric):
    """Steps x <- x + (g - H_b x) / s on batches b of 64 rows, 4 repeats averaged.

    The scale s is twice the largest curvature of a batch, by power iterations; as many steps are taken as
    shrink what is left in the flattest direction to a hundredth, or visit every row twice, at most 5,000.

    Parameters
    ----------
    gradients : Gradients
    data : Data
        The n training rows.
    damping : float, optional
        Added to the diagonal of the curvature of the mean loss; above 0, unless there is a penalty. If not
        given, 0 for linear models, and a tenth of the mean eigenvalue for others.
    rng : np.random.Generator

    Raises
    ------
    AssayError
        If damping and penalty are 0.

    Notes
    -----
    Source: Agarwal, Bullins and Hazan (2017), "Second-Order Stochastic Optimization for Machine Learning in
    Linear Time".
    """

    def __init__(
        self, gradients: Gradients, data: Any, damping: float | None, rng: np.random.Generator
    ) -> None:
        self.roots, self.n = Roots(gradients, data), len(data)
        damping = damping_of(damping, gradients, self.n, self.roots.mean)
        self.shift = gradients.penalty / self.n + damping
        if self.shift.min() <= 0:
            raise AssayError(
                'solver="lissa" does not converge with neither damping nor penalty; raise `damping`.'
            )
        self.batch = min(BATCH, self.n)
        self.scale = ROOM * max(self._largest(rng) for _ in range(REPEATS))
        needed = np.log(100) * self.scale / self.shift.min()
        self.steps = int(min(max(needed, EPOCHS * self.n / self.batch), MOST_STEPS))
        self.seeds = rng.integers(2**63, size=REPEATS)
        self.head = f"LiSSA of {self.steps} steps and {REPEATS} repeats, damping {damping:.3g}"
        self.note = self.head

    def _times(self, vectors: Floats, rows: Any) -> Floats:
        """The curvature of the mean loss, from these rows, times each vector."""
        return self.roots.apply(vectors, rows) / len(rows) + self.shift * vectors

    def _rows(self, rng: np.random.Generator) -> Any:
        return rng.choice(self.n, self.batch, replace=False)

    def _largest(self, rng: np.random.Generator) -> float:
        rows, vector = self._rows(rng), rng.normal(size=(1, sum(self.roots.widths)))
        length = 1.0
        for _ in range(POWERS):
            vector = self._times(vector / np.linalg.norm(vector), rows)
            length = float(np.linalg.norm(vector))
        return length

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`; every block of queries sees the same batches."""
        parts = [query.take(slice(at, at + COLUMNS)) for at in range(0, len(query), COLUMNS)]
        tasks = [(part, int(seed)) for part in parts for seed in self.seeds]
        found = list(each(self._repeat, tasks, threads=True))
        runs = np.stack([np.concatenate(found[k::REPEATS]) for k in range(REPEATS)])
        mean = runs.mean(axis=0)
        self.errors = np.linalg.norm(runs - mean, axis=2).max(axis=0) / np.sqrt(REPEATS)
        lengths = np.maximum(np.linalg.norm(mean, axis=1), np.finfo(float).tiny)
        self.note = f"{self.head}; spread of the mean {np.median(self.errors / lengths):.1g} of its length"
        return full(mean / self.n, query.widths)

    def _repeat(self, query: Features, seed: int) -> Floats:
        rng, g = np.random.default_rng(seed), query.dense().astype(float)
        x = g / self.scale
        for _ in range(self.steps):
            x = x + (g - self._times(x, self._rows(rng))) / self.scale
        if not np.isfinite(x).all():
            raise AssayError(
                "LiSSA diverged: some rows bend far more than those its scale was found on; raise `damping`, "
                'or take solver="cg".'
            )
        return x
