"""One pass through a network that records what goes into its modules and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from ._torch_factors import factors, moved
from ._torch_loss import check_finite, row_losses
from ._torch_parts import Part, moved_to_rest
from .layers import Full, Layer

FEW = 8  # rows that show whether what is recorded is right
CLOSE = {torch.float32: 1e-3, torch.float64: 1e-8}  # of the largest gradient of a part


def outputs_of(module: Any, inputs: Any) -> Any:
    """What the network gives, for inputs as a tensor, a tuple, or by name."""
    if isinstance(inputs, dict):
        return module(**inputs)
    return module(*inputs) if isinstance(inputs, (tuple, list)) else module(inputs)


@contextmanager
def _recorded(module: Any, parts: list[Part]) -> Iterator[tuple[Any, dict[str, list[tuple[Any, Any]]]]]:
    """A twin of the network that shares its parameters, with hooks; threads do not see each other's."""
    calls: dict[str, list[tuple[Any, Any]]] = {part.name: [] for part in parts if part.kind != "rest"}
    twin = _twin(module)
    handles = []

    def keeper(name: str) -> Callable[..., Any]:
        def keep(child: Any, given: tuple[Any, ...], made: Any) -> Any:
            del child
            if not made.requires_grad:
                return None
            calls[name].append((given[0].detach(), made))
            return made.clone()  # what follows may work in place

        return keep

    for name, child in twin.named_modules():
        if name in calls:
            handles.append(child.register_forward_hook(keeper(name)))
    try:
        yield twin, calls
    finally:
        for handle in handles:
            handle.remove()


def _twin(module: Any) -> Any:
    """A copy of the modules, not of the parameters and buffers."""
    from copy import deepcopy

    shared = {id(t): t for t in (*module.parameters(), *module.buffers())}
    return deepcopy(module, memo=shared)


def gradients(
    module: Any,
    parts: list[Part],
    scalars: Callable[[Any, Any], list[Any]],
    inputs: Any,
    targets: Any,
) -> list[list[Layer]]:
    """For each function of the outputs, the gradients of each row of a batch by each part.

    Parameters
    ----------
    module, parts : the network and its parts
    scalars : callable
        From outputs and targets to tensors (n,), whose gradients are taken.
    inputs, targets : a batch

    Returns
    -------
    list of list of Layer
        In the order of `scalars`, then of `parts`.
    """
    found: list[list[Layer]] = []
    for modules, used, rest in _passes(module, parts, scalars, inputs, targets):
        like = found[0] if found else [None] * len(parts)
        layers = []
        for part, pairs, other in zip(parts, used, like, strict=True):
            if part.kind == "rest":
                layers.append(rest)
            elif pairs:
                layers.append(factors(part, modules[part.name], pairs, other))
            else:
                layers.append(Full(np.zeros((len(targets), part.width), _kind(module))))
        found.append(layers)
    return found


def along(
    module: Any,
    parts: list[Part],
    scalars: Callable[[Any, Any], list[Any]],
    inputs: Any,
    targets: Any,
    vector: Any,
) -> Any:
    """The product (n,) of each row's gradient of the first function with a vector, without the gradient.

    What a module gives out is linear in its parameters: with the vector in their place it is what moves.
    """
    modules, used, rest = next(_passes(module, parts, scalars, inputs, targets))
    tensor = torch.as_tensor(vector, dtype=next(module.parameters()).dtype)
    total = np.zeros(len(targets))
    for part, pairs, piece in zip(parts, used, tensor.split([p.width for p in parts]), strict=True):
        if part.kind == "rest":
            total += rest.along(piece.numpy())
        for x, b in pairs:
            total += moved(part, modules[part.name], x, b, piece)
    return total


def _passes(
    module: Any, parts: list[Part], scalars: Callable[[Any, Any], list[Any]], inputs: Any, targets: Any
) -> Iterator[tuple[dict[str, Any], list[list[tuple[Any, Any]]], Any]]:
    """For each function: the modules, what went into each part, gradients of what came out; the rest."""
    with torch.enable_grad(), _recorded(module, parts) as (twin, calls):
        values = scalars(outputs_of(twin, inputs), targets)
        made = [z for part in parts for _, z in calls.get(part.name, [])]
        for k, each in enumerate(values):
            check_finite(each)
            last = k == len(values) - 1
            slopes: Any = iter(())
            if made:
                total = each.sum()
                slopes = iter(torch.autograd.grad(total, made, retain_graph=not last, allow_unused=True))
            pairs = [[(x, next(slopes)) for x, _ in calls.get(part.name, [])] for part in parts]
            used = [[(x, b.detach()) for x, b in some if b is not None] for some in pairs]
            yield dict(twin.named_modules()), used, _rest(module, parts, scalars, k, inputs, targets)


def _kind(module: Any) -> Any:
    return np.float64 if next(module.parameters()).dtype == torch.float64 else np.float32


def _rest(module: Any, parts: list[Part], scalars: Any, which: int, inputs: Any, targets: Any) -> Any:
    """Gradients, in full, of parameters that belong to no module that is known."""
    part = next((part for part in parts if part.kind == "rest"), None)
    if part is None:
        return None
    state = dict(module.named_parameters()) | dict(module.named_buffers())
    own = {name: state[name].detach() for name in part.shapes}
    tied = _same_tensors(module, own)

    def one(own: dict[str, Any], x: Any, y: Any) -> Any:
        row = {k: v[None] for k, v in x.items()} if isinstance(x, dict) else _lined(x)
        filled = {name: own[first] for name, first in tied.items()}
        outputs = _functional(module, {**state, **filled}, row)
        return scalars(outputs, y[None])[which][0]

    try:
        by_row = vmap(grad(one), in_dims=(None, 0, 0))(own, inputs, targets)
    except RuntimeError:  # no rule for a batch of this operation: row after row
        rows = [grad(one)(own, _row(inputs, i), targets[i]) for i in range(len(targets))]
        by_row = {name: torch.stack([row[name] for row in rows]) for name in own}
    return Full(part.join({name: g.detach() for name, g in by_row.items()}).numpy())


def first_rows(inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return {name: part[:FEW] for name, part in inputs.items()}
    return tuple(part[:FEW] for part in inputs) if isinstance(inputs, (tuple, list)) else inputs[:FEW]


def _row(inputs: Any, i: int) -> Any:
    if isinstance(inputs, dict):
        return {name: part[i] for name, part in inputs.items()}
    return tuple(part[i] for part in inputs) if isinstance(inputs, (tuple, list)) else inputs[i]


def _same_tensors(module: Any, own: dict[str, Any]) -> dict[str, str]:
    """Every name that a shared parameter has, by the first of them."""
    first = {id(p): name for name, p in module.named_parameters()}
    names = module.named_parameters(remove_duplicate=False)
    return {name: first[id(p)] for name, p in names if first[id(p)] in own}


def _lined(x: Any) -> Any:
    return tuple(part[None] for part in x) if isinstance(x, (tuple, list)) else x[None]


def _functional(module: Any, state: dict[str, Any], inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return functional_call(_twin(module), state, (), inputs, tie_weights=False)
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return functional_call(_twin(module), state, given, tie_weights=False)  # a twin: threads swap parameters


def check_parts(module: Any, parts: list[Part], loss: Any, batch: tuple[Any, Any]) -> list[Part]:
    """The parts, those whose recorded gradients are not autograd's for two of the first rows made plain.

    A module whose rows are not the first axis, or whose parameters are used elsewhere too, is found out here.
    """
    inputs, targets = first_rows(batch[0]), batch[1][:FEW]

    def losses(outputs: Any, targets: Any) -> list[Any]:
        return [row_losses(loss, outputs, targets)]

    wrong: set[str] = set()
    names = [name for part in parts for name in part.shapes]
    by_name = dict(module.named_parameters())
    recorded = _attempt(module, parts, losses, inputs, targets)
    with torch.enable_grad():
        values = row_losses(loss, outputs_of(module, inputs), targets)
    for row in {0, len(targets) - 1}:
        value, own = values[row], [by_name[name] for name in names]
        slopes = torch.autograd.grad(value, own, retain_graph=True, allow_unused=True)
        true = {
            name: torch.zeros_like(by_name[name]) if g is None else g
            for name, g in zip(names, slopes, strict=True)
        }
        scale = max(float(g.abs().max()) for g in true.values())
        for part, layer in zip(parts, recorded, strict=True):
            if part.kind != "rest":
                exact = part.join({name: true[name][None] for name in part.shapes})[0].numpy()
                close = CLOSE.get(value.dtype, 1e-3) * max(scale, 1e-12)
                if _distance(layer, exact, row, len(targets)) > close:
                    wrong.add(part.name)
    return moved_to_rest(parts, wrong) if wrong else parts


def _distance(layer: Layer | None, exact: Any, row: int, rows: int) -> float:
    """The largest difference of a row from its gradient; infinite where the layer has not these rows."""
    if layer is None or len(layer) != rows or layer.width != len(exact):
        return np.inf
    return float(np.abs(layer.take(slice(row, row + 1)).dense()[0] - exact).max())


def _attempt(module: Any, parts: list[Part], losses: Any, inputs: Any, targets: Any) -> list[Layer | None]:
    """Recorded gradients; None for each part if some module's shapes are not understood."""
    known = [part for part in parts if part.kind != "rest"]
    try:
        found = iter(gradients(module, known, losses, inputs, targets)[0])
    except (RuntimeError, IndexError, ValueError):
        found = iter([None] * len(known))
    return [None if part.kind == "rest" else next(found) for part in parts]
