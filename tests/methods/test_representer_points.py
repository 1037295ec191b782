"""Representer values add up to what the last layer gives, as fitted by somebody else."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from truth import two_clouds

from assay import AssayError, Data, Problem, RepresenterPoints, TorchGradients, value

torch = pytest.importorskip("torch")
nn = torch.nn
RNG = np.random.default_rng(6)
TRAIN = Data(RNG.normal(size=(30, 3)), RNG.integers(0, 3, 30))
VALID = Data(RNG.normal(size=(8, 3)), RNG.integers(0, 3, 8))


def shares(p: Problem, **how) -> np.ndarray:
    """Values to each validation row."""
    return value(p, RepresenterPoints(**how)).per_valid


def test_two_classes_sum_to_the_logit():
    """For two classes the values of all rows sum to the logit of the label, without the intercept."""
    p = two_clouds(model=LogisticRegression(C=2.0, class_weight={0: 1.5, 1: 0.7}, tol=1e-12))
    fitted = LogisticRegression(C=2.0, class_weight={0: 1.5, 1: 0.7}, tol=1e-12).fit(p.train.X, p.train.y)
    logit = (p.valid.X @ fitted.coef_[0]) * (2 * p.valid.y - 1)
    np.testing.assert_allclose(shares(p).sum(axis=0), logit, rtol=1e-6)


@pytest.mark.parametrize("model", [LogisticRegression(C=0.5, tol=1e-12), RidgeClassifier(alpha=3.0)])
def test_three_classes_sum_to_the_score_of_the_label(model):
    """For more classes they sum to the score of the label, of log loss and of least squares."""
    fitted = type(model)(**model.get_params()).fit(TRAIN.X, TRAIN.y)
    truth = (VALID.X @ fitted.coef_.T)[np.arange(8), VALID.y]
    np.testing.assert_allclose(shares(Problem(TRAIN, VALID, model)).sum(axis=0), truth, rtol=1e-4, atol=1e-6)


def test_a_value_is_alpha_times_the_product():
    """A single value is the residual of the row, C, and the product of both inputs, by the formula."""
    p = two_clouds(model=LogisticRegression(C=2.0))
    fitted = LogisticRegression(C=2.0, tol=1e-12).fit(p.train.X, p.train.y)
    off = p.train.y - fitted.predict_proba(p.train.X)[:, 1]
    truth = 2.0 * off[:, None] * (p.train.X @ p.valid.X.T) * (2 * p.valid.y - 1)
    np.testing.assert_allclose(shares(p), truth, atol=1e-5 * np.abs(truth).max())


def net(*last):
    """A network in float64."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), *last).double()


@pytest.mark.parametrize("bias", [True, False])
def test_a_network_is_its_last_layer_fitted_by_scikit_learn(bias):
    """Values sum to the score of a ridge logistic regression that scikit-learn fits on the features."""
    module = net(nn.Linear(5, 3, bias=bias))
    sides = [np.tanh(module[0](torch.tensor(part.X)).detach().numpy()) for part in (TRAIN, VALID)]
    sides = [np.column_stack([h, np.ones(len(h))]) if bias else h for h in sides]
    fitted = LogisticRegression(C=1 / (2 * 0.01 * 30), fit_intercept=False, tol=1e-12, max_iter=10_000)
    fitted = fitted.fit(sides[0], TRAIN.y)
    truth = (sides[1] @ fitted.coef_.T)[np.arange(8), VALID.y]
    found = shares(Problem(TRAIN, VALID, module), ridge=0.01)
    np.testing.assert_allclose(found.sum(axis=0), truth, rtol=1e-5, atol=1e-7)


def test_one_logit_and_names_of_classes():
    """A network with one logit has the logit of the label, and text labels are their places."""
    p = two_clouds(text=True)
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    names = ["hi", "lo"]
    source = TorchGradients(module, "binary", classes=names)
    found = shares(Problem(p.train, p.valid, gradients=source), ridge=0.02)
    h, q = (
        np.column_stack([np.tanh(module[0](torch.tensor(d.X)).detach().numpy()), np.ones(len(d))])
        for d in (p.train, p.valid)
    )
    fitted = LogisticRegression(C=1 / (2 * 0.02 * 20), fit_intercept=False, tol=1e-12).fit(h, p.train.y)
    truth = (q @ fitted.coef_[0]) * np.where(p.valid.y == "lo", 1, -1)
    np.testing.assert_allclose(found.sum(axis=0), truth, rtol=1e-5)


def test_a_large_last_layer_is_fitted_too():
    """Above a thousand parameters, which no Newton step polishes, sums are right to 1e-4 of the largest."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 400), nn.ReLU(), nn.Linear(400, 3)).double()
    h, q = (np.maximum(module[0](torch.tensor(d.X)).detach().numpy(), 0) for d in (TRAIN, VALID))
    h, q = (np.column_stack([part, np.ones(len(part))]) for part in (h, q))
    fitted = LogisticRegression(C=1 / (0.006 * 30), fit_intercept=False, tol=1e-12, max_iter=10_000)
    fitted = fitted.fit(h, TRAIN.y)
    truth = (q @ fitted.coef_.T)[np.arange(8), VALID.y]
    found = shares(Problem(TRAIN, VALID, module)).sum(axis=0)
    np.testing.assert_allclose(found, truth, atol=1e-4 * np.abs(truth).max())


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (Problem(Data(TRAIN.X, TRAIN.X[:, 0]), Data(VALID.X, VALID.X[:, 0]), Ridge()), "labels are numbers"),
        (
            Problem(Data(TRAIN.X, TRAIN.X[:, 0]), Data(VALID.X, VALID.X[:, 0]), LinearRegression()),
            "are numbers",
        ),
        (two_clouds(model=LogisticRegression(C=np.inf)), "needs a ridge"),
        (Problem(TRAIN, VALID, net(nn.Linear(5, 3), nn.Tanh())), "not what its last Linear, '2'"),
        (Problem(TRAIN, VALID, nn.Sequential(nn.Bilinear(3, 3, 3))), "no Linear that is trained"),
        (
            Problem(TRAIN, VALID, gradients=TorchGradients(net(nn.Linear(5, 3)), lambda z, y: z[:, 0])),
            "defined for the losses",
        ),
    ],
)
def test_refuses_models(p, words):
    """Numbers, no ridge, and networks that do not end in a linear layer are refused."""
    with pytest.raises(AssayError, match=words):
        value(p, RepresenterPoints())


@pytest.mark.parametrize("ridge", [0, -1.0, True, "auto", np.nan])
def test_refuses_settings(ridge):
    """A ridge that is no number above 0 is refused."""
    with pytest.raises(AssayError, match=r"RepresenterPoints\.ridge is"):
        RepresenterPoints(ridge=ridge)
