"""Confident learning: what a model is usually sure of, class by class, and the labels that it contradicts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._types import Floats

LEAST = 1e-6
SLACK = 1e-6  # as sure as usual, up to rounding


def thresholds(chance: Floats, codes: NDArray[np.intp]) -> Floats:
    """The mean probability (classes,) of each class among the rows that are given it."""
    count = np.bincount(codes, minlength=chance.shape[1])
    total = np.bincount(codes, chance[np.arange(len(codes)), codes], minlength=chance.shape[1])
    return np.maximum(total / np.maximum(count, 1), LEAST)


def adjusted(chance: Floats, codes: NDArray[np.intp]) -> Floats:
    """Probabilities (n, classes) less the thresholds, moved above 0 and made to sum to 1."""
    usual = thresholds(chance, codes)
    moved = chance - usual + usual.max()
    return moved / moved.sum(axis=1, keepdims=True)


def confident_joint(chance: Floats, codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Count rows by given class and by the class that they confidently are, (classes, classes).

    A row is confidently of a class whose probability reaches its threshold; of several, the likeliest. Rows
    that are of none are not counted. Off the diagonal are label issues.

    Source: Northcutt, Jiang and Chuang (2021), "Confident Learning", equation 1.
    """
    sure = chance >= thresholds(chance, codes) - SLACK
    likeliest = np.where(sure, chance, -1.0).argmax(axis=1)
    counted = sure.any(axis=1)
    joint = np.zeros((chance.shape[1],) * 2, np.intp)
    np.add.at(joint, (codes[counted], likeliest[counted]), 1)
    return joint
