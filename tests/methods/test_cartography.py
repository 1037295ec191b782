"""Cartography and the map beside tables worked out by hand."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from recorded import problem_of, random_trace, recorded, values
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

from assay import AssayError, Cartography, Data, Problem, Trace, follow, training_map, value
from assay.methods.dynamics import _runs

nan = np.nan
P = [[0.2, 0.5, nan], [0.4, 0.5, 0.9], [0.9, 0.5, 0.7]]  # three epochs, three rows
MARGINS = [[-1.0, 0.0, nan], [-0.1, 0.1, 3.0], [2.0, 0.0, 1.0]]


def test_confidence_is_the_mean_over_the_epochs_that_saw_the_row():
    """By hand: (.2 + .4 + .9) / 3, .5, and (.9 + .7) / 2 for the row that the first epoch did not see."""
    found = values(Cartography(), recorded(MARGINS, probabilities=P))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.8])


def test_map_by_hand():
    """Variability is the population's deviation, correctness counts margins above 0: a tie is not right."""
    drawn = training_map(recorded(MARGINS, probabilities=P))
    np.testing.assert_allclose(drawn.confidence, [0.5, 0.5, 0.8])
    np.testing.assert_allclose(drawn.variability, [np.sqrt(0.26 / 3), 0.0, 0.1])
    np.testing.assert_allclose(drawn.correctness, [1 / 3, 1 / 3, 1.0])


def test_several_traces_are_averaged_where_they_saw_the_row():
    """Each coordinate is the mean over the runs that saw the row, also where runs are of other lengths."""
    first = recorded([[0.0, 1.0]], probabilities=[[0.2, 0.6]])
    second = recorded([[1.0, nan], [1.0, nan]], probabilities=[[0.6, nan], [1.0, nan]])
    drawn = training_map([first, second])
    np.testing.assert_allclose(drawn.confidence, [(0.2 + 0.8) / 2, 0.6])
    np.testing.assert_allclose(drawn.variability, [(0.0 + 0.2) / 2, 0.0])
    np.testing.assert_allclose(drawn.correctness, [0.5, 1.0])
    np.testing.assert_allclose(values(Cartography(), first, second), drawn.confidence)


def test_regions_by_hand():
    """The most variable third is ambiguous, the others easy or hard by the median of all confidences."""
    confidence = np.array([0.9, 0.6, 0.7, 0.2, 0.1, 0.5])
    spread = np.array([0.0, 0.3, 0.1, 0.05, 0.02, 0.4])  # the third: rows 1 and 5
    drawn = training_map(recorded(np.ones((2, 6)), probabilities=[confidence - spread, confidence + spread]))
    assert drawn.region.tolist() == ["easy", "ambiguous", "easy", "hard", "hard", "ambiguous"]


@pytest.mark.parametrize("seed", range(5))
def test_regions_keep_the_papers_thirds(seed):
    """A row in one of the paper's thirds alone has its name; every row has one of the three."""
    drawn = training_map(random_trace(seed, n=30))
    most = drawn.variability >= np.sort(drawn.variability)[-10]
    order = np.sort(drawn.confidence)
    assert (drawn.region[most] == "ambiguous").all()
    assert (drawn.region[(drawn.confidence >= order[-10]) & ~most] == "easy").all()
    assert (drawn.region[(drawn.confidence <= order[9]) & ~most] == "hard").all()
    assert set(drawn.region) <= {"easy", "ambiguous", "hard"}


def test_rows_that_tie_share_a_region():
    """Equal rows at a border go to the same side."""
    drawn = training_map(recorded(np.ones((2, 4)), probabilities=[[0.5] * 4, [0.5] * 4]))
    assert drawn.region.tolist() == ["hard"] * 4


def test_the_order_of_rows_and_of_keys_does_not_matter():
    """The same rows asked in another order, or recorded in another, have the same values."""
    trace = random_trace(1, gaps=0.3)
    whole = values(Cartography(), trace)
    order = np.random.default_rng(0).permutation(len(trace))
    np.testing.assert_array_equal(values(Cartography(), trace, ids=trace.ids[order]), whole[order])
    other = trace.aligned(trace.ids[order])
    np.testing.assert_array_equal(values(Cartography(), other, ids=trace.ids), whole)


def test_blocks_do_not_change_a_bit(monkeypatch, tmp_path):
    """Rows read from float16 on disk in blocks of one give what they give at once."""
    trace = random_trace(2, gaps=0.3)
    half = np.lib.format.open_memmap(tmp_path / "p.npy", "w+", np.float16, trace.probabilities.shape)
    half[:] = trace.probabilities
    kept = Trace(trace.ids, trace.losses, trace.margins, half, trace.errors)
    whole = training_map(kept)
    monkeypatch.setattr(_runs, "NUMBERS", 1)
    apart = training_map(kept)
    for name in ("confidence", "variability", "correctness"):
        np.testing.assert_array_equal(getattr(apart, name), getattr(whole, name))
    np.testing.assert_allclose(whole.confidence, np.nanmean(np.asarray(half, float), axis=0))


def test_a_model_is_followed_where_there_is_no_trace():
    """Without a trace the values are those of the trace of following the model by the same seed."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    data = Data(X, X[:, 0] > 0)
    model = SGDClassifier(loss="log_loss", random_state=3, max_iter=6)
    found = value(Problem(data, model=model), Cartography(), progress=False).values
    np.testing.assert_array_equal(found, values(Cartography(), follow(model, data)))
    np.testing.assert_array_equal(training_map(Problem(data, model=model)).confidence, found)


def test_rows_that_were_never_seen_are_named():
    """A row without any epoch is refused by its key; not so one that another run saw."""
    gone = recorded([[nan, 1.0, nan]], ids=["a", "b", "c"])
    with pytest.raises(
        AssayError, match=r"^Cartography: 2 row\(s\) were not seen in training, such as 'a', 'c'"
    ):
        values(Cartography(), gone)
    with pytest.raises(AssayError, match=r"^training_map: 2 row"):
        training_map(gone)
    values(Cartography(), gone, recorded([[1.0, nan, 0.5]], ids=["a", "b", "c"]))


def test_numbers_are_refused():
    """Labels that are numbers have no probability."""
    data = Data(np.zeros((3, 1)), [0.1, 0.2, 0.3])
    with pytest.raises(AssayError, match=r"^Cartography is for classes"):
        value(Problem(data, trace=recorded(MARGINS)), Cartography())
    with pytest.raises(AssayError, match=r"^training_map is for classes"):
        training_map(Problem(data, model=Ridge()))
    with pytest.raises(AssayError, match=r"^training_map is for classes, and a trace is of numbers"):
        training_map(follow(SGDRegressor(max_iter=2, tol=None), data))


@pytest.mark.parametrize("source", [None, "trace.npz", [], [1], LogisticRegression()])
def test_map_refuses_what_is_no_trace(source):
    """Anything but traces or a problem is refused by its type."""
    with pytest.raises(AssayError, match=r"^training_map takes a trace, a list of them, or a problem, not"):
        training_map(source)


def test_map_refuses_traces_of_other_rows():
    """Traces whose keys differ are not averaged."""
    with pytest.raises(AssayError, match="has 1 of the problem's rows not"):
        training_map([recorded([[1.0, 2.0]], ids=["a", "b"]), recorded([[1.0, 2.0]], ids=["a", "c"])])


def test_frame_has_every_coordinate_by_key():
    """The frame is the map, by key."""
    drawn = training_map(random_trace(3))
    frame = drawn.to_frame()
    assert frame.index.name == "id"
    assert frame.index.tolist() == drawn.ids.tolist()
    for name in frame.columns:
        np.testing.assert_array_equal(frame[name].to_numpy(), getattr(drawn, name))


def rows_of(spec: dict) -> list[dict]:
    """The rows that a chart carries."""
    return spec["datasets"][spec["data"]["name"]]


def test_plot_draws_each_row_where_it_lies():
    """The chart holds every row with its key, its coordinates to four digits, and its region."""
    drawn = training_map(random_trace(4))
    spec = drawn.plot().to_dict()
    drawn_rows = pd.DataFrame(rows_of(spec)).set_index("id")
    np.testing.assert_allclose(drawn_rows["confidence"].loc[drawn.ids], drawn.confidence, atol=5e-5)
    assert drawn_rows["region"].loc[drawn.ids].tolist() == drawn.region.tolist()
    encoding = spec["hconcat"][0]["encoding"]
    fields = [encoding[channel]["field"] for channel in ("x", "y", "color", "shape")]
    assert fields == ["variability", "confidence", "correctness", "region"]
    assert encoding["tooltip"][0]["field"] == "id"


def test_plot_of_many_rows_says_what_it_leaves_out():
    """Above 5,000 rows, 5,000 different ones are drawn, always the same, and the title says so."""
    n = 5200
    trace = recorded(np.random.default_rng(0).normal(size=(2, n)))
    first, second = (training_map(trace).plot().to_dict() for _ in range(2))
    keys = [row["id"] for row in rows_of(first)]
    assert len(set(keys)) == 5000
    assert keys == [row["id"] for row in rows_of(second)]
    assert first["hconcat"][0]["title"]["text"] == "5,000 of 5,200 rows, drawn at random"


def test_page_asks_for_nothing_and_no_key_can_end_its_script(tmp_path):
    """The file carries its library and its rows; a key that looks like markup stays text."""
    bad = "</script><script>alert(1)</script>"
    training_map(recorded([[1.0, -1.0]], ids=[bad, "b"])).save(tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert re.findall(r"^<(?:script|link|img)\b.*?>", page, flags=re.M) == ["<script>", "<script>"]
    assert "default-src 'none'" in page
    spec = json.loads(page[page.rindex('vegaEmbed("#map", ') + 18 : page.rindex(", {actions")])
    assert [row["id"] for row in rows_of(spec)] == [bad, "b"]


def test_page_that_cannot_be_written(tmp_path):
    """A folder that is not there is an error of one sentence."""
    with pytest.raises(AssayError, match=r"^The map cannot be written to"):
        training_map(recorded([[1.0, -1.0]])).save(tmp_path / "nowhere" / "map.html")


def test_a_trace_of_other_rows_is_refused():
    """A problem's trace needs to know its rows."""
    with pytest.raises(AssayError, match="rows not, such as 7; give"):
        value(problem_of(recorded([[1.0, 2.0]]), ids=[0, 7]), Cartography())
    with pytest.raises(AssayError, match="rows not, such as 7; give"):
        recorded([[1.0, 2.0]]).aligned([0, 7])
