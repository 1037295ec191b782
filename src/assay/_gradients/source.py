"""Where the gradients of a problem come from."""

from __future__ import annotations

from dataclasses import replace

from .._errors import AssayError
from .._problem import Problem, is_torch
from .fit_linear import fit_linear, is_linear, transformed
from .gradients import Gradients


def gradients_of(problem: Problem, name: str) -> tuple[Gradients, Problem]:
    """The gradients of the problem's model, and the problem as they see it.

    Parameters
    ----------
    problem : Problem
        With `gradients`, or a linear estimator or a torch module as its `model`.
    name : str
        Who asks, for the error.

    Raises
    ------
    AssayError
        If the model is of neither kind.
    """
    model = problem.model
    if problem.gradients is not None:
        return problem.gradients, problem
    if is_torch(model):
        from .torch_gradients import TorchGradients

        loss = "squared" if problem.target_kind == "number" else "cross_entropy"
        return TorchGradients(model, loss, classes=problem.classes), problem
    if not is_linear(model):
        raise AssayError(
            f"{name} needs the gradients of a model, and those of {type(model).__name__} are not known; pass "
            "a linear estimator (ridge, logistic regression), a torch module, or Problem(gradients=...)."
        )
    gradients, before = fit_linear(model, problem.train)
    if before is None:
        return gradients, problem
    valid = None if problem.valid is None else transformed(before, problem.valid)
    return gradients, replace(problem, train=transformed(before, problem.train), valid=valid)
