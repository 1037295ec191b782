"""Networks of linear layers whose derivatives of first and second order are written out, for many vectors."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from ..._types import Floats, Positions

KNOWN = ("Linear", "ReLU", "Tanh")
LOSSES = ("cross_entropy", "binary", "squared")


class Dense:
    """Linear layers with ReLU, Tanh or nothing in between, and the rows that they see.

    Parameters (and vectors of their shape, with an axis in front) are lists of one matrix (out, in + 1) a
    layer; the last column is the bias.

    Parameters
    ----------
    activations : list of str
        After each layer but the last: "ReLU", "Tanh" or "".
    biases : list of bool
        Which layers have one; the last column of the others stays 0.
    loss : str
        One of `LOSSES`.
    train, valid : pairs of arrays
        Inputs (n, d), and targets: codes (n,), or numbers (n, outputs).
    """

    def __init__(self, activations: list[str], biases: list[bool], loss: str, train: Any, valid: Any) -> None:
        self._acts, self._biases, self._loss = activations, biases, loss
        (self._X, self._y), (self._V, self._t) = train, valid

    @property
    def judges(self) -> int:
        """How many validation rows there are."""
        return len(self._V)

    def slope(self, theta: list[Floats], rows: Positions, weights: Floats) -> list[Floats]:
        """The gradient of the losses of training rows, summed by weights."""
        ins, outs = self._forward(theta, self._X[rows])
        slopes = self._back(theta, outs, self._first(outs[-1], self._y[rows]) * _column(weights, outs[-1]))
        return [self._masked(k, b.T @ a) for k, (a, b) in enumerate(zip(ins, slopes, strict=True))]

    def judged(self, theta: list[Floats], part: slice) -> list[Floats]:
        """The gradients of validation rows, (q, out, in + 1) a layer."""
        ins, outs = self._forward(theta, self._V[part])
        slopes = self._back(theta, outs, self._first(outs[-1], self._t[part]))
        return [
            self._masked(k, b[:, :, None] * a[:, None, :])
            for k, (a, b) in enumerate(zip(ins, slopes, strict=True))
        ]

    def bend(
        self, theta: list[Floats], rows: Positions, vectors: list[Floats]
    ) -> tuple[Floats, list[Floats]]:
        """Products (q, b) of vectors with each row's gradient, and with the Hessian of the rows' summed loss.

        One pass each way for all vectors (Pearlmutter 1994), in products of matrices; the first layer, mostly
        the largest, is in two of them.
        """
        ins, outs = self._forward(theta, self._X[rows])
        first = self._first(outs[-1], self._y[rows])
        slopes = self._back(theta, outs, first)
        moved = self._moved(theta, ins, outs, vectors)
        products = np.einsum("bqc,bc->qb", moved[-1][0], first, optimize=True)
        turn, found = self._second(outs[-1], moved[-1][0]), []
        for k in range(len(theta) - 1, -1, -1):
            size, count = len(rows), len(vectors[k])
            bent = (turn.reshape(size, -1).T @ ins[k]).reshape(count, -1, ins[k].shape[1])
            if k:
                ahead = moved[k - 1][1]
                width = ahead.shape[2]
                mixed = (slopes[k].T @ ahead.reshape(size, -1)).reshape(-1, count, width)
                bent[:, :, :-1] += mixed.transpose(1, 0, 2)
                turn = self._turned(
                    theta[k], vectors[k], k - 1, slopes[k], turn, outs[k - 1], moved[k - 1][0]
                )
            found.append(self._masked(k, bent))
        return products, found[::-1]

    def _forward(self, theta: list[Floats], x: Floats) -> tuple[list[Floats], list[Floats]]:
        """What goes into each layer, with a 1 at the end, and what comes out before its activation."""
        ins, outs = [], []
        for k, weight in enumerate(theta):
            ins.append(np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1))
            outs.append(ins[-1] @ weight.T)
            if k < len(self._acts):
                x = _activated(self._acts[k], outs[-1])
        return ins, outs

    def _moved(
        self, theta: list[Floats], ins: list[Floats], outs: list[Floats], vectors: list[Floats]
    ) -> list[tuple[Floats, Floats]]:
        """How outputs of each layer, before and after activation, (b, q, out), move along the vectors."""
        found, ahead = [], None
        for k, vector in enumerate(vectors):
            count, out, width = vector.shape
            move = (ins[k] @ vector.reshape(count * out, width).T).reshape(-1, count, out)
            if ahead is not None:
                move += ahead @ theta[k][:, :-1].T
            ahead = move * self._bent(k, outs[k])[:, None] if k < len(self._acts) else move
            found.append((move, ahead))
        return found

    def _back(self, theta: list[Floats], outs: list[Floats], slope: Floats) -> list[Floats]:
        """The derivative by the outputs of each layer, before activation."""
        found = [slope]
        for k in range(len(theta) - 1, 0, -1):
            slope = (slope @ theta[k][:, :-1]) * self._bent(k - 1, outs[k - 1])
            found.append(slope)
        return found[::-1]

    def _turned(
        self, weight: Floats, vector: Floats, k: int, slope: Floats, turn: Floats, out: Floats, move: Floats
    ) -> Floats:
        """How the derivative by the outputs of layer k moves, (b, q, out), from that of the next layer."""
        count, _, width = vector.shape
        through = np.ascontiguousarray(vector[:, :, :-1].transpose(1, 0, 2)).reshape(slope.shape[1], -1)
        back = (slope @ through).reshape(-1, count, width - 1)
        back += turn @ weight[:, :-1]
        back *= self._bent(k, out)[:, None]
        if self._acts[k] == "Tanh":
            level = np.tanh(out)
            back += ((slope @ weight[:, :-1]) * (-2 * level * (1 - level**2)))[:, None] * move
        return back

    def _bent(self, k: int, out: Floats) -> Floats:
        """The derivative of the activation after layer k."""
        if self._acts[k] == "ReLU":
            return (out > 0).astype(out.dtype)
        return 1 - np.tanh(out) ** 2 if self._acts[k] == "Tanh" else np.ones_like(out)

    def _first(self, out: Floats, targets: Any) -> Floats:
        """The derivative of each row's loss by the outputs."""
        if self._loss == "squared":
            return 2 * (out - targets)
        if self._loss == "binary":
            return expit(out) - targets
        p = softmax(out, axis=1)
        p[np.arange(len(p)), targets] -= 1
        return p

    def _second(self, out: Floats, move: Floats) -> Floats:
        """The second derivative of the loss by the outputs times moves (b, q, c)."""
        if self._loss == "squared":
            return 2 * move
        p = (expit(out) if self._loss == "binary" else softmax(out, axis=1))[:, None]
        return (
            p * (1 - p) * move
            if self._loss == "binary"
            else p * (move - (p * move).sum(axis=2, keepdims=True))
        )

    def _masked(self, k: int, gradient: Floats) -> Floats:
        if not self._biases[k]:
            gradient[..., -1] = 0
        return gradient


def dense_of(module: Any, loss: Any, train: Any, valid: Any) -> tuple[Dense, list[Floats]] | None:
    """A network of torch as `Dense` with its weights; None if it is of other parts.

    Parameters
    ----------
    module : torch.nn.Module
    loss : as of `TorchGradients`
    train, valid : pairs of tensors
    """
    parts = list(module) if type(module).__name__ == "Sequential" else [module]
    names = [type(part).__name__ for part in parts]
    linear = [part for part in parts if type(part).__name__ == "Linear"]
    pairs_of = list(pairwise(names))
    twice = any(a != "Linear" and b != "Linear" for a, b in pairs_of)
    plain = all(name in KNOWN for name in names) and names[0] == names[-1] == "Linear" and not twice
    frozen = any(not p.requires_grad for p in module.parameters())
    if loss not in LOSSES or not plain or frozen or len({id(p) for p in linear}) < len(linear):
        return None
    if any(isinstance(x, (dict, tuple)) or x.ndim != 2 for x, _ in (train, valid)):
        return None
    acts = [b if b != "Linear" else "" for a, b in pairs_of if a == "Linear"]
    theta = [_matrix(part) for part in linear]
    codes = loss == "cross_entropy"
    pairs = [(x.numpy(), y.numpy() if codes else _numbers(y.numpy(), theta[-1])) for x, y in (train, valid)]
    return Dense(acts, [part.bias is not None for part in linear], loss, *pairs), theta


def _activated(name: str, z: Floats) -> Floats:
    if name == "ReLU":
        return np.maximum(z, 0)
    return np.tanh(z) if name == "Tanh" else z


def _matrix(part: Any) -> Floats:
    weight = part.weight.detach().numpy()
    bias = np.zeros(len(weight), weight.dtype) if part.bias is None else part.bias.detach().numpy()
    return np.column_stack([weight, bias])


def _numbers(targets: Any, last: Floats) -> Floats:
    return targets.reshape(len(targets), -1).astype(last.dtype)


def _column(weights: Floats, like: Floats) -> Floats:
    return weights[:, None].astype(like.dtype)
