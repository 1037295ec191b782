"""Explanations: planted kinds of rows are found and named, noise is called noise, numbers are arithmetic."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from sklearn.tree import DecisionTreeRegressor

from assay import AssayError, Data, Explanation, KNNShapley, Problem, Valuation, explain, tables, value
from assay.apply._columns import ordered
from assay.apply._rules import Tree, _predicted


def people(n: int = 4000, seed: int = 0) -> pd.DataFrame:
    """A table of several kinds of columns."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "work": rng.choice(["private", "state", "self"], n),
            "score": rng.normal(size=n),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D"),
            "label": rng.choice(["yes", "no"], n),
        }
    )


def planted(bad, seed: int = 1, noise: float = 0.3) -> Valuation:
    """-1 for the rows meant, else 1, and noise."""
    bad = np.asarray(bad, bool)
    return Valuation(np.where(bad, -1.0, 1.0) + np.random.default_rng(seed).normal(0, noise, len(bad)))


def rows_meant(frame: pd.DataFrame, words: str) -> np.ndarray:
    """The rows that a rule's words mean to a reader, read by a parser of its own."""
    inside = np.ones(len(frame), bool)
    for part in words.split(" and ") if words else []:
        if found := re.fullmatch(r"(\S+) is (not )?missing", part):
            inside &= frame[found[1]].isna().to_numpy() != bool(found[2])
        elif found := re.fullmatch(r"(\S+) is none of (.+)", part):
            inside &= ~frame[found[1]].isin(found[2].split(", ")).to_numpy()
        elif found := re.fullmatch(r"(?:(\S+) < )?(\S+) (<=|>) (\S+?)( or missing)?", part):
            cells, end = frame[found[2]], pd.Series([found[4].replace(",", "")])
            end = end.astype(cells.dtype if cells.dtype.kind == "M" else float)[0]
            held = (cells <= end) if found[3] == "<=" else (cells > end)
            if found[1]:
                held &= cells > float(found[1].replace(",", ""))
            inside &= held.to_numpy() | (bool(found[5]) & cells.isna().to_numpy())
        else:
            name, sign, wanted = re.fullmatch(r"(\S+) (=|!=) (\S+)", part).groups()
            inside &= (frame[name].astype(str) == wanted).to_numpy() == (sign == "=")
    return np.flatnonzero(inside)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda f: (f.age <= 25) & (f.label == "yes"), {"age <= 25", "label = yes"}),
        (lambda f: (f.age > 40) & (f.age <= 60), {"40 < age <= 60"}),
        (lambda f: f.work == "state", {"work = state"}),
        (lambda f: f.joined > "2021-06-30", {"joined > 2021-06-30"}),
        (lambda f: (f.label == "no") & (f.work != "self"), {"label = no", "work != self"}),
    ],
)
def test_planted_kinds_are_found_and_named(bad, words):
    """The kind of rows that harms is named as a person would, with its rows, its worth and its verdict."""
    frame = people()
    truth = np.asarray(bad(frame))
    valuation = planted(truth)
    found = explain(frame, valuation, depth=2)
    first = found.rules[0]
    assert set(first.words.split(" and ")) == words
    np.testing.assert_array_equal(first.rows, np.flatnonzero(truth))
    assert first.verdict == "harmful"
    assert {rule.verdict for rule in found.rules[1:]} == {"helpful"}
    assert first.total == pytest.approx(valuation.values[truth].sum())
    assert f"{truth.sum():,} rows, worth -1" in str(first)
    variance = truth.mean() * (1 - truth.mean()) * 4
    assert found.low < variance / (variance + 0.09) < found.high


@pytest.mark.parametrize("seed", range(3))
def test_words_mean_the_rows(seed):
    """Words mean exactly the rows of the rule, missing cells too, and rules part all rows."""
    rng = np.random.default_rng(seed)
    frame = people(1500, seed)
    frame["age"] = frame["age"].where(rng.random(1500) > 0.2)
    frame["score"] = frame["score"].where(rng.random(1500) > 0.1)
    frame["wide"] = rng.choice([0.1, 0.1 + 1e-12, 0.3, 7e-9, 123456.789], 1500)
    values = frame["age"].fillna(30) % 17 * frame["score"].fillna(-1) + (frame["work"] == "self") * 3.0
    found = explain(frame, Valuation(values.to_numpy() + rng.normal(size=1500)), depth=4, seed=seed)
    for rule in found.rules:
        np.testing.assert_array_equal(rule.rows, rows_meant(frame, rule.words), err_msg=rule.words)
    together = np.concatenate([rule.rows for rule in found.rules])
    np.testing.assert_array_equal(np.sort(together), np.arange(1500))
    totals = [rule.total for rule in found.rules]
    assert totals == sorted(totals)
    assert min(len(rule.rows) for rule in found.rules) >= 20 // 2


def test_missing_cells_are_a_kind():
    """Rows without a value are named, and those below a bound say that missing ones are among them."""
    frame = people(1000)
    frame.loc[::4, "age"] = np.nan
    found = explain(frame, planted(frame["age"].isna()), depth=1)
    assert [rule.words for rule in found.rules] == ["age is missing", "age is not missing"]
    found = explain(frame, planted(frame["age"].isna() | (frame["age"] <= 30)), depth=1)
    assert found.rules[0].words == "age <= 30 or missing"


def test_noise_is_called_noise():
    """Where values have nothing to do with the columns it says so, and names no kind of rows."""
    rng, false = np.random.default_rng(5), 0
    frame = people(400)
    for seed in range(25):
        found = explain(frame, Valuation(rng.normal(size=400)), seed=seed)
        if not found.explains:
            said = str(found)
        false += found.explains
    assert false <= 2  # at 2.5% one-sided, 3 of 25 or more would be seen in 2.4% of cases
    assert said.startswith("These columns explain nothing: of the values of rows it has not seen the tree")
    assert "harmful" not in said


def test_intervals_cover_what_such_rows_are_worth():
    """All intervals of held-out means hold the expected value of their rows at once in 95% of cases."""
    rng, missed, rules = np.random.default_rng(6), 0, 0
    frame = people(400)
    expected = np.where(frame["label"] == "yes", 0.4, -0.4)
    for seed in range(25):
        found = explain(frame, Valuation(expected + rng.normal(size=400)), seed=seed)
        rules += len(found.rules)
        for rule in found.rules:
            judges = set(np.random.default_rng(seed).permutation(400)[200:].tolist())
            wanted = expected[[row for row in rule.rows if row in judges]].mean()
            if not rule.low <= wanted <= rule.high:
                missed += 1
                break
    assert missed <= 4  # of 25 at 5%: 5 or more would be seen in 0.7% of cases
    assert rules > 40


def test_held_out_means_are_those_of_the_other_half():
    """The rule's own mean and total are of all its rows, the held-out mean and error of the other half."""
    frame = people(400)
    valuation = planted(frame["work"] == "state", noise=2.0)
    found = explain(frame, valuation, depth=1, seed=3)
    judges = np.zeros(400, bool)
    judges[np.random.default_rng(3).permutation(400)[200:]] = True
    for rule in found.rules:
        its = valuation.values[rule.rows]
        held = valuation.values[rule.rows[judges[rule.rows]]]
        assert rule.mean == pytest.approx(its.mean())
        assert rule.held_out == pytest.approx(held.mean())
        assert rule.stderr == pytest.approx(held.std(ddof=1) / np.sqrt(len(held)))
        joint = stats.t.interval(1 - 0.05 / len(found.rules), len(held) - 1, held.mean(), rule.stderr)
        assert (rule.low, rule.high) == pytest.approx(joint)


@pytest.mark.parametrize("leaves", range(1, 9))
def test_fewer_leaves_are_the_tree_on_its_way(leaves):
    """The tree of k leaves is what scikit-learn grows with max_leaf_nodes=k."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 50, size=(300, 4)).astype(np.float32)
    values = X[:, 1] * (X[:, 2] > 20) + rng.normal(size=300)
    whole = Tree(X, values, 3, 5, 0)._whole
    if leaves == 1:
        wanted = np.full(300, values.mean())
    else:
        kind = DecisionTreeRegressor(max_depth=3, max_leaf_nodes=leaves, min_samples_leaf=5, random_state=0)
        wanted = kind.fit(X, values).predict(X)
    np.testing.assert_allclose(_predicted(whole, X, 8)[:, leaves - 1], wanted)


def test_every_way_of_passing_rows_says_the_same():
    """pandas, polars, a CSV, a Table, and rows named by a key in another order give the same rules."""
    frame = people(1000)
    valuation = planted((frame["age"] <= 30) & (frame["label"] == "yes"))
    wanted = str(explain(frame, valuation))
    assert str(explain(pl.from_pandas(frame), valuation)) == wanted
    assert str(explain(tables.load(frame, number_rows=True), valuation)) == wanted
    named = frame.assign(id=[f"r{i}" for i in range(1000)])
    by_key = Valuation(valuation.values, ids=named["id"].to_numpy().astype(str))
    assert str(explain(named.sample(frac=1, random_state=0), by_key, key="id")) == wanted
    more = pd.concat([named, named.assign(id=lambda f: "other " + f["id"])])
    assert str(explain(more, by_key, key="id")) == wanted
    assert str(explain(named, by_key)) == wanted  # no key: in order


def test_a_csv_with_dates_and_codes(tmp_path):
    """Dates and categories of a file are read as such, and text is left out by name."""
    frame = people(600)
    frame["note"] = [f"a longer remark about person {i} in words" for i in range(600)]
    valuation = planted(frame["joined"] > "2021-06-30")
    frame.to_csv(tmp_path / "people.csv", index=False)
    found = explain(tmp_path / "people.csv", valuation, depth=1)
    assert re.fullmatch(r"joined > 2021-0[67]-\d\d", found.rules[0].words)
    np.testing.assert_array_equal(found.rules[0].rows, rows_meant(frame, found.rules[0].words))
    assert found.left_out == ("note",)
    assert str(found).endswith("Left out: note (text or vectors).")


def test_a_problem_names_columns_by_number():
    """Of arrays, columns are x0, x1, label and group; classes are categories even if they are numbers."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 2)), rng.integers(3, size=500)
    valuation = planted((y == 2) & (X[:, 1] > 0))
    first = explain(Problem(Data(X, y)), valuation, depth=2).rules[0]
    label, x = first.words.split(" and ")
    assert label == "label = 2"
    assert re.fullmatch(r"x1 > -?0?\.?\d+(e-\d+)?", x)
    owners = np.where(X[:, 0] > 1, "us", "them")
    found = explain(Data(X, groups=owners), planted(owners == "us"), depth=1)
    assert found.rules[0].words in ("group = us", "x0 > 1", "x0 > 0.99")
    numbers = explain(Problem(Data(X, X[:, 0] * 1.5)), planted(X[:, 0] > 0), depth=1)
    assert numbers.rules[0].words.split(" > ")[0] in ("x0", "label")


def test_values_of_a_real_method():
    """Rows of one kind whose labels were turned are named by the values of a method, through a table."""
    frame = people(1500)
    frame["label"] = np.where(frame["score"] > 0, "yes", "no")
    turned = ((frame["work"] == "state") & (np.arange(1500) % 3 > 0)).to_numpy()
    frame.loc[turned, "label"] = np.where(frame.loc[turned, "score"] > 0, "no", "yes")
    problem = Problem.from_table(frame, target="label")
    valuation = value(problem, KNNShapley(), progress=False)
    found = explain(frame, valuation)
    assert found.explains
    assert "work = state" in found.rules[0].words


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.1, 0.2, "0.1"),
        (0.12345, 0.12346, "0.12345"),
        (-3.0, 5.5, "1"),
        (1e-9, 2e-9, "1e-09"),
        (99.5, 101, "1e+02"),
    ],
)
def test_bounds_are_short_and_part_the_same_rows(low, high, text):
    """A bound is the shortest number that parts the two values next to it."""
    column = ordered("x", np.array([low, high]), "number")
    said = column.bound(0)
    assert low <= float(said) < high
    assert len(said) <= len(text) + 1


def test_frame_and_plot():
    """The frame holds what the rules say, and the chart has one line a rule."""
    frame = people(600)
    found = explain(frame, planted(frame["label"] == "yes"), depth=1)
    table = found.to_frame()
    assert table.index.tolist() == ["label = yes", "label = no"]
    assert table["total"].tolist() == [rule.total for rule in found.rules]
    assert table["verdict"].tolist() == ["harmful", "helpful"]
    chart = found.plot().to_dict()
    (data,) = chart["datasets"].values()
    assert [line["rule"] for line in data] == table.index.tolist()


def test_constant_values_have_nothing_to_explain():
    """Values that are all the same are one rule, explained by nothing, and no warning."""
    found = explain(people(100), Valuation(np.full(100, 0.5)))
    assert (found.r2, found.explains, len(found.rules)) == (0.0, False, 1)
    assert str(found.rules[0]).startswith("all rows: 100 rows, worth 0.5 each (50 in all)")


def test_dates_within_a_day_keep_their_time():
    """Moments of one day are parted by the time of day."""
    moments = [datetime.datetime(2024, 5, 1, hour) for hour in range(24)] * 20
    frame = pd.DataFrame({"at": moments, "other": range(480)})
    found = explain(frame, planted(frame["at"].dt.hour < 12), depth=1)
    assert found.rules[0].words == "at <= 2024-05-01 11:00:00"


def test_bad_input_is_named():
    """Each wrong argument is refused in one sentence that names it."""
    frame = people(100)
    good = Valuation(np.random.default_rng(0).normal(size=100))
    for depth in (0, 7, 2.5, True, None):
        with pytest.raises(AssayError, match=r"^depth is .*from 1 to 6\.$"):
            explain(frame, good, depth=depth)
    for least in (1, 101, 0.5, "few"):
        with pytest.raises(AssayError, match=r"^least is .*from 2 to all 100\.$"):
            explain(frame, good, least=least)
    for seed in (-1, 0.5, None):
        with pytest.raises(AssayError, match=r"^seed is"):
            explain(frame, good, seed=seed)
    with pytest.raises(AssayError, match=r"^explain takes the rows and an assay\.Valuation, not ndarray"):
        explain(frame, good.values)
    with pytest.raises(AssayError, match=r"^There are 39 values, and explain needs 40"):
        explain(frame[:39], Valuation(np.zeros(39)))
    with pytest.raises(AssayError, match=r"name no row of the 99 in the table"):
        explain(frame[:99], good)
    with pytest.raises(AssayError, match=r"column 'key' .*"):
        explain(frame, good, key="key")
    with pytest.raises(AssayError, match=r"^The values are of other rows than these"):
        explain(Data(np.zeros((100, 1)), ids=[f"r{i}" for i in range(100)]), good)
    assert isinstance(explain(frame, good), Explanation)
