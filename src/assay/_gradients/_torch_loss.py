"""Losses of single rows in torch, other functions of the outputs, and their curvature by the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.func import grad, jacrev, vmap
from torch.nn import functional

from .._errors import AssayError

LOSSES = ("cross_entropy", "binary", "squared")
MOST_OUTPUTS = 256  # a backward pass each


def loss_of(given: Any) -> Callable[[Any, Any], Any]:
    """The function (outputs, targets) -> loss of each row.

    Raises
    ------
    AssayError
        If it is neither a name nor a function.
    """
    named: dict[str, Callable[[Any, Any], Any]] = {
        "cross_entropy": _cross_entropy,
        "binary": _binary,
        "squared": _squared,
    }
    if isinstance(given, str) and given in named:
        return named[given]
    if callable(given):
        return given
    raise AssayError(
        f"TorchGradients.loss is {given!r}; choose {', '.join(LOSSES)}, or pass f(outputs, targets) that "
        "gives one loss a row."
    )


def _cross_entropy(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets, reduction="none")


def _binary(outputs: Any, targets: Any) -> Any:
    logits = outputs.reshape(len(targets), -1)
    targets = targets.reshape(len(targets), -1).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(dim=1)


def _squared(outputs: Any, targets: Any) -> Any:
    rows = len(targets)
    return ((outputs.reshape(rows, -1) - targets.reshape(rows, -1)) ** 2).sum(dim=1)


def row_losses(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Any:
    """The loss of each row.

    Raises
    ------
    AssayError
        If it is a sum or an average of the rows.
    """
    losses = loss(outputs, targets)
    if losses.shape != (len(targets),):
        raise AssayError(
            f"TorchGradients.loss gives shape {tuple(losses.shape)} for {len(targets)} rows; it needs to "
            "give one loss a row, neither summed nor averaged over the rows: reduction='none'."
        )
    return losses


def check_finite(losses: Any) -> None:
    """Refuse losses that are no numbers.

    Raises
    ------
    AssayError
        Naming the first such row of the batch.
    """
    bad = ~torch.isfinite(losses.detach())
    if bad.any():
        raise AssayError(
            f"The loss of {int(bad.sum())} row(s) of a batch is {float(losses[bad][0].detach())}, the first "
            f"at position {int(bad.int().argmax())} of it; look at it, and at what the model gives for it."
        )


def margins(name: Any, outputs: Any, targets: Any) -> Any:
    """The log odds of each row's label, or what is predicted for numbers."""
    if name == "squared":
        return outputs.reshape(len(targets), -1).sum(dim=1)
    if name == "binary":
        logits = outputs.reshape(len(targets))
        return logits * (2 * targets.reshape(len(targets)).to(logits.dtype) - 1)
    if name != "cross_entropy":
        raise AssayError("Margins are defined for the losses cross_entropy, binary and squared; name one.")
    right = outputs.gather(1, targets[:, None])[:, 0]
    others = outputs.scatter(1, targets[:, None], -torch.inf)
    return right - others.logsumexp(dim=1)


def probabilities(name: Any, outputs: Any, targets: Any) -> Any:
    """The probability of the last class of each row."""
    if name == "binary":
        return torch.sigmoid(outputs.reshape(len(targets)))
    if name != "cross_entropy":
        raise AssayError("Probabilities are defined for the losses cross_entropy and binary; name one.")
    return torch.softmax(outputs, dim=1)[:, -1]


def bends(name: Any, loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Any:
    """The second derivative of each row's loss by its outputs (n, C, C)."""
    rows, count = outputs.shape
    eye = torch.eye(count, dtype=outputs.dtype)
    if name == "squared":
        return (2 * eye).expand(rows, count, count)
    if name == "binary":
        p = torch.sigmoid(outputs)
        return (p * (1 - p))[:, :, None] * eye
    if name == "cross_entropy":
        p = torch.softmax(outputs, dim=1)
        return p[:, :, None] * eye - p[:, :, None] * p[:, None, :]
    return vmap(jacrev(grad(lambda f, t: loss(f[None], t[None])[0])))(outputs, targets)


def roots(name: Any, loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Any:
    """Matrices R (n, C, C) with R Rᵀ = `bends`, negative curvature left out.

    Raises
    ------
    AssayError
        If outputs are not one line of at most 256 numbers a row.
    """
    if outputs.ndim != 2 or outputs.shape[1] > MOST_OUTPUTS:
        raise AssayError(
            f"The model gives outputs of shape {tuple(outputs.shape)}; its Gauss-Newton matrix is for shapes "
            f"(rows, at most {MOST_OUTPUTS}): take DataInf, TRAK, GradDot or TracIn, which do without."
        )
    if name == "cross_entropy":
        # diag(p) - p pᵀ = R Rᵀ, R = diag(p)^(1/2) - p (p^(1/2))ᵀ, as the p sum to 1
        p = torch.softmax(outputs, dim=1)
        half = p.sqrt()
        return torch.diag_embed(half) - p[:, :, None] * half[:, None, :]
    curved = bends(name, loss, outputs, targets)
    if name in ("squared", "binary"):
        return curved.sqrt()
    values, vectors = torch.linalg.eigh(curved)
    return vectors * values.clamp(min=0).sqrt()[:, None, :]
