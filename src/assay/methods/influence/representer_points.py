"""Representer points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.optimize import minimize

from ..._errors import AssayError
from ..._gradients.layers import Outer
from ..._gradients.linear import LinearGradients
from ..._gradients.source import gradients_of
from ..._gradients.torch_gradients import TorchGradients
from ..._numbers import is_number
from ..._problem import Data, Problem
from ..._types import Floats, Labels
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer

NAME = "RepresenterPoints"
FEW_PARAMETERS = 1_000  # up to which a fit is finished by Newton steps


@final
@dataclass(eq=False, kw_only=True)
class RepresenterPoints(Valuer):
    """A row's share in the score that the last layer gives to a validation row's label: alpha_i h_i' h_q.

    Where a linear layer W on features h minimises the mean loss plus ridge |W|², its scores are sums over
    training rows: W h_q = Σ alpha_i h_i' h_q, alpha_i = -1 / (2 ridge n) times the derivative of the loss by
    the scores. A value is the entry for the label of q: in units of the logit, positive where the row speaks
    for the label. Where two classes have one logit, it is the logit of the label, minus that of the other.

    A linear model is taken as it is, with its own ridge (scikit-learn's `C` or `alpha`), h being the inputs;
    its intercept, which is not shrunk, is nobody's. Of a network, h is what goes into its last `Linear`, with
    a 1 for the bias, and that layer is fitted anew on the labels. Classes only.

    Cost: two forward passes, a fit of one layer, and n m products.

    Parameters
    ----------
    ridge : float
        For networks, above 0.

    Source: Yeh et al. (2018), "Representer Point Selection for Explaining Deep Neural Networks".

    Examples
    --------
    >>> from assay import Data, Problem, RepresenterPoints, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[-1.0], [-0.8], [-0.9], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[-1.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), RepresenterPoints()).lowest(1)
    array([2])
    """

    ridge: float = 0.003
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        if not (is_number(self.ridge) and self.ridge > 0):
            raise AssayError(f"{NAME}.ridge is {self.ridge!r}; it needs to be a number above 0.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        del rng
        self.__post_init__()
        gradients, problem = gradients_of(problem, NAME)
        train, valid = problem.train, problem.valid
        assert valid is not None
        if isinstance(gradients, TorchGradients):
            gradients, train, valid = _refitted(gradients, train, valid, self.ridge)
        if not isinstance(gradients, LinearGradients):
            raise AssayError(f"{NAME} looks at a last linear layer; pass a linear estimator or torch module.")
        scores = _shares(gradients, train, valid)
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact)


def _shares(model: LinearGradients, train: Data, valid: Data) -> Floats:
    """The scores (n, m), by the penalty that the model has."""
    if model.classes is None:
        raise AssayError(
            f"{NAME} shares out the score of a label, and these labels are numbers; take TracIn."
        )
    shrunk = model.ridge[:-1]
    if not (shrunk > 0).all():
        raise AssayError(f"{NAME} needs a ridge: without one, scores are no sum over rows; set C or alpha.")
    (rows,) = model.rows(train).layers
    assert isinstance(rows, Outer)
    slopes = rows.b[:, 0] * model.weights(train)[:, None]
    codes = np.searchsorted(model.classes, valid.y)
    if (model.classes[np.minimum(codes, len(model.classes) - 1)] != valid.y).any():
        raise AssayError(f"{NAME}: a validation row has a label that no training row has; leave it out.")
    by_label = np.column_stack([-slopes, slopes]) if model.outputs == 1 else slopes
    return -by_label[:, codes] * ((train.dense / shrunk) @ valid.dense.T)


def _refitted(
    gradients: TorchGradients, train: Data, valid: Data, ridge: float
) -> tuple[LinearGradients, Data, Data]:
    """The last layer, fitted with a ridge on what goes into it, and both sides as it sees them."""
    name, layer = _last(gradients)
    kinds = {"cross_entropy": "softmax", "binary": "logistic"}
    if not isinstance(gradients.loss, str) or gradients.loss not in kinds:
        raise AssayError(f"{NAME} is defined for the losses cross_entropy and binary; take TracIn.")
    gradients.check(train)
    count = 2 if gradients.loss == "binary" else layer.out_features
    named = gradients.classes is not None and len(gradients.classes) == count  # codes may have no rows
    classes: Labels = np.asarray(gradients.classes) if named else np.arange(count)
    shape = (layer.out_features, layer.in_features + (layer.bias is not None))

    def model(weights: Floats) -> LinearGradients:
        filled = np.column_stack([weights.reshape(shape), np.zeros(shape[0])])
        penalty = np.full(filled.shape[1], 2 * ridge * len(train))
        loss: Any = kinds[str(gradients.loss)]
        return LinearGradients(filled, loss, penalty, classes, None, False)

    sides = [_seen(gradients, name, layer, side) for side in (train, valid)]
    fitted = _fitted(model, sides[0], shape[0] * shape[1])
    return fitted, sides[0], sides[1]


def _fitted(model: Any, data: Data, size: int) -> LinearGradients:
    def summed(weights: Floats) -> tuple[float, Floats]:
        now = model(weights)
        slope = now.rows(data).total(np.ones(len(data))).dense()[0] + now.penalty * weights
        return float(now.losses(data).sum() + (now.penalty * weights**2).sum() / 2), slope

    options = {"maxiter": 5000, "ftol": 0.0, "gtol": 1e-9 * len(data), "maxfun": 20000}
    found = minimize(summed, np.zeros(size), jac=True, method="L-BFGS-B", options=options).x
    return model(found).polished(data) if size <= FEW_PARAMETERS else model(found)


def _last(gradients: TorchGradients) -> tuple[str, Any]:
    import torch

    found = [
        (name, child)
        for name, child in gradients.module.named_modules()
        if isinstance(child, torch.nn.Linear) and any(p.requires_grad for p in child.parameters())
    ]
    if not found:
        raise AssayError(
            f"{NAME}: the network has no Linear that is trained, whose scores could be shared out."
        )
    return found[-1]


def _seen(gradients: TorchGradients, name: str, layer: Any, data: Data) -> Data:
    """The rows as the layer sees them, with a 1 for its bias."""
    import torch

    from ..._gradients._torch_record import outputs_of
    from ..._gradients._torch_rows import batches

    calls: list[tuple[Any, Any]] = []
    handle = layer.register_forward_hook(lambda _, given, made: calls.append((given[0], made.clone())))
    module, found = gradients.module, []
    try:
        with torch.no_grad():
            for inputs, _ in batches(data, layer.weight.dtype, gradients.classes, numbers=False):
                calls.clear()
                outputs = outputs_of(module, inputs)
                if len(calls) != 1 or calls[0][1].ndim != 2 or not torch.equal(calls[0][1], outputs):
                    raise AssayError(
                        f"{NAME}: the network's scores are not what its last Linear, {name!r}, gives out."
                    )
                found.append(calls[0][0].double().numpy())
    finally:
        handle.remove()
    rows = np.concatenate(found)
    return Data(rows if layer.bias is None else np.column_stack([rows, np.ones(len(rows))]), data.y)
