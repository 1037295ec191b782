"""Cloning: a fresh, unfitted estimator for every refit, at the price of copying a dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import InvalidParameterError

from ._errors import AssayError

PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic)


@dataclass(frozen=True, eq=False)
class Cloner:
    """Makes unfitted copies of an estimator, as `sklearn.base.clone` does.

    Parameters
    ----------
    model : estimator
        What is copied; it stays as it is.

    Raises
    ------
    AssayError
        If scikit-learn says that a parameter of a flat estimator is not valid.
    """

    model: Any

    def __post_init__(self) -> None:
        if not self.flat:
            return
        try:
            self.model._validate_params()
        except InvalidParameterError as error:
            raise AssayError(f"The model {self.model!r} cannot be fitted: {error}") from error

    @cached_property
    def flat(self) -> bool:
        """Whether the estimator is its plain parameters and nothing else: a copied dictionary is a clone.

        Then scikit-learn's check of the parameters was done once, here, and refits need not repeat it.
        """
        kind = type(self.model)
        template: Any = clone(self.model)
        usual = isinstance(template, BaseEstimator) and not any(
            vars(c).get("__slots__") for c in kind.__mro__
        )
        return (
            usual
            and kind.__sklearn_clone__ is BaseEstimator.__sklearn_clone__
            and kind.__module__.startswith("sklearn.")
            and vars(template).keys() >= template.get_params(deep=False).keys()
            and all(map(_is_plain, vars(template).values()))
        )

    @cached_property
    def _template(self) -> dict[str, Any]:
        return vars(clone(self.model))

    def copy(self) -> Any:
        """Return an unfitted estimator with the same parameters."""
        if not self.flat:
            return clone(self.model)
        copy = object.__new__(type(self.model))
        copy.__dict__.update(self._template)
        return copy


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, (tuple, list)) else isinstance(value, PLAIN)
