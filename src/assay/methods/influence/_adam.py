"""The steps that Adam would make on single rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..._gradients.features import Features
from ..._gradients.layers import Full
from ..._gradients.moments import Moments
from ..._types import Floats

Update = Literal["code", "paper", "sgd"]
INSIDE = 1e-8  # under the root in the code that was published


def adam_steps(rows: Features, moments: Moments, update: Update) -> Features:
    """Each row's gradient g as Adam's step on it alone, at rate 1: Γ of Xia et al. (2024).

    - "code", as published: (b1 m + (1 - b1) g) / (b2 v + (1 - b2) g² + 1e-8)^(1/2).
    - "paper": the step of `torch.optim.Adam`, both means corrected for their start at 0, and its eps beside
      the root.
    - "sgd": g itself.

    Parameters
    ----------
    rows : Features
        Multiplied out.
    moments : Moments
        In the same layout.
    update : see above
    """
    if update == "sgd":
        return rows
    corrections = _corrections(moments) if update == "paper" else None
    layers, at = [], 0
    for layer in rows.layers:
        part = slice(at, at + layer.width)
        layers.append(Full(_steps(layer.dense(), moments, part, corrections)))
        at = part.stop
    return Features(layers)


def _corrections(moments: Moments) -> list[Any]:
    """One less each beta to the power of the steps, this one included."""
    steps = np.asarray(moments.steps, float) + 1
    steps = steps[:1] if (steps == steps[0]).all() else steps
    return [1 - beta**steps for beta in moments.betas]


def _steps(g: Floats, moments: Moments, part: slice, corrections: list[Any] | None) -> Floats:
    (first, second), kind = moments.betas, g.dtype
    m = g * kind.type(1 - first)
    m += (first * moments.first[part]).astype(kind, copy=False)
    v = g * g
    v *= kind.type(1 - second)
    v += (second * moments.second[part]).astype(kind, copy=False)
    if corrections is None:
        v += kind.type(INSIDE)
        np.sqrt(v, out=v)
    else:
        one, two = (c.astype(kind) if len(c) == 1 else c[part].astype(kind) for c in corrections)
        m /= one
        v /= two
        np.sqrt(v, out=v)
        v += kind.type(moments.eps)
    m /= v
    return m
