"""The label expert: what models fitted without a row say that its label should have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from ..._types import Floats
from ...tables import Encoder, Table
from ..accept import Unmixed
from ..frames import group_codes
from ._expert import Candidate, Expert

TREES = ("tree", "forest", "boost", "gbm", "xgb", "bagging")
FOLDS = 5
REPEATS = 3


@dataclass(frozen=True)
class LabelExpert(Expert):
    """Cross-fitted ensemble of another model family than the user's.

    Parameters
    ----------
    model : estimator
        The user's model. A tree ensemble is checked by linear models and neighbours, anything else by trees,
        so that the expert does not share the blind spots of the model it works for.

    Notes
    -----
    Cost: `REPEATS` times `FOLDS` fits of two models. Source of the cross-fitted view of label errors:
    Northcutt, Jiang and Chuang (2021), "Confident learning"; of the calibration: `accept.Unmixed`.
    """

    model: Any
    name: ClassVar[str] = "label"

    def propose(self, table: Table, rng: np.random.Generator) -> list[Candidate]:
        """One candidate a row, the likeliest other label, with the chance that the given one is wrong.

        The probability that the row is wrong is in ``evidence["p"]``: the expert learns its own accept model,
        because a label that is flipped on purpose does not change what models fitted without the row say of
        it, so that every row serves as a planted error at no cost.
        """
        if table.target_kind != "class":
            return []
        labels, codes = np.unique(np.asarray(table.frame[table.roles.target]), return_inverse=True)
        if _folds(codes, group_codes(table)) < 2:
            return []  # too little of a class, or too few groups, to leave any row out
        chance = self.probabilities(table, codes, rng)
        other, score = alternatives(chance, codes)
        wrong = wrong_probability(chance, codes, other, score)
        return [
            self._candidate(table, i, labels, codes[i], other[i], chance[i], wrong[i])
            for i in range(len(codes))
        ]

    def probabilities(self, table: Table, codes: NDArray[np.intp], rng: np.random.Generator) -> Floats:
        """Out-of-fold class probabilities (n, classes), the mean of the ensemble."""
        X = Encoder(table.roles).fit(table.frame).transform(table.frame)
        groups = group_codes(table)
        total = np.zeros((len(codes), codes.max() + 1))
        with threadpool_limits(1):
            for _ in range(REPEATS):
                seed = int(rng.integers(2**31 - 1))
                for fitted, weight in self._members(seed):
                    total += weight * _out_of_fold(fitted, X, codes, groups, seed)
        return total / total.sum(1, keepdims=True)

    def _members(self, seed: int) -> list[tuple[Any, float]]:
        if any(word in type(self.model).__name__.lower() for word in TREES):
            return [
                (LogisticRegression(max_iter=1000, C=0.3), 1.0),
                (KNeighborsClassifier(n_neighbors=25, weights="distance"), 1.0),
            ]
        boosting = HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.06, max_leaf_nodes=8, random_state=seed
        )
        return [(boosting, 1.0), (RandomForestClassifier(100, min_samples_leaf=5, random_state=seed), 1.0)]

    def _candidate(
        self,
        table: Table,
        row: int,
        labels: NDArray[Any],
        given: int,
        other: int,
        chance: Floats,
        wrong: float,
    ) -> Candidate:
        target = str(table.roles.target)
        odds = float(chance[other] / max(chance[given] + chance[other], 1e-12))
        why = (
            f"models fitted without this row give {target} = {labels[other]} a chance of {chance[other]:.0%} "
            f"and {labels[given]} one of {chance[given]:.0%}"
        )
        evidence = {
            "why": why,
            "p": float(wrong),
            "p_old": float(chance[given]),
            "p_new": float(chance[other]),
        }
        old = table.frame[target].iloc[row]
        new = labels[other].item() if isinstance(labels[other], np.generic) else labels[other]
        return Candidate(row, target, old, new, self.name, "label", odds, evidence)


def _folds(codes: NDArray[np.intp], groups: NDArray[np.intp] | None) -> int:
    """How many folds every class, and the groups, can be spread over; at most `FOLDS`."""
    spread = [np.bincount(codes).min()]
    if groups is not None:  # a class in fewer groups than folds would be missing from a fit
        spread += [len(np.unique(groups[codes == code])) for code in np.unique(codes)]
    return int(min(FOLDS, *spread))


def _out_of_fold(
    model: Any, X: Floats, codes: NDArray[np.intp], groups: NDArray[np.intp] | None, seed: int
) -> Floats:
    folds = _folds(codes, groups)
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    chance = np.zeros((len(codes), codes.max() + 1))
    for fit, held in splitter(folds, shuffle=True, random_state=seed).split(X, codes, groups):
        member: Any = clone(model)
        member.fit(X[fit], codes[fit])
        chance[np.ix_(held, member.classes_)] = member.predict_proba(X[held])
    return chance


def alternatives(chance: Floats, codes: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """Return the likeliest other class (n,) of each row, and its share (n,) of the two classes' chance."""
    rows = np.arange(len(codes))
    rest = chance.copy()
    rest[rows, codes] = -1.0
    other = rest.argmax(1)
    pair = chance[rows, other] + chance[rows, codes]
    return other, np.where(pair > 0, chance[rows, other] / np.maximum(pair, 1e-12), 0.5)


def wrong_probability(
    chance: Floats, codes: NDArray[np.intp], other: NDArray[np.intp], score: Floats
) -> Floats:
    """Probability (n,) that the given label is wrong, class by class.

    A row of another class that is given this class is a planted error: its score is the share that its own
    class would have against this one.
    """
    wrong = np.zeros(len(codes))
    for given in np.unique(codes):
        natural, planted = codes == given, codes != given
        rows = np.flatnonzero(planted)
        pair = chance[rows, codes[rows]] + chance[rows, given]
        recovered = np.where(pair > 0, chance[rows, codes[rows]] / np.maximum(pair, 1e-12), 0.5)
        wrong[natural] = Unmixed.fit(score[natural], recovered)(score[natural])
    return wrong
