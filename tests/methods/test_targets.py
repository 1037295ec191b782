"""Targets other than the loss: gradients, influence and signs, against differences and refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay import AssayError, Data, Influence, Problem, TorchGradients, value
from assay._gradients.fit_linear import fit_linear
from assay._gradients.target import TARGETS, judging, read

GAPS = ("demographic_parity", "equal_opportunity")


def made(n: int = 150, m: int = 90, groups: int = 2, seed: int = 0) -> Problem:
    """Rows of two classes, whose share and features depend on a group."""
    rng = np.random.default_rng(seed)
    s = rng.integers(groups, size=n + m)
    X = rng.normal(size=(n + m, 4)) + 0.6 * s[:, None] * [1, 0, 0, -0.5]
    y = (X @ [1.0, -1, 0.5, 0] + 0.7 * s + rng.normal(size=n + m) > 0.5).astype(int)
    train, valid = (Data(X[k], y[k], groups=s[k]) for k in (slice(n), slice(n, None)))
    return Problem(train, valid, LogisticRegression(C=0.5))


def at(gradients, theta):
    """The same model at other parameters."""
    return replace(gradients, coefficients=theta.reshape(gradients.coefficients.shape))


def measured(target, gradients, base, data):
    """The target at other parameters, with the attack and the groups of `base`."""
    return read(target, gradients, data, pair=base.pair, attacked=base.data).value


def measured_by_hand(target, gradients, data):
    """Each target from its definition, by loops over groups."""
    margin = data.X @ gradients.coefficients[0, :-1] + gradients.coefficients[0, -1]
    p = 1 / (1 + np.exp(-margin))
    losses = -np.log(np.where(data.y == 1, p, 1 - p))
    if target == "loss":
        return losses.mean()
    if target == "robustness":  # .3 of the distance beyond the boundary: the margin times -.3
        q = 1 / (1 + np.exp(0.3 * margin))
        return -np.log(np.where(data.y == 1, q, 1 - q)).mean()
    names = np.unique(data.groups)
    if target == "demographic_parity":
        means = [p[data.groups == g].mean() for g in names]
    else:
        means = [losses[(data.groups == g) & (data.y == 1)].mean() for g in names]
    return max(means) - min(means)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("groups", [2, 3])
def test_measure_is_its_definition(target, groups):
    """What is measured is the definition, of two groups and of the widest gap among three."""
    problem = made(groups=groups)
    gradients, _ = fit_linear(problem.model, problem.train)
    by_hand = measured_by_hand(target, gradients, problem.valid)
    assert read(target, gradients, problem.valid).value == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("groups", [2, 3])
def test_gradient_is_that_of_the_measure(target, groups):
    """The mean of the judging rows' weighted gradients is the derivative of the target."""
    problem = made(groups=groups)
    gradients, _ = fit_linear(problem.model, problem.train)
    base = read(target, gradients, problem.valid)
    found = judging(target, gradients, problem.valid).dense().mean(axis=0)
    theta, h = gradients.coefficients.ravel(), 1e-5
    steps = h * np.eye(len(theta))
    wanted = [
        (
            measured(target, at(gradients, theta + step), base, problem.valid)
            - measured(target, at(gradients, theta - step), base, problem.valid)
        )
        / (2 * h)
        for step in steps
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_gradient_of_several_classes_and_of_numbers():
    """The last class's probability is compared for three classes, and the prediction for numbers."""
    p = made()
    three = np.digitize(p.train.X[:, 0], [-0.5, 0.8])
    for model, y in ((LogisticRegression(), three), (Ridge(), p.train.X @ [1, 2, 0, 1] + 0.5)):
        gradients, _ = fit_linear(model, Data(p.train.X, y))
        base = read("demographic_parity", gradients, p.valid)
        found = judging("demographic_parity", gradients, p.valid).dense().mean(axis=0)
        theta, h = gradients.coefficients.ravel(), 1e-5
        wanted = [
            (
                measured("demographic_parity", at(gradients, theta + step), base, p.valid)
                - measured("demographic_parity", at(gradients, theta - step), base, p.valid)
            )
            / (2 * h)
            for step in h * np.eye(len(theta))
        ]
        np.testing.assert_allclose(found, wanted, atol=1e-9)
        means = [base.numbers[p.valid.groups == g].mean() for g in (0, 1)]
        assert base.value == pytest.approx(abs(means[0] - means[1]))
        if y is three:
            assert base.numbers == pytest.approx(
                LogisticRegression().fit(p.train.X, y).predict_proba(p.valid.X)[:, 2], abs=1e-3
            )


def without_each(problem):
    """The model refitted without each row."""
    rows = np.arange(problem.n)
    return [fit_linear(problem.model, problem.train.take(rows[rows != i]))[0] for i in rows]


def costs_of(target, problem, refits):
    """By how much the target is worse without each row."""
    gradients, _ = fit_linear(problem.model, problem.train)
    base = read(target, gradients, problem.valid)
    return np.array([measured(target, one, base, problem.valid) - base.value for one in refits])


@pytest.fixture(scope="module")
def small():
    """A problem, and its model refitted without each row."""
    problem = made(n=60)
    return problem, without_each(problem)


@pytest.mark.parametrize("target", TARGETS)
def test_values_are_what_refits_without_a_row_cost(target, small):
    """Values are what refits cost, in sign and unit, but for the curvature of the target and of the fit."""
    problem, refits = small
    costs = costs_of(target, problem, refits)
    values = value(problem, Influence(target=target), progress=False).values
    gradients, _ = fit_linear(problem.model, problem.train)
    base = read(target, gradients, problem.valid)
    moved = np.array([(one.coefficients - gradients.coefficients)[0] for one in refits])
    first = moved @ judging(target, gradients, problem.valid).dense().mean(axis=0)
    assert np.linalg.norm(values - first) < 0.06 * np.linalg.norm(first)  # one Newton step of 60 rows
    X = np.column_stack([base.data.X, np.ones(len(base.data))])
    curved = (moved @ X.T) ** 2 / 8 @ np.abs(base.weights)  # second derivatives are at most 1/4
    assert (np.abs(costs - first) <= curved).all()
    assert np.corrcoef(values, costs)[0, 1] > 0.99


def test_values_of_a_gap_of_predictions_are_exact_for_least_squares():
    """Leaving a row out moves a gap between mean predictions by exactly its value."""
    p = made(n=40)
    y = p.train.X @ [1.0, 2, 0, 1] + np.random.default_rng(1).normal(size=40)
    problem = Problem(
        Data(p.train.X, y),
        Data(p.valid.X, p.valid.y.astype(float), groups=p.valid.groups),
        LinearRegression(),
    )
    costs = costs_of("demographic_parity", problem, without_each(problem))
    values = value(problem, Influence(target="demographic_parity"), progress=False).values
    np.testing.assert_allclose(values, costs, atol=1e-11)


@pytest.mark.parametrize("target", GAPS)
def test_the_names_of_groups_do_not_matter(target):
    """The gap has no direction: exchanging the groups changes no value."""
    problem = made()
    valid = problem.valid
    swapped = Data(valid.X, valid.y, groups=np.where(valid.groups == 0, "m", "f"))
    a = value(problem, Influence(target=target), progress=False).values
    b = value(replace(problem, valid=swapped), Influence(target=target), progress=False).values
    np.testing.assert_allclose(a, b, atol=1e-15)


@pytest.mark.parametrize("target", TARGETS)
def test_values_are_the_means_over_judges(target):
    """`per_valid` adds up to the values; a scaler before the model is the table scaled by hand."""
    problem = made()
    valuation = value(problem, Influence(target=target), progress=False)
    np.testing.assert_allclose(valuation.per_valid.mean(axis=1), valuation.values, atol=1e-15)
    scaler = StandardScaler().fit(problem.train.X)
    scaled = [
        Data(scaler.transform(part.X), part.y, groups=part.groups) for part in (problem.train, problem.valid)
    ]
    by_hand = value(Problem(*scaled, problem.model), Influence(target=target), progress=False)
    piped = replace(problem, model=make_pipeline(StandardScaler(), problem.model))
    again = value(piped, Influence(target=target), progress=False)
    np.testing.assert_allclose(again.values, by_hand.values, atol=1e-12)


def test_a_planted_bias_is_found():
    """Rows whose labels were turned against one group are the ones that widen the gap."""
    problem = made(n=600, m=600, seed=3)
    train, valid = (
        Data(np.column_stack([part.X, part.groups]), part.y, groups=part.groups)
        for part in (problem.train, problem.valid)
    )
    y = train.y.copy()
    turned = np.flatnonzero((problem.train.groups == 0) & (y == 1))[:40]
    y[turned] = 0
    biased = replace(problem, train=Data(train.X, y), valid=valid)
    values = value(biased, Influence(target="demographic_parity"), progress=False).values
    assert (values[turned] < 0).mean() > 0.9
    assert values[turned].mean() < values.mean() - 3 * values.std() / np.sqrt(40)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(groups=None), r"these have none; pass assay\.Data"),
        (dict(groups=np.zeros(90, int)), r"are all of 0; take rows of both"),
    ],
)
@pytest.mark.parametrize("target", GAPS)
def test_gaps_need_two_groups(target, change, words):
    """A gap is refused where nobody judges who is in which group, or all are in one."""
    problem = made()
    valid = Data(problem.valid.X, problem.valid.y, **change)
    with pytest.raises(AssayError, match=words):
        value(replace(problem, valid=valid), Influence(target=target), progress=False)


def test_bad_targets_are_refused():
    """Unknown names, groups without positive rows, cross-fitting a gap and numbers are named."""
    problem = made()
    for strange in ("fairness", None, 3):
        with pytest.raises(AssayError, match=r"^The target is .*; choose 'loss', 'demographic_parity'"):
            Influence(target=strange)
    with pytest.raises(AssayError, match=r"^Influence, as set, needs rows that judge"):
        value(replace(problem, valid=None), Influence(target="demographic_parity"), progress=False)
    valid = problem.valid
    none = Data(valid.X, np.where(valid.groups == 1, 0, valid.y), groups=valid.groups)
    with pytest.raises(AssayError, match=r"the group 1 has none among the rows that judge"):
        value(replace(problem, valid=none), Influence(target="equal_opportunity"), progress=False)
    y, y_valid = (part.X[:, 0] + 0.1 for part in (problem.train, valid))
    numbers = Problem(Data(problem.train.X, y), Data(valid.X, y_valid, groups=valid.groups), Ridge())
    with pytest.raises(AssayError, match=r"labels are numbers here"):
        value(numbers, Influence(target="equal_opportunity"), progress=False)
    with pytest.raises(AssayError, match=r"^Robustness is defined for two classes"):
        value(numbers, Influence(target="robustness"), progress=False)


@pytest.mark.parametrize("target", TARGETS)
def test_a_net_of_one_layer_is_logistic_regression(target):
    """Of a torch module with the same coefficients, the target and its gradient are the same."""
    torch = pytest.importorskip("torch")
    problem = made()
    gradients, _ = fit_linear(problem.model, problem.train)
    module = torch.nn.Linear(4, 1).double()
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(gradients.coefficients[:, :-1].copy()))
        module.bias.copy_(torch.from_numpy(gradients.coefficients[:, -1].copy()))
    net = TorchGradients(module, "binary", classes=[0, 1])
    wanted, found = (read(target, one, problem.valid).value for one in (gradients, net))
    assert found == pytest.approx(wanted, rel=1e-9)
    wanted, found = (judging(target, one, problem.valid).dense().mean(axis=0) for one in (gradients, net))
    np.testing.assert_allclose(found, wanted, atol=1e-12)
