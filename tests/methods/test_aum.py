"""The area under the margin, and its cut, beside tables worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import random_trace, recorded, values
from sklearn.linear_model import LinearRegression, SGDClassifier

from assay import AUM, AssayError, AUMErrors, Data, Problem, aum_cut, aum_errors, aum_errors_of, follow, value
from assay import threshold_labels as labels_of

nan = np.nan


def test_by_hand():
    """The mean of the margins over the epochs that saw the row: (1 + 3) / 2, (-1 + .5) / 2, and 4."""
    trace = recorded([[1.0, -1.0, nan], [3.0, 0.5, 4.0]])
    np.testing.assert_allclose(values(AUM(), trace), [2.0, -0.25, 4.0])


def test_is_the_label_minus_the_largest_other_output():
    """On a followed model of three classes, the mean of decision margins that were written out."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = X.argmax(axis=1)
    model = SGDClassifier(loss="hinge", random_state=0)
    found = values(AUM(), follow(model, Data(X, y), epochs=4))
    twin, margins = SGDClassifier(loss="hinge", random_state=np.random.RandomState(0)), []
    for _ in range(4):
        scores = twin.partial_fit(X, y, classes=[0, 1, 2]).decision_function(X)
        others = np.where(np.eye(3, dtype=bool)[y], -np.inf, scores).max(axis=1)
        margins.append(scores[np.arange(40), y] - others)
    np.testing.assert_allclose(found, np.mean(margins, axis=0), rtol=1e-5)


def test_runs_are_averaged():
    """Several traces count alike, however long they are."""
    traces = [random_trace(seed, epochs, gaps=0.3) for seed, epochs in enumerate((2, 9))]
    apart = [np.nanmean(trace.margins, axis=0) for trace in traces]
    np.testing.assert_allclose(values(AUM(), *traces), np.mean(apart, axis=0))


def test_numbers_are_refused():
    """Labels that are numbers have no margin, and a row never seen has none either."""
    data = Data(np.zeros((2, 1)), [0.1, 0.2])
    with pytest.raises(AssayError, match=r"^AUM is for classes"):
        value(Problem(data, trace=recorded([[1.0, 1.0]])), AUM())
    with pytest.raises(AssayError, match=r"^AUM: 1 row\(s\) were not seen in training, such as 1"):
        values(AUM(), recorded([[1.0, nan]]))


@pytest.mark.parametrize(
    ("y", "another"),
    [
        (np.arange(60) % 3, 3),
        (np.arange(60) % 3 * 5.0, 11.0),
        (np.array(["a", "b", "c"])[np.arange(60) % 3], "threshold"),
        (np.array(["a", "threshold", "c"])[np.arange(60) % 3], "threshold_"),
    ],
)
def test_threshold_labels_are_a_class_of_their_own(y, another):
    """Of n rows n / (classes + 1) get a class that no row had; all others keep theirs."""
    labels, mask = labels_of(y, seed=0)
    assert mask.sum() == 15
    assert (labels[mask] == another).all()
    assert another not in y
    assert labels.dtype.kind == y.dtype.kind
    np.testing.assert_array_equal(labels[~mask], y[~mask])


def test_threshold_labels_of_booleans():
    """Two classes become three, so booleans become numbers; a third of the rows is drawn."""
    labels, mask = labels_of(np.arange(30) % 2 == 0, seed=0)
    assert mask.sum() == 10
    np.testing.assert_array_equal(labels, np.where(mask, 2, np.arange(30) % 2 == 0))


def test_threshold_labels_have_room_and_take_text_of_pandas():
    """256 classes of one byte become 257 with the additional one, and columns of objects are text."""
    labels, mask = labels_of(np.arange(512).astype(np.uint8), seed=0)
    assert (labels[mask] == 256).all()
    np.testing.assert_array_equal(labels[~mask], (np.arange(512) % 256)[~mask])
    text = np.array(["a", "b"] * 15)
    for one, other in zip(labels_of(text.astype(object), seed=0), labels_of(text, seed=0), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(AssayError, match=r"^y \(object"):
        labels_of(np.array(["a", nan], object), seed=0)


def test_threshold_samples_are_drawn_evenly():
    """Over 2,000 seeds each row is drawn a third of the time, to within five standard errors."""
    drawn = np.mean([labels_of(np.arange(9) % 2, seed=seed)[1] for seed in range(2000)], axis=0)
    assert np.abs(drawn - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 2000)


def test_threshold_samples_of_two_trainings_are_disjoint():
    """`without` keeps the second draw off the first; the same seed draws the same rows."""
    y = np.arange(50) % 4
    _, one = labels_of(y, seed=3)
    _, two = labels_of(y, seed=3, without=one)
    assert one.sum() == two.sum() == 10
    assert not (one & two).any()
    np.testing.assert_array_equal(labels_of(y, seed=3)[1], one)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"y": [0.5, 1.0]}, "needs to be one class a row"),
        ({"y": []}, "needs to be one class a row"),
        ({"y": [[0, 1]]}, "needs to be one class a row"),
        ({"share": 0.0}, "share is 0.0"),
        ({"share": 1}, "share is 1"),
        ({"share": "half"}, "share is 'half'"),
        ({"without": [True]}, r"without \(bool, shape \(1,\)\) needs to be True or False for 6 rows"),
        ({"without": [0] * 6}, r"without \(int64"),
        ({"without": [True] * 5 + [False]}, "2 threshold samples are asked for, and 1 rows are left"),
    ],
)
def test_threshold_labels_refuse(how, message):
    """Each bad argument is named."""
    with pytest.raises(AssayError, match=message):
        labels_of(**({"y": [0, 1] * 3, "seed": 0} | how))


def test_cut_by_hand():
    """The areas of the threshold samples are -2, 0, 1 and 5: the median is .5, the 99th percentile 4.88."""
    trace = recorded([[-3.0, 9.0, 0.0, 1.0, 5.0], [-1.0, 9.0, 0.0, 1.0, 5.0]])
    mask = [True, False, True, True, True]
    assert aum_cut(trace, mask, percentile=50) == pytest.approx(0.5)
    assert aum_cut(trace, mask) == pytest.approx(1 + 0.97 * 4)
    assert aum_cut(trace, mask, percentile=100) == 5


@pytest.mark.parametrize("percentile", [-1, 101, "99", None, True, nan])
def test_bad_percentile(percentile):
    """What is no percentile is refused by both that take one."""
    for call in (
        lambda: aum_cut(recorded([[1.0]]), [True], percentile=percentile),
        lambda: aum_errors(SGDClassifier(), Data([[0.0]], [0]), percentile=percentile),
    ):
        with pytest.raises(AssayError, match=r"^percentile is"):
            call()


def test_cut_refuses_other_masks():
    """A mask of other rows, of positions, or of none is refused."""
    trace = recorded([[1.0, 2.0]])
    for mask in ([True], [0, 1], [[True, False]]):
        with pytest.raises(AssayError, match=r"^mask \("):
            aum_cut(trace, mask)
    with pytest.raises(AssayError, match=r"^mask names no threshold sample"):
        aum_cut(trace, [False, False])


def test_each_row_is_judged_where_it_kept_its_label():
    """By hand: cuts -2 and -1; rows 0 and 1 are judged by the other run, rows 2 and 3 by the mean of both."""
    first = recorded([[-2.0, 4.0, -3.5, 5.0]])
    second = recorded([[3.0, -1.0, -1.0, -4.0]])
    found = aum_errors_of([first, second], [[True, False, False, False], [False, True, False, False]])
    assert found.cuts == (-2.0, -1.0)
    np.testing.assert_allclose(found.aum, [3.0, 4.0, -2.25, 0.5])
    np.testing.assert_allclose(found.ahead, [4.0, 6.0, (-1.5 + 0.0) / 2, (7.0 - 3.0) / 2])
    assert found.flagged.tolist() == [False, False, True, False]
    frame = found.to_frame()
    assert frame.columns.tolist() == ["aum", "ahead", "flagged"]
    assert frame.loc[2, "ahead"] == -0.75


def test_traces_and_masks_need_to_fit():
    """Rows that no run judges, other rows, another number of masks: all are refused."""
    one, two = recorded([[1.0, 2.0]]), recorded([[1.0, 2.0]], ids=[1, 0])
    with pytest.raises(AssayError, match=r"^1 row\(s\) were a threshold sample in every training"):
        aum_errors_of([one, one], [[True, False], [True, True]])
    with pytest.raises(AssayError, match=r"^The traces are of other rows"):
        aum_errors_of([one, two], [[True, False], [False, True]])
    bad: list[tuple[list, list]] = [([], []), ([one], []), ([1], [[True]])]
    for traces, masks in bad:
        with pytest.raises(AssayError, match=r"^aum_errors_of takes traces"):
            aum_errors_of(traces, masks)


def clouds(seed: int = 0):
    """Three clouds with 30 of 300 labels wrong, keys that are not positions, and the truth."""
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    X = rng.normal(size=(300, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[y]
    wrong = rng.permutation(300) < 30
    given = np.where(wrong, (y + 1) % 3, y)
    return Data(X, given, ids=[f"row {i}" for i in rng.permutation(300)]), wrong


def test_two_trainings_find_the_planted_errors():
    """Of 30 planted errors in well parted clouds at least 27 are flagged, and at most 30 right rows."""
    data, wrong = clouds()
    found = aum_errors(SGDClassifier(loss="log_loss", random_state=0), data)
    assert isinstance(found, AUMErrors)
    assert found.ids.tolist() == data.ids.tolist()
    assert found.flagged[wrong].sum() >= 27
    assert found.flagged[~wrong].sum() <= 30


def test_estimator_and_function_and_own_traces_agree():
    """One call, a function that trains, and two traces of one's own flag the same rows by the same areas."""
    data, _ = clouds(1)
    model, seen = SGDClassifier(loss="log_loss", random_state=0), []

    def train(turned: Data):
        seen.append(turned)
        return follow(model, turned)

    whole, by_hand = aum_errors(model, data, seed=5), aum_errors(train, data, seed=5)
    assert [len(np.unique(turned.y)) for turned in seen] == [4, 4]
    masks = [turned.y == 3 for turned in seen]
    assert not (masks[0] & masks[1]).any()
    own = aum_errors_of([follow(model, turned) for turned in seen], masks)
    for other in (by_hand, own):
        np.testing.assert_array_equal(other.aum, whole.aum)
        np.testing.assert_array_equal(other.flagged, whole.flagged)
        assert other.cuts == whole.cuts


def test_a_lower_percentile_flags_no_more():
    """Cuts fall with the percentile, and so do the rows below them."""
    data, _ = clouds(2)
    model = SGDClassifier(loss="log_loss", random_state=0)
    some, all_ = (aum_errors(model, data, percentile=percentile).flagged for percentile in (50, 99))
    assert some.sum() < all_.sum()
    assert not (some & ~all_).any()


def test_aum_errors_refuses():
    """Labels that are numbers or missing, a class, and what returns no trace are named."""
    data = Data([[0.0], [1.0]] * 4, [0, 1] * 4)
    with pytest.raises(AssayError, match=r"^aum_errors needs labelled rows"):
        aum_errors(SGDClassifier(), Data([[0.0]]))
    with pytest.raises(AssayError, match=r"^aum_errors is for classes"):
        aum_errors(LinearRegression(), Data([[0.0], [1.0]], [0.5, 1.0]))
    for train in (None, "sgd"):
        with pytest.raises(AssayError, match=r"^train is"):
            aum_errors(train, data)
    with pytest.raises(AssayError, match=r"^train is"):
        aum_errors(SGDClassifier, data)
    with pytest.raises(AssayError, match=r"^train gave a int; it needs to return an assay\.Trace"):
        aum_errors(len, data)
