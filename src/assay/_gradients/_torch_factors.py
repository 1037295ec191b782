"""From what went into a module, and the gradient by what came out, to the gradients of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from .._errors import AssayError
from ._torch_parts import Part
from .layers import Full, Layer, Outer, Sparse


def factors(part: Part, module: Any, calls: list[tuple[Any, Any]], like: Layer | None = None) -> Layer:
    """The gradients of a part for the rows of a batch.

    Parameters
    ----------
    part : Part
    module : torch.nn.Module
    calls : list of (input, gradient by the output)
        One for each time that the module was called.
    like : Layer, optional
        Gradients of another function of the same outputs, whose inputs are shared.
    """
    if part.kind == "embedding":
        return _embedding(module, calls)
    if part.kind == "norm":
        return Full(sum(_norm(part, module, x, b) for x, b in calls))
    b = torch.cat([_outgoing(module, b) for _, b in calls], dim=1)
    if isinstance(like, Outer) and like.a.shape[1] == b.shape[1]:
        return Outer(like.a, b.numpy())
    a = torch.cat([_incoming(part, module, x, len(b)) for x, _ in calls], dim=1)
    if a.shape[1] * (a.shape[2] + b.shape[2]) > a.shape[2] * b.shape[2]:
        return Full(torch.bmm(b.transpose(1, 2), a).flatten(1).numpy())
    return Outer(a.numpy(), b.numpy())


def _outgoing(module: Any, b: Any) -> Any:
    """The gradients by what came out, (n, T, B)."""
    return (
        b.reshape(len(b), -1, b.shape[-1]) if isinstance(module, nn.Linear) else b.flatten(2).transpose(1, 2)
    )


def _incoming(part: Part, module: Any, x: Any, rows: int) -> Any:
    """What came in, (n, T, A), with a 1 for the bias."""
    a = x.reshape(rows, -1, x.shape[-1]) if isinstance(module, nn.Linear) else _patches(module, x)
    names = [name.rsplit(".", 1)[-1] for name in part.shapes]
    if "bias" not in names:
        return a
    ones = torch.ones(*a.shape[:2], 1, dtype=a.dtype)
    return torch.cat([a, ones], dim=2) if "weight" in names else ones


def _patches(module: Any, x: Any) -> Any:
    """The windows that a convolution looks at, (n, places, channels x size)."""
    kernel, dilation, padding, stride = (
        tuple(getattr(module, name)) for name in ("kernel_size", "dilation", "padding", "stride")
    )
    if isinstance(module, nn.Conv1d):
        x = x[:, :, None]
        kernel, dilation, padding, stride = (1, *kernel), (1, *dilation), (0, *padding), (1, *stride)
    return functional.unfold(x, kernel, dilation=dilation, padding=padding, stride=stride).transpose(1, 2)


def _embedding(module: Any, calls: list[tuple[Any, Any]]) -> Sparse:
    rows, size = len(calls[0][1]), module.embedding_dim
    ids = torch.cat([x.reshape(rows, -1) for x, _ in calls], dim=1).numpy()
    b = torch.cat([g.reshape(rows, -1, size) for _, g in calls], dim=1).numpy()
    if module.padding_idx is not None:
        b = b * (ids != module.padding_idx)[:, :, None]
    columns = (ids[:, :, None] * size + np.arange(size)).reshape(rows, -1)
    starts = np.arange(rows + 1) * columns.shape[1]
    shape = (rows, module.num_embeddings * size)
    table = csr_array((b.ravel(), columns.ravel(), starts), shape=shape)
    table.sum_duplicates()
    table.eliminate_zeros()
    return Sparse(table)


def _norm(part: Part, module: Any, x: Any, b: Any) -> Any:
    """Gradients (n, p) of the scales and shifts, elementwise on what was normalised."""
    if isinstance(module, nn.LayerNorm):
        level = functional.layer_norm(x, module.normalized_shape, eps=module.eps)
        places = tuple(range(1, x.ndim - len(module.normalized_shape)))
    elif isinstance(module, nn.GroupNorm):
        level = functional.group_norm(x, module.num_groups, eps=module.eps)
        places = tuple(range(2, x.ndim))
    else:
        level = functional.batch_norm(x, module.running_mean, module.running_var, eps=module.eps)
        places = tuple(range(2, x.ndim))
    made = {"weight": level * b, "bias": b}
    pieces = [made[name.rsplit(".", 1)[-1]] for name in part.shapes]
    summed = [piece.sum(dim=places) if places else piece for piece in pieces]
    return torch.cat([piece.flatten(1) for piece in summed], dim=1).numpy()


def moved(part: Part, module: Any, x: Any, b: Any, vector: Any) -> Any:
    """The product (n,) of a part's gradients with a vector (width,), by the module with it as parameters."""
    state = {name: torch.zeros_like(p) for name, p in module.named_parameters(recurse=False)}
    state |= {name.rsplit(".", 1)[-1]: tensor[0] for name, tensor in part.split(vector[None]).items()}
    with torch.no_grad():
        return (functional_call(module, state, (x,)) * b).flatten(1).sum(dim=1).double().numpy()


def stacked(batches: list[Layer], like: Layer | None = None) -> Layer:
    """The rows of several batches, one after another; shorter sequences are filled up with zeros.

    With `like`, gradients of another function of the same outputs, what came in is shared with it.
    """
    first = batches[0]
    if isinstance(first, Sparse):
        from scipy.sparse import vstack

        return Sparse(csr_array(vstack([batch.g for batch in batches if isinstance(batch, Sparse)])))
    outers = [batch for batch in batches if isinstance(batch, Outer)]
    if len(outers) < len(batches):
        return Full(np.concatenate([batch.dense() for batch in batches]))
    longest = max(batch.a.shape[1] for batch in outers)
    b = _joined([batch.b for batch in outers], longest)
    if isinstance(like, Outer) and like.a.shape[:2] == b.shape[:2]:
        return Outer(like.a, b)
    return Outer(_joined([batch.a for batch in outers], longest), b)


def _joined(sides: list[Any], tokens: int) -> Any:
    lacking = [tokens - side.shape[1] for side in sides]
    return np.concatenate(
        [np.pad(s, ((0, 0), (0, k), (0, 0))) if k else s for s, k in zip(sides, lacking, strict=True)]
    )


def check_batch_norm(module: Any) -> None:
    """Refuse batch norms without running averages.

    Raises
    ------
    AssayError
        If rows would depend on the other rows of their batch.
    """
    for name, child in module.named_modules():
        if isinstance(child, nn.modules.batchnorm._BatchNorm) and child.running_mean is None:
            raise AssayError(
                f"The batch norm {name!r} keeps no running averages, so that a row's gradient depends on its "
                "batch; train with track_running_stats=True, or take GroupNorm or LayerNorm."
            )
