"""Models that learn row by row, many orders side by side."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from scipy.special import expit, log_softmax, softmax

from ..._errors import AssayError
from ..._gradients.linear import LinearGradients
from ..._problem import Data, Problem
from ..._types import Floats, Positions
from ._start import Start


class Learner(Protocol):
    """Copies of one model, which take a step each on a row of their own."""

    n: int
    m: int

    def start(self, count: int) -> None:
        """Begin with so many copies that know nothing."""
        ...

    def learn(self, rows: Positions, rate: float) -> None:
        """A step of gradient descent on one row (k,) each."""
        ...

    def losses(self) -> Floats:
        """The loss of each validation row by each copy, (k, m)."""
        ...


class Linear:
    """A linear model from 0. What it gives the validation rows is moved by products that are known before."""

    def __init__(self, gradients: LinearGradients, problem: Problem) -> None:
        assert problem.valid is not None
        self._loss, self._outputs = gradients.loss, gradients.outputs
        if self._loss == "squared" and gradients.classes is not None:
            raise AssayError(
                "GShapley learns classes by log loss; pass LogisticRegression or a torch module."
            )
        inputs = [_inputs(part, gradients.intercept) for part in (problem.train, problem.valid)]
        self._X, self._products = inputs[0], inputs[0] @ inputs[1].T
        self._train, self._valid = (_targets(gradients, part) for part in (problem.train, problem.valid))
        self._weights = gradients.weights(problem.train)
        self.n, self.m = self._products.shape
        self.start(0)

    def start(self, count: int) -> None:
        """See `Learner`."""
        self._theta = np.zeros((count, self._outputs, self._X.shape[1]))
        self._scores = np.zeros((count, self.m, self._outputs))

    def learn(self, rows: Positions, rate: float) -> None:
        """See `Learner`."""
        given = np.einsum("kcd,kd->kc", self._theta, self._X[rows])
        step = rate * self._weights[rows, None] * self._slope(given, self._train[rows])
        self._theta -= step[:, :, None] * self._X[rows][:, None, :]
        self._scores -= self._products[rows][:, :, None] * step[:, None, :]

    def _slope(self, given: Floats, targets: Floats) -> Floats:
        if self._loss == "squared":
            return 2 * (given - targets)
        return (expit(given) if self._loss == "logistic" else softmax(given, axis=1)) - targets

    def losses(self) -> Floats:
        """See `Learner`."""
        if self._loss == "squared":
            return ((self._scores - self._valid) ** 2).sum(axis=2)
        if self._loss == "logistic":
            return np.logaddexp(0, self._scores[:, :, 0] * (1 - 2 * self._valid[:, 0]))
        return -(log_softmax(self._scores, axis=2) * self._valid).sum(axis=2)


class Network:
    """Networks from the same first weights, dropout off."""

    def __init__(self, start: Start, rng: np.random.Generator) -> None:
        from ..._gradients._torch_loss import loss_of
        from ._tape import rows_of

        self._module = start.fresh(rng).eval()
        self._loss = loss_of(start.loss)
        dtype, numbers = next(self._module.parameters()).dtype, start.loss == "squared"
        train, valid = start.problem.train, start.problem.valid
        self._X, self._y = rows_of(train, dtype, start.classes, numbers=numbers)
        self._V, self._t = rows_of(valid, dtype, start.classes, numbers=numbers)
        self.n, self.m = len(self._y), len(self._t)
        self._steps, self._looks = self._functions()

    def _functions(self) -> tuple[Any, Any]:
        from torch.func import functional_call, grad, vmap

        fixed = dict(self._module.named_buffers()) | {
            name: p.detach() for name, p in self._module.named_parameters() if not p.requires_grad
        }

        def losses(own: Any, x: Any, y: Any) -> Any:
            return self._loss(functional_call(self._module, {**fixed, **own}, (x,)), y)

        def one(own: Any, x: Any, y: Any) -> Any:
            return losses(own, x[None], y[None])[0]

        return vmap(grad(one)), vmap(losses, in_dims=(0, None, None))

    def start(self, count: int) -> None:
        """See `Learner`."""
        trained = {name: p.detach() for name, p in self._module.named_parameters() if p.requires_grad}
        self._own = {name: p.expand(count, *p.shape).clone() for name, p in trained.items()}

    def learn(self, rows: Positions, rate: float) -> None:
        """See `Learner`."""
        import torch

        places = torch.from_numpy(rows)
        slopes = self._steps(self._own, self._X[places], self._y[places])
        for name, slope in slopes.items():
            self._own[name] = self._own[name] - rate * slope

    def losses(self) -> Floats:
        """See `Learner`."""
        import torch

        with torch.no_grad():
            return self._looks(self._own, self._V, self._t).double().numpy()


def _inputs(data: Data, intercept: bool) -> Floats:
    return np.column_stack([data.dense, np.ones(len(data))]) if intercept else data.dense


def _targets(gradients: LinearGradients, data: Data) -> Floats:
    """Labels as what outputs are compared with, (n, outputs)."""
    assert data.y is not None
    if gradients.classes is None:
        return data.y.astype(float)[:, None]
    return (data.y[:, None] == np.asarray(gradients.classes)[-gradients.outputs :]).astype(float)
