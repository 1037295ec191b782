"""Selection: what each strategy takes is what brute force takes, and baselines are drawn as they say."""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits

from assay import AssayError, Data, KNNShapley, Problem, Valuation, select, value
from assay.apply._budget import count_of, quotas
from assay.apply._coverage import Coverage
from assay.apply._greedy_kernel import greedy


def worths(n: int, m: int, seed: int = 0, *, negative: bool = False) -> np.ndarray:
    """What n rows are worth to m judges, skewed as real ones are."""
    rng = np.random.default_rng(seed)
    return rng.gamma(0.3, size=(n, m)) - (0.4 * rng.random((n, m)) if negative else 0)


def valuation(per_valid: np.ndarray) -> Valuation:
    """The valuation that keeps them."""
    return Valuation(per_valid.mean(axis=1), per_valid=per_valid)


def objective(per_valid: np.ndarray, rows, curve: float) -> float:
    """The mean over judges of 1 - exp(-curve x), from its definition."""
    unit = np.maximum(per_valid.max(axis=0), 0).mean()
    return float(np.mean(1 - np.exp(-curve * per_valid[list(rows)].sum(axis=0) / unit)))


def by_brute_force(per_valid: np.ndarray, k: int, curve: float) -> list[int]:
    """Try every row at every step, from the definition."""
    rows: list[int] = []
    for _ in range(k):
        free = [i for i in range(len(per_valid)) if i not in rows]
        rows.append(max(free, key=lambda i: objective(per_valid, [*rows, i], curve)))
    return rows


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("curve", [0.5, 2.0, 8.0])
def test_coverage_picks_what_brute_force_picks(negative, curve):
    """Every pick, and its gain, is that of trying every row, with and without rows that harm a judge."""
    for seed in range(4):
        per_valid = worths(40, 15, seed, negative=negative)
        found = select(valuation(per_valid), 12, strategy="coverage", curve=curve)
        assert found.rows.tolist() == by_brute_force(per_valid, 12, curve)
        reached = [objective(per_valid, found.rows[: k + 1], curve) for k in range(12)]
        np.testing.assert_allclose(found.gains.cumsum(), reached, atol=1e-12)


def test_coverage_without_harm_is_near_the_best_set():
    """Where no row harms a judge, greedy reaches at least 1 - 1/e of the best of all sets."""
    for seed in range(20):
        per_valid = worths(9, 5, seed)
        greedily = objective(per_valid, select(valuation(per_valid), 3, strategy="coverage").rows, 2.0)
        best = max(objective(per_valid, rows, 2.0) for rows in combinations(range(9), 3))
        assert (1 - 1 / np.e) * best <= greedily <= best + 1e-12


def test_passing_rows_over_changes_no_pick():
    """Rows asked again only where they may win: the same picks and bits as by asking all of them."""
    for seed in range(5):
        per_valid = np.repeat(worths(150, 30, seed), 2, axis=0)  # each row twice: ties
        lines = Coverage.of(per_valid, 2.0).missed
        few, all_of_them = (greedy(lines, np.ones(30), 200, False, falling) for falling in (True, False))
        np.testing.assert_array_equal(few[0], all_of_them[0])
        np.testing.assert_array_equal(few[1], all_of_them[1])
        assert (np.diff(few[1]) <= 0).all()
        halves = np.random.default_rng(seed).choice([0.0, 0.5], size=(80, 6))  # exact ties of unlike rows
        few, all_of_them = (greedy(halves, np.ones(6), 80, False, falling) for falling in (True, False))
        np.testing.assert_array_equal(few[0], all_of_them[0])


def test_a_flat_curve_covers_nothing():
    """As the curve goes to 0, coverage takes the rows of highest value, in their order."""
    for negative in (False, True):
        found = valuation(worths(60, 10, negative=negative))
        rows = select(found, 20, strategy="coverage", curve=1e-9).rows
        np.testing.assert_array_equal(rows, found.highest(20))


def test_coverage_knows_no_units():
    """The unit of the values changes nothing, and a smaller selection is the beginning of a larger one."""
    per_valid = worths(60, 10, negative=True)
    large = select(valuation(per_valid), 30, strategy="coverage")
    small = select(valuation(per_valid * 1024), 10, strategy="coverage")
    np.testing.assert_array_equal(small.rows, large.rows[:10])
    np.testing.assert_array_equal(small.gains, large.gains[:10])


def test_coverage_goes_on_where_judges_have_enough():
    """Far beyond what floats hold, picks still go to the judge who has least, also where rows harm."""
    for harm in (0.0, -1e-3):
        per_valid = np.repeat([[1.0, harm], [harm, 1.0]], 1000, axis=0)
        rows = select(valuation(per_valid), 1500, strategy="coverage", curve=10.0).rows  # e^-7500 is left
        np.testing.assert_array_equal(rows.reshape(-1, 2).sum(axis=1), 1000 + 2 * np.arange(750))  # in turns


def test_coverage_spreads_over_twins():
    """Of two rows that serve the same judge and one that serves another, it takes one of either."""
    per_valid = np.array([[3.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    assert select(valuation(per_valid), 2).rows.tolist() == [0, 1]
    found = select(valuation(per_valid), 2, strategy="coverage")
    assert found.rows.tolist() == [0, 2]
    np.testing.assert_allclose(found.gains, [(1 - np.exp(-3)) / 2, (1 - np.exp(-1)) / 2])  # the unit is 2
    assert found.why == "they help 100% of the judges, where the rows of highest value help 50%."


def test_coverage_of_a_cross_fitted_valuation():
    """A row is worth 0 to judges of its own fold, and nothing to itself."""
    X, y = load_digits(return_X_y=True)
    found = value(Problem(Data(X[:200], y[:200])), KNNShapley(per_valid=True), progress=False)
    assert found.per_valid is not None
    assert np.isnan(found.per_valid).any()
    filled = np.nan_to_num(found.per_valid)
    assert select(found, 10, strategy="coverage").rows.tolist() == by_brute_force(filled, 10, 2.0)


def test_coverage_where_nothing_helps():
    """Where every row harms every judge, the least harmful are taken, and it says so; where all is 0, any."""
    found = select(valuation(-worths(20, 5) - 0.1), 5, strategy="coverage")
    assert found.gains.max() < 0
    assert "; 5 of them have values below 0." in found.why
    assert select(valuation(np.zeros((20, 5))), 5, strategy="coverage").rows.tolist() == [0, 1, 2, 3, 4]


def test_top_takes_the_highest():
    """The highest values, highest first, ties in row order; rows of negative value are counted."""
    found = select(Valuation([0.1, -0.5, 0.3, 0.1, -0.1], ids=list("abcde")), 4)
    assert found.rows.tolist() == [2, 0, 3, 4]
    assert found.ids.tolist() == list("cade")
    assert found.gains.tolist() == [0.3, 0.1, 0.1, -0.1]
    assert found.mask.tolist() == [True, False, True, True, True]
    assert str(found) == (
        "Selected 4 of 5 rows (top): the rows of highest value; 1 of them have values below 0."
    )
    assert len(found) == 4
    frame = found.to_frame()
    assert frame.index.tolist() == list("cade")
    assert frame["row"].tolist() == [2, 0, 3, 4]


def test_a_budget_is_a_count_or_a_share():
    """Whole numbers are rows, other numbers shares rounded down, but for the rounding of floats."""
    found = Valuation(np.arange(10.0))
    assert [len(select(found, b)) for b in (1, np.int64(3), 0.25, 0.3, np.float32(0.5), 1.0)] == [
        1,
        3,
        2,
        3,
        5,
        10,
    ]
    assert count_of("budget", 0.29, 100) == 29  # 0.29 * 100 is 28.999...


@pytest.mark.parametrize("equal", [False, True])
def test_quotas_are_the_shares_rounded(equal):
    """Quotas sum to the budget, never beyond a group, and are within one row of the exact shares."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = rng.integers(1, 30, rng.integers(1, 6))
        k = int(rng.integers(1, sizes.sum() + 1))
        counts = quotas(sizes, k, equal=equal)
        assert counts.sum() == k
        assert (counts <= sizes).all()
        if not equal:
            assert (np.abs(counts - k * sizes / sizes.sum()) < 1).all()
            continue
        free = counts < sizes  # a group that has fewer than another has nothing more to give
        assert not free.any() or counts[free].min() >= counts.max() - 1


def test_per_group_takes_the_best_of_each():
    """Of every group its quota of highest rows, and the whole in the order of value."""
    rng = np.random.default_rng(0)
    found, groups = Valuation(rng.normal(size=100)), np.repeat(["a", "b", "c"], [60, 30, 10])
    for quota, wanted in (("proportional", [12, 6, 2]), ("equal", [7, 7, 6])):
        chosen = select(found, 20, strategy="per_group", groups=groups, quota=quota)
        assert (np.diff(chosen.gains) <= 0).all()
        for group, count in zip("abc", wanted, strict=True):
            best = sorted(np.flatnonzero(groups == group), key=lambda i: -found.values[i])[:count]
            assert sorted(chosen.rows[groups[chosen.rows] == group]) == sorted(best)


def test_sampled_follows_its_chances():
    """Ordered pairs are drawn as often as one by one without replacement, to within chance (n = 4, k = 2)."""
    values, temperature, times = np.array([0.0, 1.0, 1.5, 3.0]), 0.7, 6000
    found = Valuation(values)
    weights = np.exp((values - values.mean()) / values.std() / temperature)
    chances = weights / weights.sum()
    pairs = list(permutations(range(4), 2))
    expected = [chances[i] * weights[j] / (weights.sum() - weights[i]) for i, j in pairs]
    drawn = [
        tuple(select(found, 2, strategy="sampled", temperature=temperature, seed=s, draws=1).rows)
        for s in range(times)
    ]
    counts = [drawn.count(pair) for pair in pairs]
    assert stats.chisquare(counts, np.array(expected) * times).pvalue > 1e-4
    first = np.bincount([i for i, _ in drawn], minlength=4) / times
    assert (np.abs(first - chances) < 4.5 * np.sqrt(chances * (1 - chances) / times)).all()


def test_sampled_at_the_ends_of_temperature():
    """A cold draw is the top; a hot one takes every pair of rows equally often, to within chance."""
    found = Valuation(np.random.default_rng(0).normal(size=50))
    cold = select(found, 20, strategy="sampled", temperature=1e-9)
    np.testing.assert_array_equal(cold.rows, found.highest(20))
    assert "20 are among the 20 of highest value" in cold.why
    small, times = Valuation(np.arange(5.0)), 4000
    sets = [
        tuple(sorted(select(small, 2, strategy="sampled", temperature=1e9, seed=s, draws=1).rows))
        for s in range(times)
    ]
    counts = [sets.count(pair) for pair in combinations(range(5), 2)]
    assert sum(counts) == times
    assert stats.chisquare(counts, np.full(comb(5, 2), times / comb(5, 2))).pvalue > 1e-4


def test_sampled_where_all_are_worth_the_same():
    """Values without spread are drawn by chance alone."""
    assert len(set(select(Valuation(np.ones(20)), 10, strategy="sampled").rows)) == 10


def test_random_baselines_are_uniform():
    """Each row is in a random set of k of n with a chance of k / n, to within chance, and never twice."""
    found = select(Valuation(np.arange(20.0)), 5, draws=4000)
    drawn = found.baselines["random"]
    assert drawn.shape == (4000, 5)
    assert all(len(set(line)) == 5 for line in drawn.tolist())
    share = np.bincount(drawn.ravel(), minlength=20) / 4000
    assert (np.abs(share - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / 4000)).all()
    assert "length_matched" not in found.baselines


def test_length_matched_baselines_have_the_chosen_lengths():
    """In each tenth of the chosen lengths there are as many rows as were chosen there, drawn evenly."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 400, 2000)
    found = Valuation(-np.abs(lengths - 120) + 40 * rng.normal(size=2000))  # some lengths are worth more
    chosen = select(found, 0.1, lengths=lengths, draws=300)
    drawn, edges = (
        chosen.baselines["length_matched"],
        np.quantile(lengths[chosen.rows], np.arange(1, 10) / 10),
    )
    assert drawn.shape == (300, 200)
    wanted = np.bincount(np.searchsorted(edges, lengths[chosen.rows]), minlength=10)
    assert wanted.min() > 0
    for line in drawn:
        assert len(set(line.tolist())) == 200
        np.testing.assert_array_equal(
            np.bincount(np.searchsorted(edges, lengths[line]), minlength=10), wanted
        )
    low, high = lengths[chosen.rows].min(), lengths[chosen.rows].max()
    pool = np.flatnonzero((lengths >= low) & (lengths <= edges[0]))
    share = np.bincount(drawn.ravel(), minlength=2000)[pool] / 300
    chance = wanted[0] / len(pool)
    assert (np.abs(share - chance) < 4.9 * np.sqrt(chance * (1 - chance) / 300)).all()
    assert lengths[drawn].max() <= high


def test_length_matched_where_all_are_equally_long():
    """Lengths without spread, or a single row, are no obstacle."""
    found = Valuation(np.arange(20.0))
    assert select(found, 5, lengths=np.ones(20)).baselines["length_matched"].shape == (5, 5)
    assert select(found, 1, lengths=np.arange(20)).baselines["length_matched"].tolist() == [[19]] * 5


def test_the_same_seed_draws_the_same():
    """Seeds decide what is drawn, and only that; baselines do not follow the strategy's own draws."""
    found = Valuation(np.random.default_rng(0).normal(size=100))
    a, b, c = (select(found, 20, strategy="sampled", lengths=np.arange(100), seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(a.rows, b.rows)
    for name in a.baselines:
        np.testing.assert_array_equal(a.baselines[name], b.baselines[name])
        assert not np.array_equal(a.baselines[name], c.baselines[name])
    assert not np.array_equal(a.rows, c.rows)
    np.testing.assert_array_equal(a.baselines["random"], select(found, 20, seed=3).baselines["random"])


GROUPS = np.arange(10)


@pytest.mark.parametrize(
    ("budget", "how", "match"),
    [
        (0, {}, "^budget is 0; of 10 rows it needs to be a whole number from 1 to 10, or a share"),
        (11, {}, "^budget is 11"),
        (True, {}, "^budget is True"),
        (0.05, {}, "^budget is 0.05"),
        (1.5, {}, "^budget is 1.5"),
        ("3", {}, "^budget is '3'"),
        (np.nan, {}, "^budget is nan"),
        (3, {"strategy": "best"}, "^strategy is 'best'; choose 'top'"),
        (3, {"strategy": "per_group"}, "^strategy='per_group' needs groups"),
        (3, {"groups": GROUPS}, "^groups are given, and strategy='top' takes none"),
        (3, {"groups": GROUPS[:5], "strategy": "per_group"}, r"^groups have shape \(5,\)"),
        (
            3,
            {"groups": ["a", None] * (len(GROUPS) // 2), "strategy": "per_group"},
            "^groups are missing at position 1;",
        ),
        (3, {"groups": [0.0, np.nan] * (len(GROUPS) // 2), "strategy": "per_group"}, "at position 1;"),
        (3, {"quota": "fair"}, "^quota is 'fair'"),
        (3, {"curve": 0}, "^curve is 0;"),
        (3, {"curve": 11.0}, "^curve is 11.0;"),
        (3, {"curve": "2"}, "^curve is '2';"),
        (3, {"temperature": 0.0}, "^temperature is 0.0;"),
        (3, {"temperature": np.inf}, "^temperature is inf;"),
        (3, {"lengths": np.ones(9)}, r"^lengths have shape \(9,\)"),
        (3, {"lengths": np.full(10, np.nan)}, "^lengths have shape"),
        (3, {"lengths": ["long"] * 10}, "^lengths are not numbers"),
        (3, {"draws": 0}, "^draws is 0;"),
        (3, {"draws": 1.0}, "^draws is 1.0;"),
        (3, {"seed": -1}, "^seed is -1;"),
        (3, {"seed": None}, "^seed is None;"),
        (3, {"strategy": "coverage"}, "has no per_valid; value with a method that keeps it"),
    ],
)
def test_refuses_what_does_not_fit(budget, how, match):
    """Each setting that cannot be met is refused by its name, with what it needs to be."""
    with pytest.raises(AssayError, match=match):
        select(Valuation(np.arange(10.0)), budget, **how)


def test_refuses_no_valuation_and_worths_that_are_none():
    """Bare values, infinite worths and worths that overflow are refused."""
    with pytest.raises(AssayError, match=r"^select takes an assay\.Valuation, not list"):
        select([1.0, 2.0], 1)  # pyright: ignore[reportArgumentType]
    per_valid = np.array([[np.inf, 1.0], [0.0, 1.0]])
    with pytest.raises(AssayError, match="infinite values"):
        select(Valuation(np.zeros(2), per_valid=per_valid), 1, strategy="coverage")
    per_valid = np.array([[-1e6, 1.0], [0.0, 1.0]])
    with pytest.raises(AssayError, match=r"^curve is 2\.0, and some rows harm a judge"):
        select(Valuation(np.zeros(2), per_valid=per_valid), 1, strategy="coverage")


def test_on_digits_coverage_reaches_every_class():
    """Of 20 rows by value alone some classes of digits have none; by coverage, each has one."""
    X, y = load_digits(return_X_y=True)
    problem = Problem(Data(X[:800], y[:800]), Data(X[800:1100], y[800:1100]))
    found = value(problem, KNNShapley(per_valid=True), progress=False)
    assert len(set(y[select(found, 20).rows])) < 10
    assert len(set(y[select(found, 20, strategy="coverage").rows])) == 10
