"""EL2N beside the formula on probabilities written out."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import random_trace, recorded, values
from sklearn.linear_model import SGDClassifier

from assay import EL2N, AssayError, Data, Problem, follow, value

nan = np.nan


def test_by_hand():
    """Lengths of (.2, -.2), (.9, -.9) and so on, averaged over the epochs that saw the row, with a minus."""
    errors = [[0.2, 0.9, nan], [0.1, 0.3, 0.5]]
    found = values(EL2N(), recorded(np.ones((2, 3)), errors=np.sqrt(2) * np.array(errors)))
    np.testing.assert_allclose(found, -np.sqrt(2) * np.array([0.15, 0.6, 0.5]))


def test_is_the_length_of_probabilities_minus_the_indicator():
    """On a followed model of three classes: ||p - onehot|| of its own probabilities after each epoch."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = X.argmax(axis=1)
    model = SGDClassifier(loss="log_loss", random_state=0)
    found = values(EL2N(epochs=3), follow(model, Data(X, y), epochs=5))
    twin, lengths = SGDClassifier(loss="log_loss", random_state=np.random.RandomState(0)), []
    for _ in range(3):
        scores = twin.partial_fit(X, y, classes=[0, 1, 2]).predict_proba(X)
        lengths.append(np.linalg.norm(scores - np.eye(3)[y], axis=1))
    np.testing.assert_allclose(found, -np.mean(lengths, axis=0), rtol=1e-5, atol=1e-8)


def test_only_the_first_epochs_count():
    """Later epochs change nothing, and a trace that is shorter is read whole."""
    trace = random_trace(0, 9)
    cut = recorded(trace.margins[:4], ids=trace.ids)
    np.testing.assert_array_equal(values(EL2N(epochs=4), trace), values(EL2N(epochs=4), cut))
    np.testing.assert_allclose(values(EL2N(epochs=50), trace), -trace.errors.mean(axis=0))
    assert not np.allclose(values(EL2N(epochs=4), trace), values(EL2N(epochs=5), trace))


def test_runs_are_averaged():
    """The mean over trainings, the paper's expectation over first weights."""
    traces = [random_trace(seed, 5) for seed in range(3)]
    np.testing.assert_allclose(
        values(EL2N(), *traces), np.mean([values(EL2N(), trace) for trace in traces], axis=0)
    )


def test_a_row_that_was_seen_too_late_is_named():
    """What counts is the first epochs: a row that they did not see is refused."""
    trace = recorded([[1.0, nan], [1.0, nan], [1.0, 2.0]])
    values(EL2N(epochs=3), trace)
    with pytest.raises(
        AssayError, match=r"1 row\(s\) were not seen in the first 2 epochs of training, such as 1"
    ):
        values(EL2N(epochs=2), trace)


@pytest.mark.parametrize("epochs", [0, -1, 2.5, True, "10", None])
def test_bad_epochs(epochs):
    """What is no number of epochs is refused, also when it came by set_params."""
    with pytest.raises(AssayError, match=r"^EL2N\.epochs is"):
        EL2N(epochs=epochs)
    with pytest.raises(AssayError, match=r"^EL2N\.epochs is"):
        values(EL2N().set_params(epochs=epochs), recorded([[1.0]]))


def test_numbers_are_refused():
    """Labels that are numbers have no indicator."""
    with pytest.raises(AssayError, match=r"^EL2N is for classes"):
        value(Problem(Data(np.zeros((2, 1)), [0.1, 0.2]), trace=recorded([[1.0, 1.0]])), EL2N())
