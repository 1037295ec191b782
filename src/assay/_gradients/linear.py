"""Gradients of linear models, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_softmax, softmax

from .._errors import AssayError
from .._problem import Data
from .._types import Floats, Labels
from .features import Features
from .gradients import Curvature, Gradients, Of, fingerprint
from .layers import Outer

PAST = 1.3  # how far past the boundary an attacked row is moved, in distances to it


@final
@dataclass(frozen=True, eq=False)
class LinearGradients(Gradients):
    """Gradients of a linear model's loss, from one matrix of coefficients.

    Parameters
    ----------
    coefficients : array of shape (outputs, d + 1)
        The last column is the intercept. One output for numbers and for two classes, else one a class.
    loss : "squared" | "logistic" | "softmax"
        Squared error summed over the outputs, log loss of one output, or of one output a class.
    ridge : array of shape (d + 1,)
        What the summed loss's regulariser adds to the diagonal of its Hessian; 0 for what is not shrunk.
    classes : array, optional
        Sorted, where labels are classes.
    class_weights : array, optional
        How often a training row of each class counts.
    intercept : bool
        Whether the intercept was fitted.

    Examples
    --------
    >>> import numpy as np
    >>> model = LinearGradients(np.array([[2.0, 0.0]]), "squared", np.zeros(2))
    >>> model.losses(Data([[1.0], [2.0]], [2.0, 5.0])).tolist()
    [0.0, 1.0]
    """

    coefficients: Floats
    loss: Literal["squared", "logistic", "softmax"]
    ridge: Floats
    classes: Labels | None = None
    class_weights: Floats | None = None
    intercept: bool = True
    linear: ClassVar[bool] = True

    @property
    def fingerprint(self) -> str:
        """See `Gradients.fingerprint`."""
        told = [] if self.classes is None else self.classes.tolist()
        return fingerprint(f"{self.loss} {told} {self.intercept}", {"coefficients": self.coefficients})

    @property
    def outputs(self) -> int:
        """How many numbers the model gives a row."""
        return len(self.coefficients)

    @property
    def widths(self) -> Sequence[int]:
        """One layer: outputs times (d + 1)."""
        return [self.coefficients.size if self.intercept else self.outputs * (self.coefficients.shape[1] - 1)]

    @property
    def penalty(self) -> Floats:
        """The ridge of each output."""
        return np.tile(self.ridge if self.intercept else self.ridge[:-1], self.outputs)

    @property
    def idle(self) -> Floats:
        """Of softmax, the same shift of all classes' coefficients, where it is not shrunk."""
        free = np.flatnonzero(self.ridge[: self.widths[0] // self.outputs] == 0)
        if self.loss != "softmax":
            free = free[:0]
        shifts = np.zeros((len(free), self.outputs, self.widths[0] // self.outputs))
        shifts[np.arange(len(free)), :, free] = self.outputs**-0.5
        return shifts.reshape(len(free), self.widths[0])

    def _inputs(self, data: Data) -> Floats:
        X = data.dense
        return np.column_stack([X, np.ones(len(X))]) if self.intercept else X

    def scores(self, data: Data) -> Floats:
        """What the model gives, (n, outputs)."""
        return data.dense @ self.coefficients[:, :-1].T + self.coefficients[:, -1]

    def _targets(self, data: Data) -> Floats:
        """Labels as what outputs are compared with, (n, outputs)."""
        if data.y is None:
            raise AssayError("LinearGradients needs labels of the rows; pass assay.Data(X, y).")
        if self.classes is None:
            return data.y.astype(float)[:, None]
        codes = self._codes(data)
        hot = codes[:, None] == np.arange(len(self.classes))[-self.outputs :]
        return 2.0 * hot - 1 if self.loss == "squared" else hot.astype(float)

    def _codes(self, data: Data) -> Any:
        assert self.classes is not None
        codes = np.minimum(np.searchsorted(self.classes, data.y), len(self.classes) - 1)
        strange = self.classes[codes] != data.y
        if strange.any():
            raise AssayError(
                f"{strange.sum()} row(s) are of a class that the model was not fitted on, such as "
                f"{data.y[strange][0].item()!r}; leave them out, or fit on rows of every class."
            )
        return codes

    def weights(self, data: Data) -> Floats:
        """The weight of each row's class, (n,)."""
        return np.ones(len(data)) if self.class_weights is None else self.class_weights[self._codes(data)]

    def losses(self, data: Data) -> Floats:
        """The loss of each row, (n,)."""
        scores, targets = self.scores(data), self._targets(data)
        if self.loss == "squared":
            return ((scores - targets) ** 2).sum(axis=1)
        if self.loss == "logistic":
            return np.logaddexp(0, scores[:, 0] * (1 - 2 * targets[:, 0]))
        return -(log_softmax(scores, axis=1) * targets).sum(axis=1)

    def probabilities(self, data: Data) -> Floats:
        """See `Gradients.probabilities`; of a ridge classifier, its score in place of a probability."""
        scores = self.scores(data)
        if self.loss == "squared":
            return scores[:, -1]
        return expit(scores[:, 0]) if self.loss == "logistic" else softmax(scores, axis=1)[:, -1]

    def _slopes(self, data: Data, of: Of) -> Floats:
        """The derivative by each output, (n, outputs)."""
        scores = self.scores(data)
        if self.loss == "squared":
            if of == "loss":
                return 2 * (scores - self._targets(data))
            if self.classes is not None and of == "margin":
                return self._targets(data)
            return np.ones_like(scores) if self.outputs == 1 else np.eye(self.outputs)[[-1] * len(data)]
        p = expit(scores) if self.loss == "logistic" else softmax(scores, axis=1)
        if of == "probability":
            last = np.eye(self.outputs)[-1]
            return p[:, -1:] * (last - p) if self.loss == "softmax" else p * (1 - p)
        targets = self._targets(data)
        if of == "loss":
            return p - targets
        if self.loss == "logistic":
            return 2 * targets - 1
        right = (p * targets).sum(axis=1, keepdims=True)
        return (targets - p) / np.maximum(1 - right, np.finfo(float).tiny)

    def rows(self, data: Data, *, of: Of = "loss") -> Features:
        """See `Gradients.rows`."""
        return Features([Outer(self._inputs(data)[:, None], self._slopes(data, of)[:, None])])

    def bends(self, data: Data) -> Floats:
        """The second derivative of each row's loss by its outputs, (n, outputs, outputs)."""
        scores, eye = self.scores(data), np.eye(self.outputs)
        if self.loss == "squared":
            return np.broadcast_to(2 * eye, (len(data), *eye.shape))
        if self.loss == "logistic":
            p = expit(scores)
            return (p * (1 - p))[:, :, None]
        p = softmax(scores, axis=1)
        return p[:, :, None] * eye - p[:, :, None] * p[:, None, :]

    def roots(self, data: Data) -> list[Features]:
        """See `Gradients.roots`; of softmax, p^(1/2) times (unit - p) for each class."""
        X, bends = self._inputs(data)[:, None], self.bends(data)
        if self.loss == "softmax":
            p = softmax(self.scores(data), axis=1)
            # diag(p) - p pᵀ = R Rᵀ, R = diag(p)^(1/2) - p (p^(1/2))ᵀ, as the p sum to 1
            bends = np.sqrt(p)[:, :, None] * np.eye(self.outputs) - p[:, :, None] * np.sqrt(p)[:, None, :]
            return [Features([Outer(X, bends[:, None, :, c])]) for c in range(self.outputs)]
        half = np.sqrt(bends)
        return [Features([Outer(X, half[:, None, :, c])]) for c in range(self.outputs)]

    def product(self, data: Data, vectors: Floats, curvature: Curvature = "gauss_newton") -> Floats:
        """See `Gradients.product`; the Hessian is the Gauss-Newton matrix."""
        X = self._inputs(data)
        bends = self.bends(data) * self.weights(data)[:, None, None]
        forward = vectors.reshape(len(vectors), self.outputs, -1) @ X.T
        bent = np.einsum("ncd,qdn->qcn", bends, forward, optimize=True)
        return (bent @ X).reshape(len(vectors), -1)

    def along(self, data: Data, vector: Floats) -> Floats:
        """See `Gradients.along`."""
        return self.rows(data).along(vector)

    def flops(self, data: Data) -> int:
        """See `Gradients.flops`: one product with the coefficients."""
        return 2 * len(data) * self.coefficients.size

    def attacked(self, data: Data) -> Data:
        """Rows of two classes, moved across the boundary to .3 of their distance beyond it."""
        if self.classes is None or self.outputs > 1:
            raise AssayError(
                "Robustness is defined for two classes here; take a binary model, or pass attacked rows as "
                "valid."
            )
        w = self.coefficients[0, :-1]
        moved = data.dense - PAST * self.scores(data) / (w @ w) * w
        return Data(moved, data.y, ids=data.ids, groups=data.groups)

    def polished(self, data: Data, steps: int = 20) -> LinearGradients:
        """After Newton steps on these rows until the summed gradient is 0 to rounding."""
        from .gauss_newton import summed

        now = self
        for _ in range(steps):
            slope = now.rows(data).total(now.weights(data)).dense()[0] + now.penalty * now._flat
            if np.abs(slope).max() <= 1e-13 * len(data):
                break
            step = cho_solve(cho_factor(summed(now, data)), slope)
            theta = now.coefficients.copy()
            theta[:, : step.size // now.outputs] -= step.reshape(now.outputs, -1)
            now = LinearGradients(theta, now.loss, now.ridge, now.classes, now.class_weights, now.intercept)
        return now

    @property
    def _flat(self) -> Floats:
        return (self.coefficients if self.intercept else self.coefficients[:, :-1]).ravel()
