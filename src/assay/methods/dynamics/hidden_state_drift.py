"""How hidden states move through training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import pinvh

from ..._errors import AssayError
from ..._problem import Problem
from ..._trace.source import traces_of
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._mlp_states import has_states, states_of
from ._runs import blocks, check_told

FLAT = 1e-9  # of the largest: directions that states do not differ in


@final
@dataclass(eq=False, kw_only=True)
class HiddenStateDrift(Valuer):
    """Minus how much of a row's movement the common movement of all hidden states leaves over, in -1..0.

    From one epoch to the next all states move together: the network shifts, turns and stretches its space.
    The linear map that carries the states of one epoch, less their mean, nearest to those of the next (by
    least squares over all rows) is that common movement. What is left over of a row is ||h' - Wh|| divided by
    ||h'|| + ||Wh||, from 0 (it went along) to 1; the mean over the steps whose two epochs saw the row, and
    over traces. Shifting, turning or stretching the states of any epoch changes nothing.

    Neither labels nor outputs are looked at, so one score serves a network of many heads, or of none. For the
    same reason it does *not* find wrong labels: it is near chance there, as states follow labels only where a
    network learns them by heart. What it finds, to a degree, are rows that are hard whatever their label; the
    guide has the measurements.

    Cost: three passes over the hidden states of the trace, and n k² multiplications an epoch for states of k
    numbers.

    Source: none; it was made here.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, HiddenStateDrift, Problem, Trace, value
    >>> before = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    >>> after = 2 * before[:, ::-1] + 1  # turned over, stretched and shifted
    >>> after[4] += 1.0
    >>> p = np.full((2, 5), 0.5)
    >>> trace = Trace(np.arange(5), p, p, p, p, hidden=np.stack([before, after]))
    >>> value(Problem(Data(before), trace=trace), HiddenStateDrift()).lowest(1)
    array([4])
    """

    needs: ClassVar[Needs] = Needs.TRACE

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        if problem.traces or not has_states(problem.model):
            traces = traces_of(problem, "HiddenStateDrift", rng)
            states = [trace.hidden for trace in traces]
        else:
            states = [states_of("HiddenStateDrift", problem, rng)]
        total, steps = np.zeros((2, problem.n))
        for hidden in states:
            if hidden is None:
                raise AssayError(
                    "HiddenStateDrift: the training showed no hidden states; record those of a layer: "
                    "assay.Recorder(ids, module=net, hidden='name of the layer'), or take a network of "
                    "scikit-learn, such as MLPClassifier, as the model."
                )
            if len(hidden) < 2:
                raise AssayError("HiddenStateDrift needs at least 2 epochs: states of one do not move.")
            found, seen = np.zeros((2, problem.n))
            for before, after in pairwise(hidden):
                _add(before, after, found, seen)
            total += np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
            steps += seen > 0
        check_told("HiddenStateDrift", problem.train.ids, steps)
        yield Valuation(0.0 - total / steps, status=Status.exact)


def _add(before: NDArray[Any], after: NDArray[Any], found: Floats, seen: Floats) -> None:
    """Add what one step leaves over to `found`, and 1 to `seen`, for the rows that both epochs saw."""
    width = before.shape[1]
    parts = list(blocks(len(before), 2 * width))
    rows, sums = 0, np.zeros((2, width))
    for part in parts:
        old, new, both = _pair(before, after, part)
        rows, sums = rows + int(both.sum()), sums + np.stack([old.sum(axis=0), new.sum(axis=0)])
    if rows <= width + 1:
        raise AssayError(
            f"HiddenStateDrift: {rows} rows were seen in two epochs on end, and states of {width} numbers "
            f"need more than {width + 1}: fewer are carried anywhere; record a narrower layer."
        )
    centres = sums / rows
    among, across = np.zeros((2, width, width))
    for part in parts:
        old, new, _ = _pair(before, after, part, centres)
        among, across = among + old.T @ old, across + old.T @ new
    carried = pinvh(among, rtol=FLAT) @ across
    for part in parts:
        old, new, both = _pair(before, after, part, centres)
        along = old @ carried
        whole = np.linalg.norm(new, axis=1) + np.linalg.norm(along, axis=1)
        left = np.linalg.norm(new - along, axis=1)
        left = np.divide(left, whole, out=np.zeros_like(left), where=whole > 0)
        found[part][both] += np.minimum(left, 1)  # which rounding may pass by a bit
        seen[part] += both


def _pair(
    before: NDArray[Any], after: NDArray[Any], part: slice, centres: Floats | None = None
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The states of the rows in `part` that both epochs saw, and which these are."""
    old, new = np.asarray(before[part], float), np.asarray(after[part], float)
    both = np.logical_not(np.isnan(old + new).any(axis=1))
    old, new = old[both], new[both]
    return (old, new, both) if centres is None else (old - centres[0], new - centres[1], both)
