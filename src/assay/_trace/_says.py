"""What a fitted estimator says of rows, as outputs that a recorder reads."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from .._errors import AssayError
from .._types import Floats

Loss: TypeAlias = Literal["cross_entropy", "binary", "squared"]
ZERO = -53 * np.log(2)  # logarithm of a probability that is given as 0: what float64 takes off 1 at least
CLOSE = 1e-5  # between probabilities


def says(model: Any, X: Any, *, numbers: bool) -> tuple[Floats, Loss]:
    """Outputs of rows, and the loss that reads them.

    Numbers are predictions. Classes are scores that are logits: the decision function, where the model's
    probabilities are its softmax (or sigmoid) or where it has none, else the logarithm of the probabilities.
    """
    if numbers:
        return np.asarray(model.predict(X), float), "squared"
    scores = _scores(model.decision_function(X)) if hasattr(model, "decision_function") else None
    if not hasattr(model, "predict_proba"):
        if scores is None:
            raise AssayError(
                f"The training of {type(model).__name__} cannot be followed, as it gives neither scores nor "
                "probabilities; take one with decision_function or predict_proba."
            )
        return read(scores)
    chances = np.asarray(model.predict_proba(X), float)
    if scores is not None and are_logits(scores, chances):
        return read(scores)
    logs = model.predict_log_proba(X) if hasattr(model, "predict_log_proba") else None
    return logarithms(chances, logs), "cross_entropy"


def read(scores: Floats) -> tuple[Floats, Loss]:
    """Scores and the loss that reads them."""
    return scores, "binary" if scores.ndim == 1 else "cross_entropy"


def _scores(given: Any) -> Floats:
    scores = np.asarray(given, float)
    return scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores


def are_logits(scores: Floats, chances: Floats) -> bool:
    """Whether probabilities (n, c) are the softmax of scores (n, c), or the sigmoid of (n,)."""
    if scores.ndim == 1:
        return chances.shape[1] == 2 and bool(np.abs(expit(scores) - chances[:, 1]).max() < CLOSE)
    return scores.shape == chances.shape and bool(np.abs(softmax(scores, axis=1) - chances).max() < CLOSE)


def logarithms(chances: Floats, given: Any = None) -> Floats:
    """Logarithms of probabilities; 0 counts as 2**-53."""
    with np.errstate(divide="ignore"):
        logs = np.log(chances) if given is None else np.asarray(given, float)
    return np.where(np.isfinite(logs), logs, ZERO)


def staged(model: Any, X: Any, *, numbers: bool) -> Any:
    """What `says` says after each stage of an ensemble that boosts, one after another."""
    if numbers:
        yield from ((np.asarray(found, float), "squared") for found in model.staged_predict(X))
        return
    scores = (_scores(part) for part in model.staged_decision_function(X))
    first = next(iter(model.staged_predict_proba(X)))
    if are_logits(_scores(next(iter(model.staged_decision_function(X)))), first):
        yield from map(read, scores)
    else:
        yield from ((logarithms(part), "cross_entropy") for part in model.staged_predict_proba(X))


def quiet(work: Callable[[], Any]) -> Any:
    """What it gives, without warnings: a training cut short always warns that it did not converge."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return work()


def columns(model: Any, y: NDArray[Any]) -> NDArray[Any]:
    """The classes in the order of its outputs."""
    return np.asarray(getattr(model, "classes_", np.unique(y)))
