"""An ensemble of trees as its leaves: which leaf a row falls into, and what leaves add to scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Floats, Labels
from .loss import Loss


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What a reader returns; tree s = round x outputs + output.

    Parameters
    ----------
    name : str
        The class of the model.
    loss : Loss
    eta, ridge : float
        A leaf of gradients g and second derivatives h is -eta sum(g) / (sum(h) + ridge).
    values : array of shape (leaves,)
        What each leaf adds to its output, of one tree after another.
    outputs : int
        Scores of a row.
    leaves : callable
        X -> positions (n, trees) in `values`.
    start : callable
        X -> the scores (n, outputs) before the first tree.
    inert : array of bool of shape (leaves,)
        Leaves that no row moves.
    doubts : tuple of str
        Settings by which leaves may be something else.
    classes : array, optional
        Labels in the order of the outputs, where the model knows them.
    weights : array of shape (trees, n), optional
        How often each row was drawn for a tree of a forest; None for boosting, where a tree mends what those
        before it left.
    """

    name: str
    loss: Loss
    eta: float
    ridge: float
    values: Floats
    outputs: int
    leaves: Callable[[Any], NDArray[Any]]
    start: Callable[[Any], Floats]
    inert: NDArray[Any]
    doubts: tuple[str, ...] = ()
    classes: Labels | None = None
    weights: Floats | None = None


def refuse(model: Any, fault: str, fix: str) -> AssayError:
    """The error for a model whose leaves are not what is known here."""
    return AssayError(f"{type(model).__name__} {fault}, so that its leaves cannot be computed again; {fix}.")


def changed(settings: dict[str, Any], plain: dict[str, tuple[Any, ...]]) -> tuple[str, ...]:
    """Settings, as `name=value`, that are not among those that leave leaves alone."""
    return tuple(
        f"{name}={settings[name]!r}"
        for name, harmless in plain.items()
        if name in settings and settings[name] not in harmless
    )
