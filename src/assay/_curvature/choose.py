"""Which inverse, by name and by the size of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import AssayError
from .._gradients.gradients import Curvature, Gradients
from .._numbers import is_number
from .conjugate import Conjugate
from .exact import Exact
from .kronecker import Kronecker
from .metric import Metric

FEW_PARAMETERS = 2_000
SOLVERS = ("left_out", "exact", "kfac", "ekfac", "cg", "lissa", "arnoldi", "nystrom", "empirical_fisher")


@dataclass(frozen=True)
class Settings:
    """How an inverse is taken; what a solver does not have it does not look at.

    Parameters
    ----------
    solver : str
        One of `SOLVERS`, or "auto".
    damping : float, optional
    rank : int
        Of arnoldi and nystrom.
    tolerance : float
        Of cg.
    curvature : "gauss_newton" | "hessian"
        Of exact and cg.
    """

    solver: str = "auto"
    damping: float | None = None
    rank: int = 200
    tolerance: float = 1e-3
    curvature: Curvature = "gauss_newton"


def solver_for(solver: str, gradients: Gradients) -> str:
    """The solver itself, where it is "auto".

    Raises
    ------
    AssayError
        If the model is not one that this solver is for.
    """
    if solver == "left_out" and not gradients.linear:
        raise AssayError('solver="left_out" is for linear models; take "exact" or "ekfac" for this one.')
    if solver != "auto":
        return solver
    if gradients.linear:
        return "left_out"
    return "exact" if sum(gradients.widths) <= FEW_PARAMETERS else "ekfac"


def check_settings(name: str, settings: Settings) -> None:
    """Refuse settings that no inverse can be taken by.

    Raises
    ------
    AssayError
        Naming the method, the setting and the fix.
    """
    s = settings
    if s.solver not in ("auto", *SOLVERS):
        raise AssayError(f"{name}.solver is {s.solver!r}; choose auto, {', '.join(SOLVERS)}.")
    if s.damping is not None and not (is_number(s.damping) and 0 <= s.damping < np.inf):
        raise AssayError(f"{name}.damping is {s.damping!r}; it needs to be a number, at least 0.")
    if not isinstance(s.rank, int) or isinstance(s.rank, bool) or s.rank < 1:
        raise AssayError(f"{name}.rank is {s.rank!r}; it needs to be a whole number, at least 1.")
    if not (is_number(s.tolerance) and 0 < s.tolerance < 1):
        raise AssayError(f"{name}.tolerance is {s.tolerance!r}; it needs to be a number between 0 and 1.")
    if s.curvature not in ("gauss_newton", "hessian"):
        raise AssayError(f"{name}.curvature is {s.curvature!r}; choose 'gauss_newton' or 'hessian'.")


def metric_for(settings: Settings, gradients: Gradients, data: Any, rng: np.random.Generator) -> Metric:
    """The damped inverse curvature of these settings; damping None is a default of its own.

    Raises
    ------
    AssayError
        If the model is not one that this inverse is for, or has no inverse.
    """
    solver, damping = solver_for(settings.solver, gradients), settings.damping
    if solver in ("kfac", "ekfac"):
        return Kronecker(gradients, data, damping, corrected=solver == "ekfac")
    if solver == "empirical_fisher":
        from .empirical import Empirical

        rows = gradients.rows(data).scaled(np.sqrt(gradients.weights(data)))
        return Empirical(rows, damping, gradients.penalty)
    if solver in ("left_out", "exact"):
        return Exact(gradients, data, damping, settings.curvature)
    if solver == "cg":
        return Conjugate(gradients, data, damping, settings.tolerance, settings.curvature)
    if solver == "lissa":
        from .lissa import LiSSA

        return LiSSA(gradients, data, damping, rng)
    from .low_rank import LowRank

    return LowRank(gradients, data, damping, settings.rank, rng, kind=solver)
