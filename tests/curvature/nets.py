"""A net in plain numpy, the independent source of gradients of the curvature tests."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.special import log_softmax, softmax

from assay import Data, Features, Gradients
from assay._gradients.layers import Full, Outer


class Net(Gradients):
    """Linear layers with tanh, ReLU or nothing between them; log loss, or squared error of outputs."""

    def __init__(
        self, sizes=(5, 4, 3), *, seed=0, act="tanh", loss="log", kind=float, ridge=0.0, layers=None
    ):
        rng = np.random.default_rng(seed)
        if layers is None:
            layers = [rng.normal(size=(b, a + 1)) / np.sqrt(a) for a, b in pairwise(sizes)]
        self.weights_ = layers
        self.act, self.loss, self.kind, self.ridge = act, loss, kind, ridge

    @cached_property
    def widths(self):
        """Parameters of each layer."""
        return [w.size for w in self.weights_]

    @property
    def penalty(self):
        """The same for all."""
        return np.full(sum(self.widths), self.ridge)

    def _forward(self, X):
        ins, h = [], X.astype(self.kind)
        for k, w in enumerate(self.weights_):
            ins.append(np.column_stack([h, np.ones(len(h), self.kind)]))
            h = ins[-1] @ w.T.astype(self.kind)
            if k < len(self.weights_) - 1:
                h = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "none": lambda z: z}[self.act](h)
        return ins, h

    def _back(self, ins, slopes):
        """Features of the gradients of slopes . outputs."""
        parts, b = [], slopes.astype(self.kind)
        for k in range(len(ins) - 1, -1, -1):
            parts.append(Outer(ins[k][:, None], b[:, None]))
            if k:
                h = ins[k][:, :-1]
                bend = {"tanh": 1 - h**2, "relu": (h > 0).astype(self.kind), "none": 1.0}[self.act]
                b = (b @ self.weights_[k][:, :-1].astype(self.kind)) * bend
        return Features(parts[::-1])

    def rows(self, data, *, of="loss"):
        """Gradients of the loss."""
        ins, out = self._forward(data.X)
        hot = np.eye(out.shape[1])[data.y.astype(int)]
        return self._back(ins, softmax(out, axis=1) - hot if self.loss == "log" else out - hot)

    def losses(self, data):
        """Log loss, or half the squared error."""
        _, out = self._forward(data.X)
        hot = np.eye(out.shape[1])[data.y.astype(int)]
        if self.loss == "log":
            return -(log_softmax(out, axis=1) * hot).sum(axis=1)
        return ((out - hot) ** 2).sum(axis=1) / 2

    def roots(self, data):
        """Square roots of the loss's curvature by the outputs."""
        ins, out = self._forward(data.X)
        C = out.shape[1]
        half = np.broadcast_to(np.eye(C), (len(out), C, C))
        if self.loss == "log":
            p = softmax(out, axis=1)
            half = np.sqrt(p)[:, :, None] * np.eye(C) - p[:, :, None] * np.sqrt(p)[:, None]
        found = [self._back(ins, half[:, :, c]) for c in range(C)]
        shared = found[0].layers
        return [
            Features([Outer(s.a, layer.b) for s, layer in zip(shared, root.layers, strict=True)])
            for root in found
        ]

    def product(self, data, vectors, curvature="gauss_newton"):
        """Gauss-Newton from the roots in full; the Hessian by differences of the gradient."""
        if curvature == "gauss_newton":
            stack = np.concatenate([root.dense() for root in self.roots(data)])
            return (vectors @ stack.T) @ stack
        return np.array([self._difference(data, vector) for vector in vectors])

    def _difference(self, data, vector, step=1e-5):
        sides = []
        for sign in (1, -1):
            ends = np.cumsum(self.widths)[:-1]
            moved = [
                w + sign * step * part.reshape(w.shape)
                for w, part in zip(self.weights_, np.split(vector, ends), strict=True)
            ]
            net = Net(act=self.act, loss=self.loss, layers=moved)
            sides.append(net.rows(data).dense().sum(axis=0))
        return (sides[0] - sides[1]) / (2 * step)

    def along(self, data, vector):
        """From the rows."""
        return self.rows(data).along(vector)

    def gauss_newton(self, data):
        """The matrix, from the roots in full."""
        return self.product(data, np.eye(sum(self.widths)))


class Fixed(Gradients):
    """Features given by hand: the same roots and rows for the training rows."""

    def __init__(self, roots, rows=None, ridge=0.0, counts=None):
        self._roots, self._rows, self._ridge, self._counts = roots, rows or roots[0], ridge, counts

    @property
    def widths(self):
        """Of the roots."""
        return self._roots[0].widths

    @property
    def penalty(self):
        """The same for all, or as given."""
        return np.zeros(sum(self.widths)) + self._ridge

    def weights(self, data):
        """As given, or 1."""
        return np.ones(len(data)) if self._counts is None else self._counts

    def roots(self, data):
        """As given."""
        return self._roots

    def rows(self, data, *, of="loss"):
        """As given."""
        return self._rows

    def product(self, data, vectors, curvature="gauss_newton"):
        """From the roots in full."""
        half = np.sqrt(self.weights(data))[:, None]
        stack = np.concatenate([root.dense() * half for root in self._roots])
        return (vectors @ stack.T) @ stack

    def along(self, data, vector):
        """From the rows."""
        return self._rows.along(vector)


for source in (Net, Fixed):
    source.__abstractmethods__ = frozenset()  # what is not here no curvature asks


def rows_of(n, d=5, classes=3, seed=1):
    """Random rows with labels 0..classes - 1."""
    rng = np.random.default_rng(seed)
    return Data(rng.normal(size=(n, d)), rng.integers(0, classes, n))


def full_outer(g):
    """Gradients (n, p) as one layer in full."""
    return Features([Full(np.asarray(g, float))])
