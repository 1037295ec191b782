"""Ensembles whose splits stay: leaves filled again from weighted rows, in plain Python, and small models."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from threadpoolctl import threadpool_limits

from assay import Data, Problem

TASKS = ("two classes", "three classes", "numbers")
LIBRARIES = ("boosting", "binned", "lightgbm", "xgboost")
CASES = [(library, task) for library in LIBRARIES for task in TASKS]
RIDGE = {"boosting": 0.0, "binned": 0.5, "lightgbm": 0.3, "xgboost": 0.7}
FACTOR = {"boosting": 1.5, "binned": 1.0, "lightgbm": 1.5, "xgboost": 2.0}  # of three classes
ETA, ROUNDS = 0.4, 4


def estimator(library: str, task: str) -> Any:
    """A small model, not fitted."""
    number = task == "numbers"
    if library == "boosting":
        kind = GradientBoostingRegressor if number else GradientBoostingClassifier
        return kind(n_estimators=ROUNDS, learning_rate=ETA, max_depth=2, random_state=0)
    if library == "binned":
        kind = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
        rules = {"l2_regularization": RIDGE[library], "min_samples_leaf": 4, "max_depth": 2}
        return kind(max_iter=ROUNDS, learning_rate=ETA, random_state=0, **rules)
    if library == "lightgbm":
        import lightgbm

        kind = lightgbm.LGBMRegressor if number else lightgbm.LGBMClassifier
        rules = {"reg_lambda": RIDGE[library], "min_child_samples": 4, "num_leaves": 4, "verbose": -1}
        return kind(n_estimators=ROUNDS, learning_rate=ETA, random_state=0, n_jobs=1, **rules)
    import xgboost

    kind = xgboost.XGBRegressor if number else xgboost.XGBClassifier
    rules = {"reg_lambda": RIDGE[library], "max_depth": 2, "n_jobs": 1}
    return kind(n_estimators=ROUNDS, learning_rate=ETA, random_state=0, **rules)


def small(task: str, model: Any = None, n: int = 40, m: int = 7, seed: int = 0) -> Problem:
    """Rows of three features, with noise in the labels; classes are 0, 1, ..."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + m, 3))
    told = X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=n + m)
    y = {"numbers": told, "two classes": told > 0}.get(task, np.digitize(told, [-0.5, 0.5]))
    y = y if task == "numbers" else y.astype(int)
    return Problem(Data(X[:n], y[:n]), Data(X[n:], y[n:]), model)


def leaves_of(library: str, model: Any, X: np.ndarray, outputs: int) -> np.ndarray:
    """Names of leaves (n, rounds, outputs), as the library itself has them."""
    if library == "binned":
        found = [[[_down(t.nodes, x) for t in group] for group in model._predictors] for x in X]
    elif library == "lightgbm":
        found = model.booster_.predict(X, pred_leaf=True)
    else:
        found = model.apply(X)
    return np.asarray(found).reshape(len(X), -1, outputs).astype(int)


def _down(nodes: np.ndarray, x: np.ndarray) -> int:
    at = 0
    while not nodes[at]["is_leaf"]:
        node = nodes[at]
        at = int(node["left"] if x[node["feature_idx"]] <= node["num_threshold"] else node["right"])
    return at


def raw_of(library: str, model: Any, X: np.ndarray) -> np.ndarray:
    """Scores (n, outputs) as the library adds them up."""
    if library == "lightgbm":
        raw = model.booster_.predict(X, raw_score=True)
    elif library == "xgboost":
        raw = model.predict(X, output_margin=True)
    elif hasattr(model, "classes_"):
        raw = model.decision_function(X)
    else:
        raw = model.predict(X)
    return np.asarray(raw, float).reshape(len(X), -1)


@dataclass
class Frozen:
    """The splits of a fitted model and the rows it was fitted on; what it starts from is the model's."""

    library: str
    task: str
    model: Any
    problem: Problem

    def __post_init__(self) -> None:
        self.outputs = 3 if self.task == "three classes" else 1
        self.eta, self.ridge = ETA, RIDGE[self.library]
        self.factor = FACTOR[self.library] if self.outputs == 3 else 1.0
        train, valid = self.problem.train, self.problem.valid
        self.rows, self.judges = (
            leaves_of(self.library, self.model, part.X, self.outputs) for part in (train, valid)
        )
        self.start = self._start(train.y)

    def _start(self, y: np.ndarray) -> list[float]:
        """What the library says, where it says it, else by its formula."""
        if self.library == "xgboost":
            base = np.atleast_1d(self.model.intercept_).astype(float)
            base = np.log(base / (1 - base)) if self.task == "two classes" else base
            return np.resize(base, self.outputs).tolist()
        if self.task == "numbers":
            return [float(np.mean(y))]
        share = [float(np.mean(y == k)) for k in range(max(self.outputs, 2))]
        if self.outputs == 1:
            return [log(share[1] / share[0])]
        middle = 0.0 if self.library == "lightgbm" else sum(map(log, share)) / 3
        return [log(s) - middle for s in share]

    def mean(self, scores: list[float]) -> list[float]:
        """What scores stand for."""
        if self.task == "numbers":
            return list(scores)
        if self.outputs == 1:
            return [1 / (1 + exp(-scores[0]))]
        odds = [exp(s) for s in scores]
        return [o / sum(odds) for o in odds]

    def target(self, label: float) -> list[float]:
        """The label as means."""
        return [float(label)] if self.outputs == 1 else [float(label == k) for k in range(3)]

    def loss(self, scores: list[float], label: float) -> float:
        """Nats, or half the squared error."""
        mean = self.mean(scores)
        if self.task == "numbers":
            return (mean[0] - label) ** 2 / 2
        return -log((mean[0] if label else 1 - mean[0]) if self.outputs == 1 else mean[int(label)])

    def walk(self, weights: Any) -> tuple[list[list[float]], list[dict[str, Any]]]:
        """The judges' scores after all trees, filled from rows of these weights, and what each round was."""
        y, n, m = self.problem.train.y, self.problem.n, len(self.judges)
        rows, judges = [list(self.start) for _ in range(n)], [list(self.start) for _ in range(m)]
        rounds = []
        for r in range(self.rows.shape[1]):
            means = [self.mean(scores) for scores in rows]
            stage = {"rows": means, "judges": [self.mean(scores) for scores in judges], "leaves": []}
            for k in range(self.outputs):
                sums: dict[int, list[float]] = {}
                for i in range(n):
                    g, h = self.steps(means[i], y[i], k)
                    leaf = sums.setdefault(int(self.rows[i, r, k]), [0.0, 0.0])
                    leaf[0] += weights[i] * g
                    leaf[1] += weights[i] * h
                full = {leaf: -self.eta * g / (h + self.ridge) if h + self.ridge else 0.0
                        for leaf, (g, h) in sums.items()}  # fmt: skip
                for i in range(n):
                    rows[i][k] += full[int(self.rows[i, r, k])]
                for t in range(m):
                    judges[t][k] += full[int(self.judges[t, r, k])]
                stage["leaves"].append((full, {leaf: h + self.ridge for leaf, (_, h) in sums.items()}))
            rounds.append(stage)
        return judges, rounds

    def steps(self, mean: list[float], label: float, k: int) -> tuple[float, float]:
        """First and second derivative by one score."""
        g = mean[k] - self.target(label)[k]
        return g, 1.0 if self.task == "numbers" else self.factor * mean[k] * (1 - mean[k])

    def losses(self, weights: Any) -> np.ndarray:
        """The judges' losses, filled from rows of these weights."""
        labels = self.problem.valid.y
        return np.array([self.loss(s, labels[t]) for t, s in enumerate(self.walk(weights)[0])])


def frozen(library: str, task: str, **how: Any) -> Frozen:
    """A small model, fitted, in a problem."""
    problem = small(task, **how)
    with threadpool_limits(limits=1):
        model = estimator(library, task).fit(problem.train.X, problem.train.y)
    return Frozen(library, task, model, Problem(problem.train, problem.valid, model))
