"""The state of an Adam of torch, by the name of the parameter, laid out as gradients are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from .._errors import AssayError
from .._types import Floats
from ._torch_parts import Part
from .moments import Moments

BETAS, EPS = (0.9, 0.999), 1e-8  # Adam's own defaults


@dataclass(frozen=True, eq=False)
class AdamState:
    """What Adam keeps, by the names of parameters.

    Parameters
    ----------
    first, second : dict of str to tensor
    steps : dict of str to float
    betas : tuple of two floats
    eps : float
    """

    first: dict[str, Any]
    second: dict[str, Any]
    steps: dict[str, float]
    betas: tuple[float, float]
    eps: float

    def laid_out(self, parts: list[Part], dtype: Any) -> Moments:
        """In the layout of gradients by these parts."""

        def vector(tensors: dict[str, Any]) -> Floats:
            lines = {name: t.detach().cpu().to(dtype)[None] for name, t in tensors.items()}
            return torch.cat([part.join(lines)[0] for part in parts]).numpy()

        steps = {name: torch.full_like(t, self.steps[name]) for name, t in self.first.items()}
        return Moments(vector(self.first), vector(self.second), vector(steps), self.betas, self.eps)


def adam_state(given: Any, module: Any, number: int) -> AdamState:
    """Read the state of an Adam or AdamW.

    Parameters
    ----------
    given : mapping
        `state_dict()` of the optimizer, or {name of the parameter: {"exp_avg", "exp_avg_sq", "step"}}, alone
        or as the "state" of one.
    module : torch.nn.Module
        Whose parameters these are.
    number : int
        Of the checkpoint, for errors.

    Raises
    ------
    AssayError
        If there is no such state, or it does not fit the parameters that are trained.
    """
    if not isinstance(given, Mapping) or not given:
        raise _error(number, f"is {type(given).__name__}{'' if given else ' without anything'}")
    state = given.get("state", given)
    groups = given.get("param_groups", []) if "state" in given else []
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    named = _by_name(state, groups, module, trained, number)
    first, second, steps = {}, {}, {}
    for name, p in trained.items():
        kept = named.get(name)
        first[name], second[name] = (_moment(kept, key, name, p, number) for key in ("exp_avg", "exp_avg_sq"))
        if (second[name] < 0).any():
            raise _error(number, f"has a negative exp_avg_sq for {name!r}, a mean of squares")
        steps[name] = float(kept.get("step", 0)) if kept else 0.0
    betas, eps = _settings(groups, number)
    return AdamState(first, second, steps, betas, eps)


def _by_name(
    state: Mapping[Any, Any], groups: Any, module: Any, trained: dict[str, Any], number: int
) -> dict[str, Any]:
    if not state:
        raise _error(number, "has no state: the optimizer has made no step")
    if all(isinstance(key, str) for key in state):
        strange = [key for key in state if key not in dict(module.named_parameters())]
        if strange:
            raise _error(
                number,
                f"knows {strange[0]!r}, which the network has not; its own are as {min(trained)!r}",
            )
        lacking = [name for name in trained if name not in state]
        if lacking:
            raise _error(number, f"lacks the trained parameter {lacking[0]!r}")
        return dict(state)
    order = [key for group in groups for key in group["params"]] or sorted(state)
    names = [name for group in groups for name in group.get("param_names", [])]
    if not names:  # the optimizer was given all parameters, or those that are trained
        everything = [name for name, _ in module.named_parameters()]
        names = everything if len(order) == len(everything) else list(trained)
    if len(names) != len(order):
        raise _error(number, f"is of {len(order)} parameters, and the network trains {len(trained)}")
    return {name: state[key] for key, name in zip(order, names, strict=True) if key in state}


def _moment(kept: Any, key: str, name: str, parameter: Any, number: int) -> Any:
    if kept is None:  # never had a gradient: Adam begins with zeros
        return torch.zeros_like(parameter, requires_grad=False)
    if not isinstance(kept, Mapping) or key not in kept or "max_exp_avg_sq" in kept:
        raise _error(number, f"is not that of torch.optim.Adam or AdamW (without amsgrad) for {name!r}")
    moment = torch.as_tensor(kept[key])
    if moment.shape != parameter.shape:
        raise _error(
            number,
            f"has an {key} of shape {tuple(moment.shape)} for {name!r}, which is {tuple(parameter.shape)} "
            "(without names, states are taken to be in the order of module.named_parameters())",
        )
    if not torch.isfinite(moment).all():
        raise _error(number, f"has an {key} for {name!r} that is not finite")
    return moment


def _settings(groups: Any, number: int) -> tuple[tuple[float, float], float]:
    found = {(tuple(group.get("betas", BETAS)), group.get("eps", EPS)) for group in groups}
    if len(found) > 1:
        raise _error(number, "has groups of different betas or eps")
    betas, eps = found.pop() if found else (BETAS, EPS)
    return (float(betas[0]), float(betas[1])), float(eps)


def _error(number: int, fault: str) -> AssayError:
    return AssayError(
        f"TorchGradients.moments[{number}] {fault}; pass optimizer.state_dict() of that moment, or "
        "{name of a parameter: {'exp_avg': ..., 'exp_avg_sq': ..., 'step': ...}}."
    )
