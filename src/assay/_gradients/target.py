"""Targets: what judging rows measure of a model, as a weighted sum of one number a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Floats
from .features import Features
from .gradients import Gradients, Of

TARGETS = ("loss", "demographic_parity", "equal_opportunity", "robustness")
OF_GROUPS = ("demographic_parity", "equal_opportunity")


class Judged(Protocol):
    """A model that can be measured: gradients, or a fitted estimator."""

    @property
    def classes(self) -> Any:
        """Sorted; None where labels are numbers."""
        ...

    def losses(self, data: Any) -> Floats:
        """The loss of each row, (n,)."""
        ...

    def probabilities(self, data: Any) -> Floats:
        """The probability of the last class of each row, (n,); for numbers, the prediction."""
        ...

    def attacked(self, data: Any) -> Any:
        """The rows as an attacker would move them."""
        ...


@dataclass(frozen=True, eq=False)
class Reading:
    """A target measured on m rows: the weighted sum of their numbers, without its sign; lower is better.

    Parameters
    ----------
    numbers : array of shape (m,)
        A loss or a probability of each row.
    weights : array of shape (m,)
        Those of a mean, or of a mean of one group less that of another.
    strata : array of shape (m,)
        Which mean a row is in: 1, or -1 for the one taken away; 0 for none.
    of : "loss" | "probability"
        What the numbers are.
    data : Data
        The rows that were looked at: the attacked ones for robustness.
    pair : tuple, optional
        The two groups compared: the one of the larger mean first.
    """

    numbers: Floats
    weights: Floats
    strata: NDArray[np.intp]
    of: Of
    data: Any
    pair: tuple[Any, Any] | None = None

    @property
    def value(self) -> float:
        """What was measured."""
        return float(self.weights @ self.numbers)


def read(
    target: str, model: Judged, data: Any, *, pair: tuple[Any, Any] | None = None, attacked: Any = None
) -> Reading:
    """Measure `target` on the rows of `data`.

    - "loss": the mean loss.
    - "demographic_parity": the widest gap between the groups' mean probabilities of the positive class, the
      last of the sorted classes (mean predictions where labels are numbers).
    - "equal_opportunity": the widest gap between the groups' mean losses on positive rows.
    - "robustness": the mean loss of the rows moved across the boundary.

    Parameters
    ----------
    target : str
    model : Judged
    data : Data
        Labelled; with groups for gaps.
    pair : tuple, optional
        The two groups to compare, the first less the second, whatever its sign; else the widest gap.
    attacked : Data, optional
        Rows that were attacked already, instead of attacking `data` for this model.

    Raises
    ------
    AssayError
        If the target is unknown, or the rows lack the groups or positive rows that it compares.
    """
    check_target(target)
    if target == "robustness":
        data = model.attacked(data) if attacked is None else attacked
    if target not in OF_GROUPS:
        losses = model.losses(data)
        m = len(losses)
        return Reading(losses, np.full(m, 1 / m), np.ones(m, np.intp), "loss", data)
    of: Of = "probability" if target == "demographic_parity" else "loss"
    compared = np.ones(len(data), bool) if of == "probability" else _positive(model, data)
    numbers = model.probabilities(data) if of == "probability" else model.losses(data)
    names, codes = _groups(target, data, compared)
    if pair is None:
        means = [numbers[compared & (codes == k)].mean() for k in range(len(names))]
        pair = names[int(np.argmax(means))].item(), names[int(np.argmin(means))].item()
    elif not set(pair) <= set(names.tolist()):
        raise AssayError(
            f'target="{target}" compares the groups {pair[0]!r} and {pair[1]!r}, and the rows that judge are '
            "not of both; take more rows."
        )
    strata = np.zeros(len(data), np.intp)
    for sign, name in zip((1, -1), pair, strict=True):
        strata[compared & (names[codes] == name)] = sign
    weights = (strata == 1) / max((strata == 1).sum(), 1) - (strata == -1) / max((strata == -1).sum(), 1)
    return Reading(numbers, weights, strata, of, data, pair)


def check_target(target: Any) -> None:
    """Refuse what is no target.

    Raises
    ------
    AssayError
        If there is none of this name.
    """
    if not isinstance(target, str) or target not in TARGETS:
        raise AssayError(f"The target is {target!r}; choose {', '.join(map(repr, TARGETS))}.")


def judging(target: str, gradients: Gradients, data: Any) -> Features:
    """Gradients of the judging rows, (m,), so weighted that their mean is the gradient of the target."""
    if target == "loss":
        return gradients.rows(data)
    reading = read(target, gradients, data)
    return gradients.rows(reading.data, of=reading.of).scaled(len(reading.numbers) * reading.weights)


def _positive(model: Judged, data: Any) -> NDArray[np.bool_]:
    if model.classes is None:
        raise AssayError(
            'target="equal_opportunity" compares rows of the positive class, and labels are numbers here; '
            'take "demographic_parity".'
        )
    return np.asarray(data.y == model.classes[-1])


def _groups(target: str, data: Any, compared: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    if getattr(data, "groups", None) is None:
        raise AssayError(
            f'target="{target}" compares groups of the rows that judge, and these have none; pass '
            "assay.Data(X, y, groups=group_of_each_row)."
        )
    names, codes = np.unique(data.groups, return_inverse=True)
    if len(names) < 2:
        raise AssayError(
            f'target="{target}" compares groups, '
            f"and the rows that judge are all of {names[0].item()!r}; "
            "take rows of both."
        )
    without = set(range(len(names))) - set(codes[compared].tolist())
    if without:
        raise AssayError(
            f'target="{target}" compares rows of the positive class, and the group '
            f"{names[min(without)].item()!r} has none among the rows that judge; take more rows."
        )
    return names, codes
