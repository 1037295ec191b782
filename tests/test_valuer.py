"""value: needs, names, stopping, and runs that are broken off."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from truth import Notebook, of_game, random_game, two_clouds

from assay import (
    AssayError,
    Banzhaf,
    Data,
    DataOOB,
    KNNShapley,
    Problem,
    Random,
    Shapley,
    Status,
    Stop,
    TableGame,
    aum_errors,
    follow,
    plan,
    prune,
    removal_index,
    threshold_labels,
    top_pairs,
    training_map,
    value,
)

ROWS = two_clouds()


class Counted(GaussianNB):
    """A model that counts its fits, and breaks off before the `last`."""

    fits: ClassVar[list[int]] = []
    last: ClassVar[list[float]] = [np.inf]

    def fit(self, X, y):
        """Fit, and remember which rows."""
        if len(self.fits) >= self.last[0]:
            raise KeyboardInterrupt
        self.fits.append(hash(X.tobytes()))
        return super().fit(X, y)


@pytest.fixture
def counted():
    """A problem with a model that counts."""
    Counted.fits.clear()
    Counted.last[0] = np.inf
    return replace(ROWS, model=Counted())


@pytest.mark.parametrize(
    ("problem", "method", "says"),
    [
        (Problem(Data([[0.0]])), KNNShapley(), "^KNNShapley needs labels of the training rows; pass"),
        (Problem(Data([[0.0]])), Shapley(), "^Shapley needs labels of the training rows, a model to refit"),
        (Problem(ROWS.train, ROWS.valid), Banzhaf(), r"^Banzhaf needs a model .*model=an estimator\)\.$"),
        (Problem(ROWS.train, Data(ROWS.valid.X)), KNNShapley(), "labels of the validation rows"),
        (
            Problem(Data(ROWS.train.X), Data(ROWS.valid.X)),
            Shapley(),
            "training rows, labels of the valid.*, a mod",
        ),
        (Problem(Data([[0.0]])), DataOOB(), "^DataOOB needs labels of the training rows"),
        (ROWS, KNNShapley, "pass a method such as"),
    ],
)
def test_all_that_is_missing_is_named_with_the_fix(problem, method, says):
    """One sentence holds the method, everything it lacks, and how to pass it."""
    with pytest.raises(AssayError, match=says):
        value(problem, method, progress=False)


def test_needs_are_checked_before_anything_is_computed(counted):
    """A refused problem fitted no model."""
    with pytest.raises(AssayError):
        value(replace(counted, valid=Data(counted.valid.X)), Shapley(), progress=False)
    assert not Counted.fits


@pytest.mark.parametrize("method", [Shapley(), Banzhaf(), DataOOB()])
def test_evaluations_keep_to_the_budget(method):
    """No more are paid for than asked, and every estimate on the way is handed over."""
    seen = []
    last = value(ROWS, method, stop=Stop(evals=900), progress=False, on_estimate=seen.append)
    assert last.evals <= 900 < last.evals + (seen[-1].evals - seen[-2].evals)
    assert last.status is Status.budget
    assert [v.status for v in seen[:-1]] == [Status.running] * (len(seen) - 1)
    assert seen[-1] is last
    assert last.seconds > 0


def test_time_ends_a_run():
    """A run that would never end by itself stops soon after its time."""
    method = Shapley(design="permutations")
    last = value(of_game(random_game(4, 0)), method, stop=Stop(seconds=0.1), progress=False)
    assert last.status is Status.budget
    assert 0.1 <= last.seconds < 5


@pytest.mark.parametrize("name", ["LeaveOneOut", "Banzhaf", "Shapley"])
def test_an_interrupted_run_resumes_where_it_stopped(counted, name):
    """Ctrl-C in the middle of a refit: the rerun fits only what is new, and ends in the same bits."""
    stop, memory = Stop(evals=700), Notebook()
    whole = value(counted, name, stop=stop, seed=2, progress=False)
    fits = len(Counted.fits)
    Counted.fits.clear()
    Counted.last[0] = 250 if name != "LeaveOneOut" else 13
    with pytest.raises(KeyboardInterrupt):
        value(counted, name, stop=stop, seed=2, memory=memory, progress=False)
    done, Counted.last[0] = len(Counted.fits), np.inf
    again = value(counted, name, stop=stop, seed=2, memory=memory, progress=False)
    assert again.values.tobytes() == whole.values.tobytes()
    assert again.evals == whole.evals
    lost = ROWS.n if name == "Shapley" else 0  # an order is remembered whole
    assert done < fits <= len(Counted.fits) <= fits + lost
    third = value(counted, name, stop=stop, seed=2, memory=memory, progress=False)
    assert third.values.tobytes() == whole.values.tobytes()


def test_a_memory_is_of_one_question(counted):
    """Another score, or other rows, share no worths; another method does."""
    memory = Notebook()
    value(counted, "LeaveOneOut", memory=memory, progress=False)
    lines = len(memory.lines)
    assert lines == counted.n + 1
    value(replace(counted, score="balanced_accuracy"), "LeaveOneOut", memory=memory, progress=False)
    assert len(memory.lines) == 2 * lines
    Counted.fits.clear()
    value(counted, "Banzhaf", stop=Stop(evals=10), memory=memory, progress=False)
    assert len(Counted.fits) <= 64  # all rows were known


def test_a_game_of_ones_own_is_named_by_its_owner():
    """`memory=` cannot name it, and says how to."""
    with pytest.raises(AssayError, match="CachedGame"):
        value(of_game(random_game(3, 0)), Shapley(), memory=Notebook(), progress=False)


def test_fit_takes_what_value_takes():
    """The scikit-learn way in: lists, text labels, judges, and a seed."""
    method = KNNShapley(k=1).fit([[0.0], [1.0]], ["a", "b"], X_valid=[[0.1]], y_valid=["a"])
    np.testing.assert_array_equal(method.values_, [1.0, 0.0])
    assert method.valuation_.status is Status.exact


def test_seeds_differ():
    """Two seeds are two draws."""
    game = of_game(TableGame(np.arange(8.0) ** 2))
    method, stop = Shapley(design="permutations"), Stop(evals=100)
    a, b = (value(game, method, stop=stop, seed=s, progress=False).values for s in (0, 1))
    assert (a != b).any()


def test_nothing_is_written_where_nobody_watches(capfd):
    """Off a terminal a run is silent, even with progress on."""
    value(ROWS, Random(), progress=True)
    value(ROWS, Banzhaf(), stop=Stop(evals=200), progress=True)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_on_stderr(monkeypatch, capsys):
    """On a terminal the bar names the method, and standard output stays clean."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    value(ROWS, Banzhaf(), stop=Stop(evals=200))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Banzhaf" in shown.err


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_what_is_no_seed_is_refused_by_all_that_draw(seed):
    """None too: two runs that cannot be told apart would differ."""
    model, most = LogisticRegression(), value(ROWS, KNNShapley(), progress=False)
    calls = [
        lambda: value(ROWS, "Banzhaf", seed=seed, progress=False),
        lambda: plan(ROWS, "Banzhaf", stop=Stop(evals=10), seed=seed),
        lambda: follow(model, ROWS.train, seed=seed),
        lambda: training_map(replace(ROWS, model=model), seed=seed),
        lambda: threshold_labels(ROWS.train.y, seed=seed),
        lambda: aum_errors(model, ROWS.train, seed=seed),
        lambda: top_pairs(replace(ROWS, model=model), seed=seed),
        lambda: prune(replace(ROWS, model=model), most, test=ROWS.valid, seed=seed),
        lambda: removal_index(ROWS, most, judges=ROWS.valid, seed=seed),
    ]
    for call in calls:
        with pytest.raises(AssayError, match=r"^seed is"):
            call()
