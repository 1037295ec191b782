"""Ensembles of scikit-learn that know their bags: fitted once, or given fitted, and scored in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.tree import BaseDecisionTree

from ..._errors import AssayError
from ..._keys import unset_seeds
from ..._parallel import each
from ..._types import Floats, Positions
from ._target import Target

BLOCK = 16  # members whose bags are listed at once


def knows_its_bags(model: Any) -> bool:
    """Whether `model` is an ensemble that tells which rows each member was fitted on."""
    return hasattr(type(model), "estimators_samples_")


class Ensemble:
    """An ensemble on the rows `X` and labels `target`; it is fitted on them first unless it was before.

    Raises
    ------
    AssayError
        If it draws no bags, was fitted on other rows or labels, or no longer knows its bags.
    """

    def __init__(self, model: Any, X: Any, target: Target, rng: np.random.Generator) -> None:
        self.name = type(model).__name__
        whole = getattr(model, "max_samples", None)
        if not model.bootstrap and (whole is None or (isinstance(whole, float) and whole == 1.0)):
            raise AssayError(f"DataOOB.model: {self.name} leaves no row out of a bag; set bootstrap=True.")
        if not hasattr(model, "estimators_"):
            model = clone(model)
            model.set_params(**{name: int(rng.integers(2**31)) for name in unset_seeds(model)})
            model.fit(X, target.y)
        else:
            _check(model, X, target)
        self._model, self._target = model, target
        self._X = X if issparse(X) else np.ascontiguousarray(X)
        self._narrow = None if issparse(X) else np.ascontiguousarray(X, dtype=np.float32)
        self._y = target.codes
        if target.classes is not None:  # as places among the classes that the ensemble knows
            self._y = np.searchsorted(model.classes_, target.y).astype(float)

    def outcomes(self) -> Iterator[Floats]:
        """Yield the outcomes (n,) of each member, by threads."""
        return each(self._outcome, self._members(), threads=True)

    def _members(self) -> Iterator[tuple[Any, Positions, Any]]:
        members = self._model.estimators_
        views = getattr(self._model, "estimators_features_", None)
        if views is not None:
            bags = self._model.estimators_samples_
            if len(bags) != len(members):
                raise self._lost()
            yield from zip(members, bags, views, strict=True)
            return
        for start in range(0, len(members), BLOCK):  # the bags of all are n integers for each member
            part = copy(self._model)
            part.estimators_ = members[start : start + BLOCK]
            yield from (
                (*pair, None) for pair in zip(part.estimators_, part.estimators_samples_, strict=True)
            )

    def _outcome(self, member: Any, bag: Positions, view: Any) -> Floats:
        from ._score_kernel import judge, walk

        answers = np.empty(len(self._y))
        if isinstance(member, BaseDecisionTree) and self._narrow is not None:
            tree: Any = member.tree_
            features = tree.feature if view is None else np.asarray(view)[tree.feature]
            leaves = tree.value[:, 0, 0]
            if self._target.classes is not None:
                leaves = member.classes_[tree.value[:, 0].argmax(axis=1)].astype(float)
            arrays = features, tree.threshold, tree.children_left, tree.children_right, leaves
            inside = walk(self._narrow, bag, *arrays, answers)
            if tree.n_node_samples[0] not in (inside, len(bag)):
                raise self._lost()
        else:
            answers[bag] = np.nan
            self._ask(member, np.setdiff1d(np.arange(len(answers)), bag), view, answers)
        judge(answers, self._y, self._target.numbers)
        return answers

    def _ask(self, member: Any, out: Positions, view: Any, answers: Floats) -> None:
        if not len(out):
            return
        rows = self._X[out]
        if view is not None and not np.array_equal(view, np.arange(rows.shape[1])):
            rows = rows[:, view]
        with config_context(assume_finite=True):  # checked when the data were made
            answers[out] = member.predict(rows)

    def _lost(self) -> AssayError:
        return AssayError(
            f"DataOOB.model: the bags that {self.name} tells are not those that its members were fitted on; "
            "fit it anew, without warm_start and without changing its settings afterwards."
        )


def _check(model: Any, X: Any, target: Target) -> None:
    """Refuse an ensemble that was fitted on rows of another shape, or on other labels."""
    name, (n, d) = type(model).__name__, X.shape
    rows, columns = getattr(model, "_n_samples", n), getattr(model, "n_features_in_", d)
    fault = ""
    if (rows, columns) != (n, d):
        fault = f"was fitted on {rows} rows of {columns} columns, and here are {n} of {d}"
    elif getattr(model, "n_outputs_", 1) != 1:
        fault = "was fitted on several labels a row"
    elif target.classes is not None and not np.isin(target.classes, model.classes_).all():
        fault = "was fitted without one of the classes here"
    if fault:
        raise AssayError(f"DataOOB.model: {name} {fault}; fit it on the rows to value, in their order.")
