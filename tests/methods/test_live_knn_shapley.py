"""LiveKNNShapley equals KNNShapley on the table as it is, after any sequence of changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbours import METRICS, larger, sparse

from assay import AssayError, Data, KNNShapley, LiveKNNShapley, Problem, value
from assay.methods.neighbors import incremental

LABELS = st.sampled_from(["cat", "dog", "ostrich"])
ROW = st.lists(st.integers(-2, 2), min_size=2, max_size=2)
CHANGES = st.one_of(
    st.tuples(st.just("append"), ROW, LABELS),
    st.tuples(st.just("edit"), ROW, st.none() | LABELS),
    st.tuples(st.just("relabel"), st.none(), LABELS),
    st.tuples(st.just("delete"), st.none(), st.none()),
)


@pytest.fixture
def _small_blocks(monkeypatch):
    """Blocks of 4 rows: splits, empty blocks and moments come up in tables of some dozens of rows."""
    monkeypatch.setattr(incremental, "_block_size", lambda n: 4)


def recomputed(live: LiveKNNShapley, problem: Problem) -> np.ndarray:
    """KNNShapley from scratch on the rows as they are."""
    method = KNNShapley(k=live.k, metric=live.metric)
    return value(Problem(live.data, problem.valid), method, progress=False).values


def agree(live: LiveKNNShapley, problem: Problem, few: int | None = None) -> None:
    """All values, and those of single rows, are the recomputed ones."""
    truth, data = recomputed(live, problem), live.data
    got = live.values()
    np.testing.assert_allclose(got.values, truth, atol=1e-12, rtol=0)
    assert got.ids.tolist() == data.ids.tolist()
    for key, right in list(zip(data.ids, truth, strict=True))[:few]:
        assert live.value_of(key) == pytest.approx(right, abs=1e-12)


def changed(live: LiveKNNShapley, change: tuple, where: int) -> None:
    """Carry one change out; what the row would be worth was foretold."""
    kind, row, label = change
    keys = live.data.ids
    key = keys[where % len(keys)]
    if kind == "append":
        live.append([row], [label])
    elif kind in ("edit", "relabel"):
        foretold = live.what_if(key, x=row, y=label)
        live.edit(key, x=row, y=label)
        assert live.value_of(key) == pytest.approx(foretold, abs=1e-12)
    elif live.n > 1:
        live.delete(key)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("metric", METRICS)
def test_equals_recomputing_after_any_changes(metric):
    """Ties, equal rows, new and longer labels: appended rows come last, edited ones stay."""

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.tuples(ROW, LABELS), min_size=3, max_size=40),
        st.lists(st.tuples(CHANGES, st.integers(0, 99)), max_size=12),
        st.integers(1, 6),
    )
    def held(table, changes, k):
        X, y = (list(column) for column in zip(*table, strict=True))
        problem = Problem(Data(X, y), Data([*X[:2], [1, 0]], [*y[:2], "eel"]))
        live = LiveKNNShapley(problem, k=k, metric=metric)
        for change, where in changes:
            changed(live, change, where)
        agree(live, problem)

    held()


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("k", [1, 7, 90])
def test_moments_stand_in_for_sums(k):
    """With blocks of 4 rows hundreds of them are summed by their moments, through 150 changes, to 1e-12."""
    problem, rng = larger(300, 3, 3), np.random.default_rng(1)
    live = LiveKNNShapley(problem, k=k)
    for _ in range(50):
        live.append(rng.normal(size=(1, 3)), rng.integers(0, 3, 1))
        live.edit(rng.choice(live.data.ids), x=rng.normal(size=3))
        live.delete(rng.choice(live.data.ids))
    agree(live, problem, few=60)


def test_blocks_as_they_come():
    """The same at the size that blocks have, for 20,000 rows; new rows all at one end split them."""
    problem = larger(20_000, 2, 4)
    live = LiveKNNShapley(problem, k=5)
    live.append(np.full((700, 4), 9.0) + np.arange(700)[:, None], np.arange(700) % 3)
    for key in range(300):
        live.delete(key)
    agree(live, problem, few=50)


def test_what_if_changes_nothing():
    """After a hundred questions all values are, bit for bit, what they were."""
    problem = larger(200, 5, 3)
    live = LiveKNNShapley(problem)
    before = live.values().values.tobytes()
    for key in range(100):
        live.what_if(key, x=np.zeros(3), y=(problem.train.y[key] + 1) % 3)
    assert live.values().values.tobytes() == before


def test_threads_change_no_bit():
    """One worker and two give the same bits."""
    problem = larger(300, 130, 3)
    one, two = (LiveKNNShapley(problem, n_jobs=jobs) for jobs in (1, 2))
    for live in (one, two):
        live.append([[0.0, 1.0, 2.0]], [1])
    assert one.values().values.tobytes() == two.values().values.tobytes()
    assert one.what_if(7, y=2) == two.what_if(7, y=2)


def test_sparse_rows_are_taken():
    """Sparse rows are worth what dense ones are."""
    problem = larger(50, 3, 3)
    np.testing.assert_allclose(
        LiveKNNShapley(sparse(problem)).values().values, LiveKNNShapley(problem).values().values, atol=1e-12
    )


def test_text_keys_name_rows():
    """Rows go by the caller's keys, and appended ones need theirs."""
    live = LiveKNNShapley(Problem(Data([[0.0], [1.0]], ["a", "b"], ids=["r", "s"]), Data([[0.0]], ["a"])))
    with pytest.raises(AssayError, match="rows that go by text; pass ids"):
        live.append([[2.0]], ["a"])
    with pytest.raises(AssayError, match="ids of another type"):
        live.append([[2.0]], ["a"], ids=[3])
    with pytest.raises(AssayError, match="has a row 's' already"):
        live.append([[2.0]], ["a"], ids=["s"])
    live.append([[2.0]], ["a"], ids=["a longer key"])
    assert live.data.ids.tolist() == ["r", "s", "a longer key"]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda live: live.edit(99, y=1), "has no row 99"),
        (lambda live: live.delete("x"), "has no row 'x'"),
        (lambda live: live.what_if(99), "has no row 99"),
        (lambda live: live.edit(0, x=[1.0]), "3 feature columns, but train has 1"),
        (lambda live: live.edit(0, x=[np.nan, 0, 0]), "missing or infinite"),
        (lambda live: live.edit(0, y="text"), "use one type"),
        (lambda live: live.append([[0.0, 0.0, 0.0]], None), "needs a label for every row"),
        (lambda live: live.append([[0.0, 0.0, 0.0]], [1, 2]), "y has shape"),
    ],
)
def test_bad_changes_are_refused_and_leave_the_table(ask, words):
    """A change that cannot be made names its fault, and nothing is different after it."""
    live = LiveKNNShapley(larger(20, 2, 3))
    before = live.values().values.tobytes()
    with pytest.raises(AssayError, match=words):
        ask(live)
    assert live.values().values.tobytes() == before


def test_the_last_row_stays():
    """A table has a row."""
    live = LiveKNNShapley(Problem(Data([[0.0]], ["a"]), Data([[0.0]], ["a"])))
    with pytest.raises(AssayError, match="is the last one"):
        live.delete(0)


@pytest.mark.parametrize(
    ("problem", "how", "words"),
    [
        (larger(20, 2, 3), {"k": 0}, "k is 0"),
        (larger(20, 2, 3), {"metric": "far"}, "metric is 'far'"),
        (larger(20, 2, 3, "numbers"), {}, "takes classes"),
        (larger(20, 2, 3, "several"), {}, "takes classes, one label a row"),
        (Problem(Data([[0.0]], [1])), {}, "needs labels and validation rows"),
        ("table", {}, "takes an assay.Problem, not str"),
    ],
)
def test_bad_problems_are_refused(problem, how, words):
    """What it cannot be made of is named."""
    with pytest.raises(AssayError, match=words):
        LiveKNNShapley(problem, **how)


def test_too_many_pairs_are_refused(monkeypatch):
    """The memory is told before it is taken."""
    monkeypatch.setattr(incremental, "MOST_BYTES", 1000)
    with pytest.raises(AssayError, match=r"would keep 100 x 4 places.*let at most 1 validation rows judge"):
        LiveKNNShapley(larger(100, 4, 2))
