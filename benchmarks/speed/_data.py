"""The arrays that every side is given: breast cancer, and census rows as OpenDataVal encodes adult's."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from assay import Data, Problem
from assay.data import census_true


def breast_cancer(n: int = 200, m: int = 200) -> tuple[Data, Data]:
    """Rows to value and rows that judge, drawn at random and scaled by the rows to value."""
    X, y = load_breast_cancer(return_X_y=True)
    return _scaled(np.asarray(X), np.asarray(y), n, m)


def adult(n: int = 1000, m: int = 100, noise: float = 0.2) -> tuple[Data, Data]:
    """Census rows, a column a category, columns scaled; a share `noise` of the labels to value is wrong."""
    demo = census_true()
    frame = demo.frame.drop(columns=["id", "part", demo.target])
    X = pd.get_dummies(frame).to_numpy(float)
    y = (demo.frame[demo.target] == ">50K").to_numpy(int)
    train, valid = _scaled(X, y, n, m)
    labels = np.array(train.y)
    wrong = np.random.default_rng(1).choice(n, round(noise * n), replace=False)
    labels[wrong] = 1 - labels[wrong]
    return Data(train.X, labels), valid


def problem(parts: tuple[Data, Data], model: BaseEstimator) -> Problem:
    """What each row is worth to `model`, by accuracy."""
    return Problem(*parts, model=model)


def _scaled(X: np.ndarray, y: np.ndarray, n: int, m: int) -> tuple[Data, Data]:
    rows = np.random.default_rng(0).permutation(len(y))[: n + m]
    scaler = StandardScaler().fit(X[rows[:n]])
    scaled = scaler.transform(X[rows])
    return Data(scaled[:n], y[rows[:n]]), Data(scaled[n:], y[rows[n:]])
