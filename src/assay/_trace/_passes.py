"""Estimators of scikit-learn, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.naive_bayes import _BaseNB
from sklearn.utils.class_weight import compute_class_weight

from .._cloning import Cloner
from .._errors import AssayError
from .._types import Floats, Labels
from ._says import quiet

UNTOLD = 20  # epochs of an estimator that has no number of its own
LENGTHS = ("n_estimators", "max_iter")


def passes(model: Any, X: Any, y: Labels, epochs: int | None, *, numbers: bool) -> Iterator[Any]:
    """Yield the estimator after each epoch, unfitted `model` first copied.

    - With `partial_fit`, an epoch is one call with all rows. Naive Bayes learns nothing from rows it has
      seen: its epochs are parts of one pass.
    - Without, but with `max_iter`, it is fitted anew and cut short after 1, 2, ... iterations.
    """
    if hasattr(model, "partial_fit"):
        yield from _partial(model, X, y, epochs, numbers=numbers)
    else:
        for k in range(1, (epochs or length(model, X, y)) + 1):
            cut = fitted(Cloner(model).copy().set_params(max_iter=k), X, y)
            _iterations(cut)  # refuses what has none
            yield cut


def fitted(model: Any, X: Any, y: Labels) -> Any:
    """The estimator, fitted.

    Raises
    ------
    AssayError
        If it refuses the rows.
    """
    try:
        return quiet(lambda: model.fit(X, y))
    except ValueError as error:
        raise AssayError(f"The model {model!r} cannot be fitted: {error}") from error


def length(model: Any, X: Any, y: Labels) -> int:
    """How many iterations a whole fit takes."""
    return _iterations(fitted(Cloner(model).copy(), X, y))


def _iterations(model: Any) -> int:
    """How many iterations its fit took."""
    taken = getattr(model, "n_iter_", None)
    if taken is None:
        raise AssayError(
            f"The training of {model!r} cannot be followed, as it is solved in one step; take another solver."
        )
    return max(1, int(np.max(taken)))


def can_follow(model: Any) -> bool:
    """Whether `passes` knows what an epoch of it is."""
    if hasattr(model, "partial_fit"):
        return True
    most = model.get_params(deep=False).get("max_iter")
    return most is not None and most > 0


def _partial(model: Any, X: Any, y: Labels, epochs: int | None, *, numbers: bool) -> Iterator[Any]:
    settings = model.get_params(deep=False)
    parts = isinstance(model, _BaseNB)
    if epochs is None:
        epochs = length(model, X, y) if "max_iter" in settings else UNTOLD
    grown = Cloner(model).copy().set_params(**_for_parts(settings, y))
    known = {} if numbers else {"classes": np.unique(y)}
    rng = grown.random_state if "random_state" in settings else np.random.RandomState(0)
    order = np.array_split(rng.permutation(len(y)), min(epochs, len(y))) if parts else []
    for k in range(len(order) if parts else epochs):
        rows = order[k] if parts else slice(None)
        try:
            quiet(lambda rows=rows: grown.partial_fit(X[rows], y[rows], **known))
        except ValueError as error:
            raise AssayError(f"The model {model!r} cannot be fitted in parts: {error}") from error
        yield grown


def _for_parts(settings: dict[str, Any], y: Labels) -> dict[str, Any]:
    """Settings as `partial_fit` takes them: one generator for all epochs, class weights as numbers."""
    changed: dict[str, Any] = {}
    if "random_state" in settings:
        seed = settings["random_state"]
        changed["random_state"] = seed if hasattr(seed, "permutation") else np.random.RandomState(seed)
    if settings.get("class_weight") == "balanced":
        classes = np.unique(y)
        weights: Floats = compute_class_weight("balanced", classes=classes, y=y)
        changed["class_weight"] = dict(zip(classes.tolist(), weights.tolist(), strict=True))
    if settings.get("early_stopping"):
        changed["early_stopping"] = False
    return changed
