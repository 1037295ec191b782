"""Which inverse, by name and by the size of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import AssayError
from .._gradients.gradients import Gradients
from .exact import Exact
from .metric import Metric

FEW_PARAMETERS = 2_000
SOLVERS = ("left_out", "exact")


def metric_for(
    solver: str, gradients: Gradients, data: Any, damping: float | None, rng: np.random.Generator
) -> Metric:
    """The damped inverse curvature called `solver`; damping None is a default of its own.

    Raises
    ------
    AssayError
        If the model is not one that this inverse is for.
    """
    if solver == "left_out" and not gradients.linear:
        raise AssayError('solver="left_out" is for linear models; take "exact" or "ekfac" for this one.')
    return Exact(gradients, data, damping if damping is not None else 0.0)
