"""From the words after --model and --score to an estimator and a scorer's name."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Iterable
from typing import Any

from .._errors import AssayError

# name -> (module, class for classes or None, class for numbers or None, parameters)
_MODELS: dict[str, tuple[str, str | None, str | None, dict[str, Any]]] = {
    "logistic": ("sklearn.linear_model", "LogisticRegression", None, {"max_iter": 1000}),
    "boosting": ("sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", {}),
    "forest": ("sklearn.ensemble", "RandomForestClassifier", "RandomForestRegressor", {}),
    "ridge": ("sklearn.linear_model", None, "Ridge", {}),
}
_SEEDED = ("boosting", "forest")


def model(word: str | None, target_kind: str, seed: int) -> Any:
    """Return an unfitted scikit-learn estimator.

    Parameters
    ----------
    word : str or None
        One of the names of `--help`, `package.module:factory`, or None for the default of the target's kind.
    target_kind : str
        `class` or `number`.
    seed : int
        Given to models that draw.

    Raises
    ------
    AssayError
        Where the name is unknown, does not fit the target, or the factory cannot be had.
    """
    word = word or ("logistic" if target_kind == "class" else "ridge")
    if ":" in word:
        return _made_elsewhere(word)
    if word not in _MODELS:
        raise AssayError(
            f"model '{word}' is not known{nearest(word, _MODELS)}; use one of {', '.join(_MODELS)}, "
            "or package.module:factory."
        )
    module, for_classes, for_numbers, settings = _MODELS[word]
    name = for_classes if target_kind == "class" else for_numbers
    if name is None:
        others = [other for other, parts in _MODELS.items() if parts[1 if target_kind == "class" else 2]]
        has, needs = ("classes", "numbers") if target_kind == "class" else ("numbers", "classes")
        raise AssayError(
            f"model '{word}' predicts {needs}, but the target holds {has}; use one of {', '.join(others)}."
        )
    drawn = {"random_state": seed} if word in _SEEDED else {}
    return getattr(importlib.import_module(module), name)(**settings, **drawn)


def score(word: str | None, target_kind: str) -> str:
    """Return the name of a scikit-learn scorer that knows the target's kind.

    Raises
    ------
    AssayError
        Where scikit-learn has no scorer of this name.
    """
    if word is None:
        return "accuracy" if target_kind == "class" else "r2"
    from sklearn.metrics import get_scorer_names

    names = get_scorer_names()
    if word not in names:
        raise AssayError(f"score '{word}' is not a scikit-learn scorer{nearest(word, names)}.")
    return word


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant, or nothing.

    >>> nearest("fores", ["forest", "ridge"])
    "; did you mean 'forest'?"
    """
    near = difflib.get_close_matches(word, list(names), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _made_elsewhere(word: str) -> Any:
    """Return what a user's factory makes; modules in the current folder are found too."""
    module, _, name = word.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise AssayError(
            f"model '{word}' cannot be had: {error}; write it as package.module:factory."
        ) from error
    made = factory() if callable(factory) else factory
    if not (hasattr(made, "fit") and hasattr(made, "predict")):
        raise AssayError(
            f"model '{word}' gave {type(made).__name__}, which has no fit and predict; "
            "let the factory return a scikit-learn estimator."
        )
    return made
