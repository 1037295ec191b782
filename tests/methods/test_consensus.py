"""Consensus: several models' answers, pooled by weights learnt from planted labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from truth import two_clouds

from assay import AssayError, Consensus, Data, Problem, Stop, value
from assay.methods._natural import natural
from assay.methods._pooling import centred_logs, right, weights

FIRST = Stop(evals=1)


def run(problem: Problem, seed: int = 0):
    """The first estimate."""
    return value(problem, Consensus(), stop=FIRST, seed=seed, progress=False)


def clouds(n: int, m: int, mistaken: np.ndarray, seed: int = 0) -> tuple[Problem, np.ndarray]:
    """Overlapping clouds, labels drawn from `mistaken[true class]`, right rows that judge; the truth."""
    rng = np.random.default_rng(seed)
    y, t = np.arange(n) % len(mistaken), np.arange(m) % len(mistaken)
    corners = 2.5 * np.eye(len(mistaken))
    given = np.array([rng.choice(len(mistaken), p=mistaken[c]) for c in y])
    train, valid = Data(rng.normal(corners[y], 1.0), given), Data(rng.normal(corners[t], 1.0), t)
    return Problem(train, valid), given != y


def test_weights_are_those_of_logistic_regression():
    """For two classes, weights and shifts that hit no bound are those of a logistic regression."""
    rng = np.random.default_rng(0)
    codes = rng.integers(2, size=400)
    first = rng.normal(size=400) + 1.2 * codes
    second = rng.normal(size=400) + 0.8 * codes
    logs = np.stack([np.column_stack([-one / 2, one / 2]) for one in (first, second)])
    share, shift = weights(logs, codes, shifts=True)
    plain = LogisticRegression(C=1e6).fit(np.column_stack([first, second]), codes)
    np.testing.assert_allclose(share, plain.coef_[0], atol=0.1)  # the penalty holds them back a little
    assert shift[1] - shift[0] == pytest.approx(plain.intercept_[0], abs=0.1)


def test_weights_satisfy_their_optimality_conditions():
    """The gradient is 0 where a weight is positive, and does not ask for less where it is 0."""
    rng = np.random.default_rng(1)
    codes = rng.integers(3, size=300)
    good = rng.normal(size=(300, 3)) + 2 * np.eye(3)[codes]
    logs = centred_logs(softmax(np.stack([good, rng.normal(size=(300, 3)), -good]), axis=2))
    share, shift = weights(logs, codes, shifts=True)
    slope = softmax(np.tensordot(share, logs, 1) + shift, axis=1) - np.eye(3)[codes]
    by_share = (logs * slope).sum(axis=(1, 2)) + 2 * 2.0 * (share - 1 / 3)
    np.testing.assert_allclose(by_share[share > 0], 0, atol=0.05)
    np.testing.assert_allclose(slope.sum(axis=0) + 2 * 2.0 * shift, 0, atol=0.05)
    assert share[0] > 0
    assert share[2] == 0
    assert by_share[2] > 0
    assert not weights(logs, codes, shifts=False)[1].any()


def test_right_is_bayes_rule_where_all_is_known():
    """With very many rows, the probability is that of Bayes' rule with the mistakes that were made."""
    rng = np.random.default_rng(2)
    mistaken = np.array([[0.65, 0.3, 0.05], [0.05, 0.9, 0.05], [0.1, 0.1, 0.8]])
    chance = rng.dirichlet([0.3, 0.3, 0.3], 30_000)
    true = np.array([rng.choice(3, p=p) for p in chance])
    given = np.array([rng.choice(3, p=mistaken[c]) for c in true])
    joint = chance * mistaken.T[given]
    np.testing.assert_allclose(
        right(chance, given), joint[np.arange(30_000), given] / joint.sum(axis=1), atol=0.03
    )


def test_values_are_probabilities():
    """Among rows of about the same value, about that share have a right label."""
    problem, wrong = clouds(900, 300, np.array([[0.65, 0.35], [0.05, 0.95]]))
    values = run(problem).values
    assert ((values >= 0) & (values <= 1)).all()
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.9), (0.9, 1.01)):
        here = (values >= low) & (values < high)
        share = 1 - wrong[here].mean()
        error = np.sqrt(max(share * (1 - share), 0.05) / here.sum())
        assert abs(share - values[here].mean()) < 3 * error + 0.05


def test_finds_errors_that_prefer_a_class():
    """Where one class is often taken for another, it finds more than out-of-fold probabilities alone."""
    problem, wrong = clouds(400, 150, np.array([[0.65, 0.35, 0], [0, 0.95, 0.05], [0.05, 0, 0.95]]))
    alone = value(problem, "SelfConfidence", stop=FIRST, progress=False)
    found, theirs = (average_precision_score(wrong, -one.values) for one in (run(problem), alone))
    assert found > theirs + 0.05


def test_natural_by_hand():
    """Rows as far as trusted ones are natural; those that lie where none of these does are not."""
    rng = np.random.default_rng(3)
    X, trusted = rng.normal(size=(300, 4)), rng.normal(size=(150, 4))
    assert (natural(X, trusted) == 1).all()
    X[:40] += rng.normal(0, 20, (40, 4))
    found = natural(X, trusted)
    ratio = 1 / (40 + 2) * 2  # 40 rows and no trusted one, with one of these imagined
    assert found[:40].max() == pytest.approx(ratio, abs=0.1)
    assert (found[40:] > 0.5).mean() > 0.95


def test_rows_of_odd_features_are_worth_less():
    """A row whose features were spoilt is found although its label is right."""
    problem, _ = clouds(300, 150, np.eye(2))
    X = problem.train.X.copy()
    X[:30] += np.random.default_rng(0).normal(0, 15, (30, 2))
    spoilt = replace(problem, train=Data(X, problem.train.y))
    assert average_precision_score(np.arange(300) < 30, -run(spoilt).values) > 0.8


def test_groups_judge_no_row_of_theirs():
    """A copy under the same wrong label vouches for a row, unless the two are known to be one group."""
    problem = replace(two_clouds(n=60), valid=None, model=None)
    X, y = np.vstack([problem.train.X] * 2), np.concatenate([problem.train.y] * 2)
    apart = Problem(Data(X, y, groups=np.tile(np.arange(60), 2)))
    wrong = np.arange(120) % 60 < 3
    together = run(Problem(Data(X, y))).values[wrong].mean()
    assert run(apart).values[wrong].mean() < together - 0.02


def test_squared_errors_are_as_standard_errors_say():
    """Two runs are as far from each other, on the whole, as the standard errors of both say."""
    problem = replace(clouds(120, 9, np.array([[0.8, 0.2], [0.2, 0.8]]))[0], valid=None)
    runs = [run(problem, seed=seed) for seed in range(6)]
    pairs = list(zip(runs[::2], runs[1::2], strict=True))
    apart = sum(((a.values - b.values) ** 2).sum() for a, b in pairs)
    said = sum((a.stderr**2 + b.stderr**2).sum() for a, b in pairs)
    assert 0.4 < apart / said < 2.0


def test_names_of_groups_may_differ_in_type():
    """Judges without groups are each their own, whatever the groups of the rows are named by."""
    problem = two_clouds()
    grouped = replace(problem, train=Data(problem.train.X, problem.train.y, groups=np.arange(20) // 2))
    assert len(run(grouped)) == 20


def test_refuses_numbers_and_one_class():
    """Labels need to be classes, and more than one."""
    problem = two_clouds()
    with pytest.raises(AssayError, match="Consensus is for classes"):
        run(Problem(Data(problem.train.X, problem.train.X[:, 0])))
    with pytest.raises(AssayError, match="nothing to learn"):
        run(Problem(Data(problem.train.X, np.zeros(20, int))))
