"""LeafRefit: what judges lose where a row is not there and all leaves are filled again; splits stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._parallel import each
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._meetings import Meetings
from ._ready import SECONDS, Ready, check_per_valid, influence_of, kernel_kind

TOGETHER = 8  # rows that a thread does without, one after another


@final
@dataclass(eq=False, kw_only=True)
class LeafRefit(Valuer):
    """What a judge loses where the row is not there: all leaves are filled again, exactly; splits stay.

    Leave-one-out of an ensemble but for its splits, and what its trees start from. Without the row, leaves of
    all trees are computed again, as each tree sees what those before it left. A leaf that has no row left
    adds 0. `LeafInfluence` is its first order. In nats, or halves of squared units; a forest's classes by
    halves of the Brier score.

    The costly one of the family: n**2 trees operations, with an exponential each. Estimates on the way give
    the rows that are not done yet their `LeafInfluence`.

    The ensemble is `problem.model`, taken as it is where it is fitted: see `LeafGradients`.

    Parameters
    ----------
    per_valid : bool
        Keep the (n, m) scores for each validation row, 8 n m bytes.

    Source: Sharchilev et al. (2018), "Finding Influential Training Samples for Gradient Boosted Decision
    Trees".

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from assay import Data, LeafRefit, Problem, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> problem = Problem(train, Data([[0.1], [5.0]], ["a", "b"]), GradientBoostingClassifier(max_depth=1))
    >>> value(problem, LeafRefit()).lowest(1)
    array([6])
    """

    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.TREES

    def __post_init__(self) -> None:
        check_per_valid("LeafRefit", self.per_valid)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield what is known so far now and then, and the exact differences in the end."""
        self.__post_init__()  # `set_params` does not come by there
        ready = Ready.of(problem, rng)
        without = _boosted(ready) if ready.leaves.boosted else _forest(ready)
        loss, judges = ready.leaves.loss, ready.judges
        before = ready.leaves.losses(judges)

        def of(start: int, stop: int) -> tuple[Floats, Floats | None]:
            scores = (loss.value(without(start, stop), judges.targets) - before) * judges.known
            return scores.mean(axis=1), scores if self.per_valid else None

        n, m = problem.n, len(before)
        values, kept, last = np.empty(n), [], time.monotonic()
        values[:] = influence_of(ready, ready.moves, np.full((m, 1), 1 / m))[:, 0]
        blocks = ((start, min(start + TOGETHER, n)) for start in range(0, n, TOGETHER))
        done = 0
        for mean, scores in each(of, blocks, threads=True):  # in their order
            values[done : done + len(mean)] = mean
            kept.append(scores)
            done += len(mean)
            if done < n and time.monotonic() - last > SECONDS:
                last = time.monotonic()
                why = f"Leaves were filled again without {done:,} of {n:,} rows; others have LeafInfluence."
                yield Valuation(ready.back(values), why=why, share=done / n)
        scores = ready.back(np.vstack(kept)) if self.per_valid else None
        yield Valuation(ready.back(values), per_valid=scores, status=Status.exact)


def _boosted(ready: Ready) -> Callable[[int, int], Floats]:
    """The judges' scores (rows, m, outputs) without each row of a stretch, all trees answering."""
    from ._refit_kernel import refit

    leaves, judges = ready.leaves, ready.judges
    starts = np.concatenate([leaves.train.starts, judges.starts])
    moving = np.isfinite(leaves.denominators)

    def without(start: int, stop: int) -> Floats:
        out = np.empty((stop - start, *judges.scores.shape))
        refit(
            start,
            leaves.train.leaves,
            judges.leaves,
            kernel_kind(leaves.loss),
            leaves.eta,
            leaves.ridge,
            leaves.loss.factor,
            leaves.values,
            moving,
            starts,
            leaves.train.targets,
            out,
        )
        return out

    return without


def _forest(ready: Ready) -> Callable[[int, int], Floats]:
    """The same, where trees do not answer one another: the mean of each leaf without the row."""
    leaves, judges, outputs = ready.leaves, ready.judges, ready.leaves.outputs
    change = np.empty(leaves.train.leaves.shape)
    for tree, places in enumerate(leaves.train.leaves):
        g, h = leaves.step(tree)
        held, left = leaves.values[places], leaves.denominators[places] - h
        sums = -held * leaves.denominators[places] / leaves.eta - g
        full = np.where(left > 0, -leaves.eta * sums / np.maximum(left, 1), 0)  # h counts draws
        change[tree] = np.where(h > 0, full - held, 0)
    parts = [
        (
            change[k::outputs],
            Meetings.of(leaves.train.leaves[k::outputs], judges.leaves[k::outputs], len(leaves.values)),
        )
        for k in range(outputs)
    ]
    ones = np.ones(judges.leaves[::outputs].shape)

    def without(start: int, stop: int) -> Floats:
        moved = [meetings.product(rows, ones, start, stop) for rows, meetings in parts]
        return judges.scores + np.stack(moved, axis=-1)

    return without
