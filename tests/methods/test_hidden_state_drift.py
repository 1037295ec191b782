"""Drift of hidden states on paths that were made by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from recorded import recorded, values
from scipy.stats import ortho_group
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor

from assay import AssayError, Data, HiddenStateDrift, Problem, value
from assay.methods.dynamics import _runs

nan = np.nan


def moved(*states, ids=None):
    """A trace with these hidden states, an array (n, k) an epoch."""
    hidden = np.stack(states)
    return recorded(np.ones(hidden.shape[:2]), ids=ids, hidden=hidden)


def drift(*states) -> np.ndarray:
    """What the method says of them."""
    return values(HiddenStateDrift(), moved(*states))


def paths(seed: int, epochs: int = 4, n: int = 20, k: int = 3) -> np.ndarray:
    """Random states."""
    return np.random.default_rng(seed).normal(size=(epochs, n, k))


def plain(states: np.ndarray) -> np.ndarray:
    """The definition, a row and a step at a time, with the map by `LinearRegression`."""
    total = np.zeros(states.shape[1])
    for old, new in pairwise(states):
        fitted = LinearRegression().fit(old, new).predict(old)
        centre = new.mean(axis=0)
        for row, (here, there) in enumerate(zip(new - centre, fitted - centre, strict=True)):
            total[row] += np.linalg.norm(here - there) / (np.linalg.norm(here) + np.linalg.norm(there))
    return -total / (len(states) - 1)


@pytest.mark.parametrize("seed", range(3))
def test_is_the_definition(seed):
    """Random paths: the mean over the steps of what a least-squares fit with intercept leaves over."""
    states = paths(seed)
    np.testing.assert_allclose(drift(*states), plain(states), rtol=1e-9)


def test_by_hand():
    """States on a line, -1, 1, -1, 1, go to -1, 1, 1, -1: the map is 0, so all is left over: 1 each."""
    before, after = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([[-1.0], [1.0], [1.0], [-1.0]])
    np.testing.assert_allclose(drift(before, after), [-1, -1, -1, -1])


def test_the_row_that_goes_elsewhere_is_lowest():
    """All states are turned, stretched and shifted, and one besides goes to the other side: it is lowest.

    The map is least squares, and one row of 400 pulls it by about 1%: little is left over of the others.
    """
    rng = np.random.default_rng(0)
    states = rng.normal(size=(400, 3))
    after = 2 * states @ ortho_group.rvs(3, random_state=0) + 5
    assert np.abs(drift(states, after)).max() < 1e-12
    after[7] -= 3 * (after[7] - after.mean(axis=0))
    found = drift(states, after)
    assert found.argmin() == 7
    assert found[7] < -0.95
    assert np.median(found) > -0.02


@pytest.mark.parametrize("seed", range(3))
def test_shifts_turns_and_stretches_of_an_epoch_change_nothing(seed):
    """Any similarity of any epoch's states leaves every value as it was."""
    states, rng = paths(seed), np.random.default_rng(seed)
    other = [
        rng.uniform(0.1, 9) * now @ ortho_group.rvs(3, random_state=rng) + rng.normal(size=3)
        for now in states
    ]
    np.testing.assert_allclose(drift(*other), drift(*states), rtol=1e-8)


def test_units_that_are_dead_change_nothing():
    """A unit that is the same for all rows, or a copy of another, adds nothing."""
    states = paths(3)
    dead = np.concatenate([states, np.full_like(states[..., :1], 7.0)], axis=2)
    np.testing.assert_allclose(drift(*dead), drift(*states), rtol=1e-8)


def test_states_that_stand_still_do_not_drift():
    """Without movement values are 0, also where all states are one."""
    np.testing.assert_allclose(drift(*[paths(0)[0]] * 3), np.zeros(20), atol=1e-12)
    np.testing.assert_array_equal(drift(np.ones((5, 2)), np.ones((5, 2))), np.zeros(5))


def test_the_order_of_rows_does_not_matter():
    """Rows in another order have the same values."""
    states, order = paths(4), np.random.default_rng(1).permutation(20)
    np.testing.assert_allclose(drift(*states[:, order]), drift(*states)[order], rtol=1e-10)


def test_steps_that_did_not_see_a_row_do_not_count():
    """A row that one epoch missed is left out of both steps beside it, for the map as for its mean."""
    states = paths(5, epochs=4)
    states[1, 2] = nan
    steps = []
    for old, new in pairwise(states):
        both = ~np.isnan(old + new).any(axis=1)
        found = np.full(20, nan)
        found[both] = plain(np.stack([old[both], new[both]]))
        steps.append(found)
    np.testing.assert_allclose(drift(*states), np.nanmean(steps, axis=0), rtol=1e-9)
    assert drift(*states)[0] != drift(*paths(5, epochs=4))[0]


def test_traces_are_averaged():
    """Two trainings count alike, also of other widths and lengths."""
    one, two = paths(6), paths(7, epochs=3, k=2)
    found = values(HiddenStateDrift(), moved(*one), moved(*two))
    np.testing.assert_allclose(found, (plain(one) + plain(two)) / 2, rtol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    """States read a row at a time from float16 give what they give at once."""
    states = paths(8).astype(np.float16)
    whole = drift(*states)
    monkeypatch.setattr(_runs, "NUMBERS", 1)
    np.testing.assert_allclose(drift(*states), whole, rtol=1e-10)
    np.testing.assert_allclose(whole, plain(states.astype(float)), rtol=1e-9)


@pytest.mark.parametrize("network", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_the_last_hidden_layer_of_a_network_of_scikit_learn(network, activation):
    """Without a trace, states are what a second network of the same weights computes after each epoch."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(int) if network is MLPClassifier else X[:, 0] + 0.5 * X[:, 1]
    how = {"hidden_layer_sizes": (5, 3), "activation": activation, "max_iter": 4, "solver": "sgd"}
    shape = {"identity": lambda z: z, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}
    shape["logistic"] = lambda z: 1 / (1 + np.exp(-z))
    twin, states = network(**how, random_state=np.random.RandomState(3)), []
    for _ in range(4):
        twin.partial_fit(X, y, **({"classes": [0, 1]} if network is MLPClassifier else {}))
        first = shape[activation](X @ twin.coefs_[0] + twin.intercepts_[0])
        states.append(shape[activation](first @ twin.coefs_[1] + twin.intercepts_[1]))
    model = network(**how, random_state=3)
    with np.errstate(all="ignore"):
        found = value(Problem(Data(X, y), model=model), HiddenStateDrift(), progress=False).values
    np.testing.assert_allclose(found, drift(*states), rtol=1e-6, atol=1e-9)
    assert not hasattr(model, "coefs_")


def test_labels_are_not_looked_at():
    """Without labels, or with any, a trace gives the same values."""
    states = paths(9)
    bare = value(Problem(Data(np.zeros((20, 1))), trace=moved(*states)), HiddenStateDrift()).values
    np.testing.assert_array_equal(bare, drift(*states))


def test_what_shows_no_movement_is_refused():
    """No hidden states, one epoch, few rows, a row never seen, a model without labels: each by its fault."""
    for problem in (
        Problem(Data(np.zeros((1, 1))), trace=recorded([[1.0]])),
        Problem(Data(np.arange(8.0)[:, None], [0, 1] * 4), model=SGDClassifier(max_iter=2)),
    ):
        with pytest.raises(
            AssayError, match=r"^HiddenStateDrift: the training showed no hidden states; record"
        ):
            value(problem, HiddenStateDrift())
    with pytest.raises(AssayError, match=r"^HiddenStateDrift needs at least 2 epochs"):
        drift(paths(0)[0])
    with pytest.raises(
        AssayError, match=r"4 rows were seen in two epochs on end, and states of 3 numbers need"
    ):
        drift(*paths(0, n=4))
    states = paths(0)
    states[1::2, 5] = nan
    with pytest.raises(
        AssayError, match=r"^HiddenStateDrift: 1 row\(s\) were not seen in training, such as 5"
    ):
        drift(*states)
    with pytest.raises(AssayError, match=r"^HiddenStateDrift trains the model, and needs one label a row"):
        value(Problem(Data(np.zeros((3, 1))), model=MLPClassifier()), HiddenStateDrift())
