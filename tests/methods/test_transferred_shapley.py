"""Transferred Shapley values beside enumeration of coalitions, of orders and of subsets."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from truth import bits_of, shapley, two_clouds

from assay import AssayError, Data, ModelGame, Problem, Random, Stop, TransferredShapley, value
from assay.methods.semivalue._transfer import Chain, proxied, subsets

RNG = np.random.default_rng(0)
X, V = RNG.normal(size=(6, 5)), RNG.normal(size=(40, 5))
SMALL = Problem(Data(X, [0, 1, 0, 1, 1, 0]), Data(V, V[:, 0] > 0))


def test_one_chain_of_all_orders_is_shapley_of_the_proxy():
    """A chain of all rows, along all 720 orders, has the Shapley values of the enumerated proxy game."""
    axes = PCA(3, svd_solver="full").fit(X)
    unit = np.sqrt(axes.transform(X).var(axis=0, ddof=1).mean())
    train, valid = (
        Data(axes.transform(rows) / unit, part.y) for rows, part in ((X, SMALL.train), (V, SMALL.valid))
    )
    game = ModelGame(Problem(train, valid, LogisticRegression()))
    chain = Chain(proxied(SMALL, 3), 2, 0.0)
    values, paid = chain.along(np.arange(6), np.array(list(permutations(range(6)))), 0)
    np.testing.assert_allclose(values, shapley(game(bits_of(6))), atol=1e-10)
    assert paid == 720 * 7


def test_one_chain_is_within_its_errors_of_shapley():
    """With `subset` of all rows, values are Shapley's within 4.5 standard errors."""
    truth = shapley(ModelGame(proxied(SMALL, 3))(bits_of(6)))
    now = value(SMALL, TransferredShapley(components=3, subset=6), stop=Stop(evals=2000))
    assert now.draws > 100
    assert (np.abs(now.values - truth) < 4.5 * now.stderr).all()
    assert now.stderr.max() < 0.1 * np.ptp(truth)


def by_subsets(problem: Problem, size: int) -> np.ndarray:
    """The mean over all subsets with a row of its Shapley value among them, by enumeration."""
    held: list[list[float]] = [[] for _ in range(problem.n)]
    for rows in combinations(range(problem.n), size):
        part = problem.train.take(np.array(rows))
        if len(set(part.y)) == 1:
            judge = replace(problem, train=part).judge
            values = [(judge.of_constant(part.y[0]) - judge.of_guess(part.y)) / size] * size
        else:
            values = shapley(ModelGame(replace(problem, train=part))(bits_of(size)))
        for row, one in zip(rows, values, strict=True):
            held[row].append(one)
    return np.array([np.mean(ones) for ones in held])


def test_chains_average_over_all_subsets():
    """Values are the mean over all 15 subsets of 4 of 6 rows, unbiased within 4.5 standard errors."""
    truth = by_subsets(proxied(SMALL, None), 4)
    now = value(SMALL, TransferredShapley(subset=4), stop=Stop(evals=3000))
    assert now.draws > 80
    assert (np.abs(now.values - truth) < 4.5 * now.stderr).all()
    assert now.stderr.max() < 0.2 * np.ptp(truth)


def test_each_row_is_dealt_and_each_subset_alike():
    """A round holds every row, subsets repeat none, and each of the 15 pairs of 6 rows in 4 comes equally."""
    rng, seen = np.random.default_rng(0), np.zeros((7, 7))
    for _ in range(3000):
        rows = subsets(7, 3, rng)
        assert rows.shape == (3, 3)
        assert set(rows.ravel()) == set(range(7))
        for part in rows:
            assert len(set(part)) == 3
            seen[np.ix_(part, part)] += 1
    pairs = seen[np.triu_indices(7, 1)]
    expected = 9000 * 3 / 21  # 9,000 subsets of three pairs each, among 21
    assert np.abs(pairs - expected).max() < 4.5 * np.sqrt(expected)


def test_errors_are_those_of_other_seeds():
    """Standard errors are the spread of values over 30 seeds, to a factor of 1.3 on average."""
    problem = two_clouds(n=24, m=30, model=GaussianNB())
    runs = [value(problem, TransferredShapley(subset=8), stop=Stop(evals=300), seed=s) for s in range(30)]
    spread = np.std([run.values for run in runs], axis=0, ddof=1)
    told = np.mean([run.stderr for run in runs], axis=0)
    assert 1 / 1.3 < told.mean() / spread.mean() < 1.3


def test_a_chain_of_one_class_shares_its_gain():
    """Rows of one class share what predicting it wins over a guess, as every order's first row takes it."""
    rows = np.array([0, 2, 5])
    values, _ = Chain(proxied(SMALL, None), 2, 0.0)(rows, 0)
    np.testing.assert_allclose(values, ((~SMALL.valid.y).mean() - 0.5) / 3)


def test_components_are_those_of_the_training_rows():
    """Both sides are projected on the training rows' components, in their unit; fewer columns stay."""
    found = proxied(two_clouds(n=30), 1)
    p = two_clouds(n=30)
    axes = PCA(1, svd_solver="full").fit(p.train.X)
    unit = axes.transform(p.train.X).std(ddof=1)
    np.testing.assert_allclose(found.train.X, axes.transform(p.train.X) / unit)
    np.testing.assert_allclose(found.valid.X, axes.transform(p.valid.X) / unit)
    scaled = Data(7 * p.train.X, p.train.y), Data(7 * p.valid.X, p.valid.y)
    np.testing.assert_allclose(
        proxied(replace(p, train=scaled[0], valid=scaled[1]), 1).train.X, found.train.X
    )
    assert proxied(p, 2).train.X is p.train.X
    assert proxied(p, None).train.X is p.train.X


def test_the_proxy():
    """It is the problem's model, its fitted steps done, or a linear one of the kind of the labels."""
    p = two_clouds(n=30)
    scaler = StandardScaler().fit(p.train.X)
    model = make_pipeline(scaler, LogisticRegression(C=3))
    found = proxied(replace(p, model=model), 1)
    assert found.model.C == 3
    axis = PCA(1).fit_transform(scaler.transform(p.train.X))
    np.testing.assert_allclose(np.abs(found.train.X), np.abs(axis / axis.std(ddof=1)))
    assert isinstance(proxied(replace(p, model=None), None).model, LogisticRegression)
    numbers = Problem(Data(p.train.X, p.train.X[:, 0]), Data(p.valid.X, p.valid.X[:, 0]), score="r2")
    assert isinstance(proxied(numbers, None).model, Ridge)
    torch = pytest.importorskip("torch")
    assert isinstance(proxied(replace(p, model=torch.nn.Linear(2, 2)), None).model, LogisticRegression)


@pytest.mark.parametrize(
    "model", [LogisticRegression(), DecisionTreeClassifier(max_depth=2)], ids=["grows", "refits"]
)
def test_same_bits_by_any_number_of_workers(model):
    """One and two workers give the same bits, for proxies that grow (threads) and those that do not."""
    problem = two_clouds(n=24, model=model)
    how, stop = TransferredShapley(subset=7), Stop(evals=120)
    one, two, other = (value(problem, how, stop=stop, seed=s, n_jobs=j) for s, j in ((1, 1), (1, 2), (2, 1)))
    assert one.values.tobytes() == two.values.tobytes()
    assert one.stderr.tobytes() == two.stderr.tobytes()
    assert not np.array_equal(one.values, other.values)


def test_evaluations_are_prefixes():
    """A round pays the prefixes of its orders, and a limit is not passed after the first."""
    problem, seen = two_clouds(n=24, model=LogisticRegression()), []
    value(problem, TransferredShapley(subset=8, orders=4), stop=Stop(evals=300), on_estimate=seen.append)
    assert [one.evals for one in seen] == [108, 216]
    assert [one.draws for one in seen] == [1, 2]


def test_cut_orders_pay_less():
    """With a tolerance orders end early, and what joins later adds nothing."""
    problem = two_clouds(n=60, m=60, model=LogisticRegression())
    whole, cut = (
        value(problem, TransferredShapley(subset=30, tolerance=t), stop=Stop(evals=1), seed=1)
        for t in (0.0, "bootstrap")
    )
    assert cut.evals < whole.evals / 2
    assert np.corrcoef(cut.values, whole.values)[0, 1] > 0.5


def test_finds_planted_errors():
    """Wrong labels are found farther above chance than the control ever is, on each of three seeds."""
    found, control = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        A, B = rng.normal(size=(200, 40)), rng.normal(size=(150, 40))
        A[:, :2], B[:, :2] = 3 * A[:, :2], 3 * B[:, :2]
        wrong = rng.random(200) < 0.2
        problem = Problem(Data(A, (A[:, 0] > 0) ^ wrong), Data(B, B[:, 0] > 0))
        now = value(problem, TransferredShapley(components=8, subset=50), stop=Stop(evals=2000), seed=seed)
        found.append(roc_auc_score(wrong, -now.values))
        control += [roc_auc_score(wrong, -value(problem, Random(), seed=s).values) for s in range(20)]
    assert min(found) > max(control)
    assert np.mean(found) > 0.85


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (dict(components=0), "components is 0"),
        (dict(components=2.5), "components is 2.5"),
        (dict(subset=1), "subset is 1"),
        (dict(orders=3), "orders is 3"),
        (dict(orders=0), "orders is 0"),
        (dict(tolerance=-1), "tolerance is -1"),
        (dict(tolerance="some"), "tolerance is 'some'"),
    ],
)
def test_bad_settings(how, said):
    """Each setting out of its range is refused, named."""
    with pytest.raises(AssayError, match=f"TransferredShapley.{said}"):
        TransferredShapley(**how)
    with pytest.raises(AssayError, match=said):
        value(two_clouds(), TransferredShapley().set_params(**how))


def test_one_class_is_refused():
    """Rows of one class alone are refused before any chain."""
    p = two_clouds()
    with pytest.raises(AssayError, match="with one class there is nothing to learn"):
        value(replace(p, train=Data(p.train.X, np.zeros(p.n, int))), TransferredShapley())
