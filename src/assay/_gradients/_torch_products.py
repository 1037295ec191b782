"""Curvatures of a network times vectors: nothing is kept a row.

By reverse mode only: the levels of forward mode are shared by all threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch.func import grad, vjp, vmap

from .._errors import AssayError
from .._types import Floats
from ._torch_loss import bends, margins
from ._torch_parts import Part
from ._torch_record import _functional, _same_tensors, outputs_of

Work = Callable[[Any, Any], Any]


def _parameters(module: Any, parts: list[Part]) -> tuple[dict[str, Any], Callable[..., Any]]:
    """The parameters that count, and the outputs as a function of them and the inputs."""
    state = dict(module.named_parameters()) | dict(module.named_buffers())
    own = {name: state[name].detach() for part in parts for name in part.shapes}
    tied = _same_tensors(module, own)
    fixed = {name: tensor.detach() for name, tensor in state.items()}

    def outputs(own: dict[str, Any], inputs: Any) -> Any:
        given = tuple(inputs) if isinstance(inputs, list) else inputs
        return _functional(module, {**fixed, **{name: own[first] for name, first in tied.items()}}, given)

    return own, outputs


def _split(parts: list[Part], vectors: Floats, dtype: Any) -> dict[str, Any]:
    tensor = torch.as_tensor(vectors, dtype=dtype)
    pieces = tensor.split([part.width for part in parts], dim=1)
    found: dict[str, Any] = {}
    for part, piece in zip(parts, pieces, strict=True):
        found |= part.split(piece)
    return found


def curved(
    module: Any,
    parts: list[Part],
    name: Any,
    loss: Callable[[Any, Any], Any],
    vectors: Floats,
    curvature: str,
) -> Work:
    """From a batch to its summed curvature times vectors (q, p)."""
    own, outputs = _parameters(module, parts)
    tangents = _split(parts, vectors, next(iter(own.values())).dtype)

    def hessian(inputs: Any, targets: Any) -> Any:
        def slope(own: dict[str, Any]) -> Any:
            return grad(lambda o: loss(outputs(o, inputs), targets).sum())(own)

        back = vjp(slope, own)[1]  # symmetric: back is forward
        return vmap(lambda v: back(v)[0])(tangents)

    def gauss_newton(inputs: Any, targets: Any) -> Any:
        made, back = cast(Any, vjp(lambda o: outputs(o, inputs), own))
        bent = bends(name, loss, made.reshape(len(targets), -1), targets)
        ahead = vjp(lambda u: back(u)[0], torch.zeros_like(made))[1]  # what is linear, turned round twice
        forward = vmap(lambda v: ahead(v)[0])(tangents)
        turned = torch.einsum("ncd,qnd->qnc", bent, forward.reshape(len(vectors), len(targets), -1))
        return vmap(back)(turned.reshape(forward.shape))[0]

    work = hessian if curvature == "hessian" else gauss_newton

    def joined(inputs: Any, targets: Any) -> Floats:
        found = work(inputs, targets)
        return torch.cat([part.join(found) for part in parts], dim=1).double().numpy()

    return joined


def across(module: Any, name: Any, inputs: Any, targets: Any, past: float) -> Any:
    """Rows after one step of DeepFool: to the nearest linearised boundary of their class, and past it.

    Raises
    ------
    AssayError
        If inputs are not one tensor of floats.
    """
    if not isinstance(inputs, torch.Tensor) or not inputs.is_floating_point():
        raise AssayError("Robustness moves the inputs of rows: they need to be one tensor of numbers.")
    with torch.enable_grad():
        x = inputs.detach().clone().requires_grad_(True)
        outputs = outputs_of(module, x)
        if name == "cross_entropy":
            right = outputs.gather(1, targets[:, None])
            gaps = [(right[:, 0] - outputs[:, c]) for c in range(outputs.shape[1])]
        else:
            gaps = [margins(name, outputs, targets)]
        best, step = torch.full((len(x),), torch.inf, dtype=x.dtype), torch.zeros_like(x)
        for c, gap in enumerate(gaps):
            slope = torch.autograd.grad(gap.sum(), x, retain_graph=True)[0].flatten(1)
            size = (slope**2).sum(dim=1)
            far = gap.detach().abs() / size.sqrt().clamp(min=1e-12)
            nearer = (far < best) & (
                targets != c if len(gaps) > 1 else torch.ones_like(targets, dtype=torch.bool)
            )
            move = (gap.detach() / size.clamp(min=1e-24))[:, None] * slope
            step = torch.where(nearer.view(-1, *[1] * (x.ndim - 1)), move.view_as(x), step)
            best = torch.where(nearer, far, best)
    return (x - past * step).detach()
