"""KNNShapley equals the enumeration of its own game, row by row and judge by judge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import METRICS, coarse, near, sparse
from neighbours import enumerated as by_coalitions
from neighbours import problems as grid
from sklearn.datasets import load_iris
from truth import bits_of, shapley

from assay import AssayError, Data, KNNShapley, Problem, Status, Stop, Valuation, value


def worth(X, y, x, label, k: int, numbers: bool) -> float:
    """Utility of the coalition with rows X, y for one judge, straight from the paper."""
    near = np.argsort(((X - x) ** 2).sum(axis=1), kind="stable")[:k]
    if numbers:
        return -((sum(y[near]) / k - label) ** 2)
    return sum(y[near] == label) / k


def enumerated(problem: Problem, k: int) -> np.ndarray:
    """Values (n, m) to each judge, from all 2**n coalitions."""
    train, valid, numbers = problem.train, problem.valid, problem.target_kind == "number"
    columns = []
    for x, label in zip(valid.X, valid.y, strict=True):
        worths = [worth(train.X[c], train.y[c], x, label, k, numbers) for c in bits_of(problem.n)]
        columns.append(shapley(np.array(worths)))
    return np.array(columns).T


def values(problem: Problem, k: int, **how):
    """The valuation, quietly."""
    return value(problem, KNNShapley(k=k, **how), progress=False)


@st.composite
def problems(draw, labels):
    """Up to 6 rows and 3 judges on a coarse grid, so that ties and equal rows are common."""
    n, m, d = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    grid = st.lists(st.lists(st.integers(-2, 2), min_size=d, max_size=d), min_size=n + m, max_size=n + m)
    X, y = np.array(draw(grid), float), np.array(draw(st.lists(labels, min_size=n + m, max_size=n + m)))
    return Problem(Data(X[:n], y[:n]), Data(X[n:], y[n:]), score="r2" if y.dtype.kind == "f" else "accuracy")


@given(problems(st.sampled_from(["cat", "dog", "emu"])), st.integers(1, 8))
def test_classes_equal_enumeration(problem, k):
    """Every value to every judge is exact: text labels, ties, equal rows, fewer rows than neighbours."""
    valuation = values(problem, k, per_valid=True)
    truth = enumerated(problem, k)
    np.testing.assert_allclose(valuation.per_valid, truth, atol=1e-12)
    np.testing.assert_allclose(valuation.values, truth.mean(axis=1), atol=1e-12)
    assert valuation.status is Status.exact


@given(problems(st.sampled_from([-1.5, 0.0, 0.25, 3.0])), st.integers(1, 8))
def test_numbers_equal_enumeration(problem, k):
    """The closed form for numbers is exact too, whatever n and k are."""
    np.testing.assert_allclose(
        values(problem, k, per_valid=True).per_valid, enumerated(problem, k), atol=1e-11
    )


@pytest.mark.parametrize("n", [3, 9])
def test_values_share_out_the_utility_of_all_rows(n):
    """Efficiency at sizes beyond enumeration: values sum to the worth of all less the worth of none."""
    rng = np.random.default_rng(0)
    X, x = rng.normal(size=(n * 100, 3)), rng.normal(size=(70, 3))
    y, v = X[:, 0] + 0.1 * rng.normal(size=n * 100), x[:, 0]
    got = values(Problem(Data(X, y), Data(x, v)), 4).values.sum()
    each = [worth(X, y, *judge, 4, True) + judge[1] ** 2 for judge in zip(x, v, strict=True)]
    assert got == pytest.approx(np.mean(each))


def by_formula(problem: Problem, k: int, order: np.ndarray | None = None) -> np.ndarray:
    """Theorem 1 in plain numpy, by a stable sort of the distances, or by the `order` (m, n) that is known."""
    train, valid = problem.train, problem.valid
    if order is None:
        distance = np.stack([((train.X - x) ** 2).sum(axis=1) for x in valid.X])
        order = np.argsort(distance, axis=1, kind="stable")
    hit = (train.y[order] == valid.y[:, None]).astype(float)
    rank = np.arange(1, problem.n)
    steps = (hit[:, :-1] - hit[:, 1:]) / k * np.minimum(k, rank) / rank
    last = hit[:, -1:] / max(problem.n, k)
    by_rank = np.hstack([steps[:, ::-1].cumsum(axis=1)[:, ::-1] + last, last])
    values = np.zeros_like(by_rank)
    np.put_along_axis(values, order, by_rank, axis=1)
    return values.T


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("shape", [(700, 90, 1), (3000, 70, 12)])
def test_larger_problems_equal_the_formula(shape, scale):
    """Sorting in blocks gives what a stable sort gives, at any scale and far from the origin."""
    n, m, d = shape
    rng = np.random.default_rng(1)
    X, x = (scale * (rng.normal(size=(rows, d)) + 50) for rows in (n, m))
    problem = Problem(Data(X, rng.integers(0, 4, n)), Data(x, rng.integers(0, 4, m)))
    got = values(problem, 7, per_valid=True).per_valid
    np.testing.assert_allclose(got, by_formula(problem, 7), atol=1e-12)


def test_equal_rows_tie_in_row_order():
    """Copies of a row, many blocks apart, are exactly as far, and the first comes first."""
    rng = np.random.default_rng(2)
    few = rng.normal(size=(7, 9)) * 1e3 + 1e6
    which = rng.integers(0, 7, 2600)
    problem = Problem(
        Data(few[which], rng.integers(0, 2, 2600)), Data(few + rng.normal(size=(7, 9)), np.arange(7) % 2)
    )
    got = values(problem, 5, per_valid=True).per_valid
    np.testing.assert_allclose(got, by_formula(problem, 5), atol=1e-12)


def test_crowded_distances_are_sorted_to_the_last_bit():
    """One judge on a row and thousands of rows that differ in the last digits: the sort still is right."""
    rng = np.random.default_rng(3)
    X = np.concatenate([[[0.0]], 1 + rng.permutation(4000)[:, None] * 1e-13])
    problem = Problem(Data(X, rng.integers(0, 2, 4001)), Data([[0.0]], [1]))
    np.testing.assert_allclose(
        values(problem, 3, per_valid=True).per_valid, by_formula(problem, 3), atol=1e-12
    )


def test_iris_equals_enumeration():
    """On 10 rows of iris and 15 judges, k = 5, all values are those of the enumeration."""
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(4).permutation(150)
    problem = Problem(Data(X[rows[:10]], y[rows[:10]]), Data(X[rows[10:25]], y[rows[10:25]]))
    np.testing.assert_allclose(values(problem, 5).values, enumerated(problem, 5).mean(axis=1), atol=1e-12)


def test_per_valid_is_kept_only_if_asked_for():
    """Without `per_valid` no (n, m) array is kept, and the values are the same."""
    rng = np.random.default_rng(5)
    problem = Problem(
        Data(rng.normal(size=(40, 2)), np.arange(40) % 2), Data(rng.normal(size=(9, 2)), [1] * 9)
    )
    apart, summed = values(problem, 3, per_valid=True), values(problem, 3)
    assert summed.per_valid is None
    assert apart.per_valid.shape == (40, 9)
    np.testing.assert_allclose(apart.values, summed.values, atol=1e-15)


def test_blocks_do_not_change_with_workers():
    """Several blocks of judges, summed by one thread or two: the same bits."""
    rng = np.random.default_rng(6)
    problem = Problem(
        Data(rng.normal(size=(300, 4)), rng.integers(0, 3, 300)),
        Data(rng.normal(size=(500, 4)), rng.integers(0, 3, 500)),
    )
    one, two = (value(problem, KNNShapley(), n_jobs=jobs, progress=False) for jobs in (1, 2))
    assert one.values.tobytes() == two.values.tobytes()


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "5"])
def test_k_is_a_whole_number_from_one(k):
    """Any other k is refused, when made and when set later."""
    with pytest.raises(AssayError, match=r"^KNNShapley\.k is .* at least 1\.$"):
        KNNShapley(k=k)
    problem = Problem(Data([[0.0], [1.0]], [0, 1]), Data([[0.0]], [0]))
    with pytest.raises(AssayError, match=r"KNNShapley\.k"):
        value(problem, KNNShapley().set_params(k=k), progress=False)


def hits(k: int):
    """Worth of labels that come nearest first."""
    return lambda y, label, far: (y[:k] == label).sum() / k


@given(grid(), st.integers(1, 8), st.sampled_from(["cosine", "manhattan"]))
def test_other_metrics_equal_enumeration(problem, k, metric):
    """By the cosine, rows of zeros and of one direction included, and by absolute differences."""
    got = values(problem, k, metric=metric, per_valid=True).per_valid
    np.testing.assert_allclose(got, by_coalitions(problem, hits(k), shapley, metric), atol=1e-12)


@given(grid(st.sampled_from([0, 1, 2]), width=3), st.integers(1, 7))
def test_several_labels_equal_enumeration(problem, k):
    """With several labels a row, worths are means over them."""
    got = values(problem, k, per_valid=True).per_valid
    np.testing.assert_allclose(got, by_coalitions(problem, hits(k), shapley), atol=1e-12)


@pytest.mark.parametrize("kind", [int, float])
def test_several_labels_are_worth_the_mean_of_each_alone(kind):
    """At sizes beyond enumeration, for classes and numbers."""
    rng = np.random.default_rng(7)
    X, x = rng.normal(size=(500, 4)), rng.normal(size=(40, 4))
    y, v = (rng.normal(size=(rows, 3)) * 3 for rows in (500, 40))
    y, v = (y, v) if kind is float else (y.astype(int), v.astype(int))
    together = values(Problem(Data(X, y), Data(x, v)), 5, per_valid=True).per_valid
    alone = [
        values(Problem(Data(X, y[:, c]), Data(x, v[:, c])), 5, per_valid=True).per_valid for c in range(3)
    ]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [np.float32, float])
def test_sparse_and_float32_rows_are_worth_the_same(metric, kind):
    """CSR and float32 rows that hold the same numbers have the same values, however many are equally far."""
    problem = coarse(900, 30, 12)
    dense = values(problem, 5, metric=metric, per_valid=True).per_valid
    narrow = Problem(
        Data(problem.train.X.astype(kind), problem.train.y),
        Data(problem.valid.X.astype(kind), problem.valid.y),
    )
    for other in (narrow, sparse(problem, kind)):
        got = values(other, 5, metric=metric, per_valid=True).per_valid
        np.testing.assert_array_equal(got, dense)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_whole_numbers_tie_by_the_thousand(metric):
    """Whole features have few distances: each holds many rows, in row order."""
    rng = np.random.default_rng(8)
    X, x = rng.integers(-2, 3, (5000, 3)), rng.integers(-2, 3, (20, 3))
    problem = Problem(Data(X, rng.integers(0, 3, 5000)), Data(x, rng.integers(0, 3, 20)))
    got = values(problem, 9, metric=metric, per_valid=True).per_valid
    order = np.stack([near(problem.train.X, judge, metric) for judge in problem.valid.X])
    np.testing.assert_allclose(got, by_formula(problem, 9, order), atol=1e-12)


@pytest.mark.parametrize("apart", [1e-15, 1e-13, 1e-11])
@pytest.mark.parametrize("d", [3, 40])
def test_rows_that_matrix_products_would_swap_are_in_their_order(apart, d):
    """Rows that differ by less than the rounding of a product, and far from the origin, are told apart."""
    rng = np.random.default_rng(9)
    rows = np.tile(rng.normal(size=d) + 30, (3000, 1)) * (1 + apart * rng.integers(-9, 10, (3000, d)))
    problem = Problem(
        Data(rows, rng.integers(0, 2, 3000)), Data(rng.normal(size=(9, d)) + 30, rng.integers(0, 2, 9))
    )
    order = np.stack([exact_order(problem.train.X, x) for x in problem.valid.X])
    got = values(problem, 5, per_valid=True).per_valid
    np.testing.assert_allclose(got, by_formula(problem, 5, order), atol=1e-12)


def exact_order(X: np.ndarray, x: np.ndarray) -> np.ndarray:
    """By squared distances added up feature by feature, as is documented; ties in row order."""
    total = np.zeros(len(X))
    for j in range(X.shape[1]):
        total += (X[:, j] - x[j]) ** 2
    return np.argsort(total, kind="stable")


def test_outliers_do_not_blur_the_other_rows():
    """Two rows at 1e8 stretch the scale of all distances; the others keep their order."""
    rng = np.random.default_rng(10)
    X = rng.normal(size=(2000, 6))
    X[[5, 900]] *= 1e8
    problem = Problem(
        Data(X, rng.integers(0, 3, 2000)), Data(rng.normal(size=(15, 6)), rng.integers(0, 3, 15))
    )
    order = np.stack([exact_order(problem.train.X, x) for x in problem.valid.X])
    got = values(problem, 5, per_valid=True).per_valid
    np.testing.assert_allclose(got, by_formula(problem, 5, order), atol=1e-12)


def test_a_wrong_metric_is_refused():
    """When made and when set later."""
    problem = Problem(Data([[0.0], [1.0]], [0, 1]), Data([[0.0]], [0]))
    with pytest.raises(AssayError, match=r"^KNNShapley\.metric is 'l2'; choose one of euclidean, "):
        KNNShapley(metric="l2")
    with pytest.raises(AssayError, match=r"^KNNShapley\.metric is 'l2'"):
        value(problem, KNNShapley().set_params(metric="l2"), progress=False)


def test_a_run_out_of_time_says_which_judges_it_heard(monkeypatch):
    """Estimates on the way are exact means over the first judges, and say so; the last one is whole."""
    from assay.methods.neighbors import _ranking

    rng = np.random.default_rng(3)
    X, x = rng.normal(size=(50, 2)), rng.normal(size=(200, 2))
    problem = Problem(Data(X, rng.integers(0, 2, 50)), Data(x, rng.integers(0, 2, 200)))
    monkeypatch.setattr(_ranking, "SECONDS", 0.0)
    seen: list[Valuation] = []
    whole = value(problem, KNNShapley(per_valid=True), progress=False, on_estimate=seen.append)
    assert [now.share for now in seen] == [64 / 200, 128 / 200, 192 / 200, None]
    np.testing.assert_allclose(seen[0].values, whole.per_valid[:, :64].mean(axis=1), atol=1e-15)
    cut = value(problem, KNNShapley(), stop=Stop(seconds=1e-9), progress=False)
    assert cut.status is Status.budget
    assert cut.why == "Only the first 64 of 200 validation rows have judged."
