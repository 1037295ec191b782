"""DVRL beside enumeration of every draw, and planted errors beside the control."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import roc_auc_score
from truth import bits_of, two_clouds

from assay import DVRL, AssayError, Data, Problem, Random, Stop, value
from assay.methods.learned._known import known_of, with_predictor
from assay.methods.learned._value_network import ValueNetwork
from assay.methods.learned.dvrl import WINDOW, Policy, policy_slope, search_slope

N = 6
RNG = np.random.default_rng(0)
ROWS, DIFFERENCES, WORTHS = RNG.normal(size=(N, 3)), RNG.random((N, 2)), RNG.normal(size=2**N)
DRAWS = bits_of(N)


def chances(p: np.ndarray) -> np.ndarray:
    """The probability of each of the 2**n draws."""
    return np.prod(np.where(DRAWS, p, 1 - p), axis=1)


def expected(network: ValueNetwork, theta: np.ndarray) -> float:
    """The mean reward over all draws."""
    network.theta = theta
    return float(chances(expit(network.logits(ROWS, DIFFERENCES))) @ WORTHS)


def differences_of(function, theta: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences by each entry."""
    units = step * np.eye(len(theta))
    return np.array([(function(theta + unit) - function(theta - unit)) / (2 * step) for unit in units])


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_mean_step_is_the_gradient_of_the_mean_reward(baseline):
    """Over all 2**n draws the policy's step averages to the gradient of the mean reward, at any baseline."""
    network = ValueNetwork(3, 2, 4, np.random.default_rng(1))
    theta = network.theta = network.theta + np.random.default_rng(2).normal(
        scale=0.3, size=len(network.theta)
    )
    p = expit(network.logits(ROWS, DIFFERENCES))
    steps = [
        network.slope(ROWS, DIFFERENCES, policy_slope(p, draw, worth - baseline))
        for draw, worth in zip(DRAWS, WORTHS, strict=True)
    ]
    truth = differences_of(lambda now: expected(network, now), theta)
    assert np.abs(truth).max() > 0.01
    np.testing.assert_allclose(chances(p) @ np.array(steps), truth, atol=1e-7)


def test_step_of_sure_policies_stays_finite():
    """Logits of 40 and -40 have steps that are neither 0 where the draw was a surprise, nor infinite."""
    p = expit(np.array([40.0, -40.0]))
    np.testing.assert_array_equal(policy_slope(p, np.array([False, True]), 2.0), [-2.0, 2.0])


@pytest.mark.parametrize(("level", "side"), [(3.0, 1.0), (0.0, 0.0), (-3.0, -1.0)])
def test_search_costs_what_leaves_the_threshold(level, side):
    """The penalty is 1,000 times how far the mean probability leaves 0.1..0.9, and nothing inside."""
    logits = level + np.linspace(-0.1, 0.1, 5)
    cost = lambda z: 1e3 * (max(expit(z).mean() - 0.9, 0) + max(0.1 - expit(z).mean(), 0))  # noqa: E731
    slope = search_slope(expit(logits), 0.9)
    np.testing.assert_allclose(slope, differences_of(cost, logits), rtol=1e-5, atol=1e-9)
    assert np.sign(slope).tolist() == [side] * 5


def test_adam_is_that_of_torch():
    """Ten steps uphill are torch's Adam, with `maximize`."""
    torch = pytest.importorskip("torch")
    network = ValueNetwork(3, 2, 4, np.random.default_rng(1))
    theirs = torch.nn.Parameter(torch.as_tensor(network.theta.copy()))
    optimizer = torch.optim.Adam([theirs], lr=0.05, maximize=True)
    for k in range(10):
        gradient = np.random.default_rng(k).normal(size=len(network.theta))
        network.ascend(gradient, 0.05)
        theirs.grad = torch.as_tensor(gradient)
        optimizer.step()
    np.testing.assert_allclose(network.theta, theirs.detach().numpy(), rtol=1e-10)


def test_baseline_is_the_moving_average_of_rewards_before():
    """A draw is compared with rewards before it alone, each forgotten by a twentieth a step."""
    problem = with_predictor(two_clouds())
    policy = Policy(DVRL(), known_of(problem, 0), 2.0, np.random.default_rng(0))
    seen, rewards = [], [1.0, 3.0, -1.0]
    for reward in rewards:
        policy.draw()
        seen.append(policy._baseline)
        policy.learn(reward)
    keep = 1 - 1 / WINDOW
    assert seen == pytest.approx([2.0, 2 * keep + 1 / WINDOW, (2 * keep + 1 / WINDOW) * keep + 3 / WINDOW])


def test_knows_what_the_judges_expect():
    """Differences are |indicator of the label - probability| of the model fitted on the judges alone."""
    problem = two_clouds(text=True, model=LogisticRegression())
    valid, train = problem.valid, problem.train
    told = LogisticRegression().fit(valid.X, valid.y).predict_proba(train.X)
    label = (train.y[:, None] == np.array(["hi", "lo"])).astype(float)
    known = known_of(problem, 0)
    np.testing.assert_allclose(known.differences, np.abs(label - told))
    np.testing.assert_array_equal(known.rows[:, 2:], label)
    np.testing.assert_allclose(known.rows[:, :2].std(axis=0), 1)


def test_numbers_are_known_in_standard_deviations():
    """Of numbers the label and the difference are in standard deviations; labels of 0 do no harm."""
    X = np.arange(8.0)[:, None]
    y = 100 * (X[:, 0] - 2)
    known = known_of(Problem(Data(X, y), Data(X, y + 50), Ridge(1e-9), "r2"), 0)
    np.testing.assert_allclose(known.differences[:, 0], 50 / y.std(), rtol=1e-6)


def test_judges_of_one_class_and_models_without_probabilities():
    """Judges of one class expect that class; a model of labels alone expects one class surely."""
    p = two_clouds()
    one = Data(p.valid.X, np.ones(len(p.valid), int))
    known = known_of(replace(p, train=p.train, valid=one, model=LogisticRegression()), 0)
    np.testing.assert_array_equal(known.differences[:, 1], 1 - p.train.y)
    told = known_of(replace(p, model=RidgeClassifier()), 0).differences
    assert set(np.unique(told)) == {0.0, 1.0}


def planted(seed: int, kind: str) -> tuple[Problem, np.ndarray]:
    """Rows of which a fifth have wrong labels."""
    rng = np.random.default_rng(seed)
    X, V = rng.normal(size=(150, 4)), rng.normal(size=(200, 4))
    y, v = X[:, 0] + X[:, 1], V[:, 0] + V[:, 1]
    wrong = rng.random(150) < 0.2
    if kind == "class":
        return Problem(Data(X, (y > 0) ^ wrong), Data(V, v > 0), LogisticRegression(), "neg_log_loss"), wrong
    return Problem(Data(X, y + 8 * wrong), Data(V, v), Ridge(), "neg_mean_squared_error"), wrong


@pytest.mark.parametrize("kind", ["class", "number"])
def test_finds_planted_errors(kind):
    """Wrong labels are found farther above chance than the control ever is, on each of three seeds."""
    found, control = [], []
    for seed in range(3):
        problem, wrong = planted(seed, kind)
        now = value(problem, DVRL(), stop=Stop(evals=600), seed=seed)
        found.append(roc_auc_score(wrong, -now.values))
        control += [roc_auc_score(wrong, -value(problem, Random(), seed=s).values) for s in range(20)]
    assert min(found) > max(control)
    assert np.mean(found) > 0.85


def test_evaluations_are_fits():
    """Each policy pays one fit a draw, two are of none and all rows, and no limit is passed."""
    problem, _ = planted(0, "class")
    seen = []
    now = value(problem, DVRL(policies=3), stop=Stop(evals=100), on_estimate=seen.append)
    assert [one.evals for one in seen] == [32, 62, 92]
    assert (now.draws, now.status.name) == (3, "budget")
    assert ((now.values >= 0) & (now.values <= 1)).all()


def test_seeds_and_workers():
    """A seed repeats to the bit by any number of workers, and another one gives other values."""
    problem, _ = planted(0, "class")
    stop = Stop(evals=60)
    first, again, other = (
        value(problem, DVRL(batch=50), stop=stop, seed=s, n_jobs=j) for s, j in ((1, 1), (1, 2), (2, 1))
    )
    assert first.values.tobytes() == again.values.tobytes()
    assert not np.array_equal(first.values, other.values)


def test_takes_problems_without_a_model():
    """Without a model a logistic regression on scaled features is fitted."""
    problem, wrong = planted(0, "class")
    now = value(replace(problem, model=None), DVRL(), stop=Stop(evals=600))
    assert roc_auc_score(wrong, -now.values) > 0.7


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (dict(batch=1), "DVRL.batch is 1"),
        (dict(hidden=0), "DVRL.hidden is 0"),
        (dict(policies=1), "DVRL.policies is 1"),
        (dict(rate=0.0), "DVRL.rate is 0.0"),
        (dict(rate="fast"), "DVRL.rate is 'fast'"),
        (dict(threshold=0.5), "DVRL.threshold is 0.5"),
        (dict(threshold=1.1), "DVRL.threshold is 1.1"),
    ],
)
def test_bad_settings(how, said):
    """Each setting out of its range is refused, named."""
    with pytest.raises(AssayError, match=said):
        DVRL(**how)
    with pytest.raises(AssayError, match=said):
        value(two_clouds(), DVRL().set_params(**how))
