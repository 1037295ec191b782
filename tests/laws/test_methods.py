"""Laws of every registered method: a new one is tested by being listed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from truth import Notebook, suited

import assay
from assay import REGISTRY, AssayError, Data, Needs, Problem, Stop, Valuation, Valuer, value

STOP = Stop(evals=250)


@pytest.fixture(params=sorted(REGISTRY))
def method(request) -> Valuer:
    """Each registered method, with its defaults."""
    return REGISTRY[request.param]()


def run(problem: Problem, method: Valuer, **how) -> Valuation:
    """Value quietly."""
    return value(problem, method, stop=how.pop("stop", STOP), progress=False, **how)


def test_one_finite_value_a_row(method):
    """A method gives every row one finite value, in row order, under the row's own key."""
    problem = suited(method)
    train = Data(problem.train.X, problem.train.y, ids=[f"row {i}" for i in range(problem.n)])
    valuation = run(replace(problem, train=train), method)
    assert valuation.values.shape == (problem.n,)
    assert np.isfinite(valuation.values).all()
    assert valuation.ids.tolist() == train.ids.tolist()
    assert valuation.method == type(method).__name__


def test_same_seed_same_bits(method):
    """The same seed gives the same bits, with one worker and with two."""
    first, second, apart = (run(suited(method), method, seed=7, n_jobs=jobs) for jobs in (None, 1, 2))
    for other in (second, apart):
        assert first.values.tobytes() == other.values.tobytes()
        assert (first.stderr is None) == (other.stderr is None)
        if first.stderr is not None:
            assert first.stderr.tobytes() == other.stderr.tobytes()


def test_the_problem_is_not_touched(method):
    """Valuing changes no array and fits no model in place."""
    problem = suited(method)
    parts = (problem.train.X, problem.train.y, problem.valid.X, problem.valid.y)
    before = [part.copy() for part in parts]
    run(problem, method)
    for part, copy in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part, copy)
    assert not hasattr(problem.model, "classes_")


def test_permuting_rows_permutes_values(method):
    """The order of the rows does not matter: exactly for closed forms, within the errors for the others."""
    problem = suited(method)
    order = np.random.default_rng(5).permutation(problem.n)
    a = run(problem, method, seed=1)
    b = run(replace(problem, train=problem.train.take(order)), method, seed=2)
    if a.stderr is None:
        np.testing.assert_allclose(b.values, a.values[order], atol=1e-12)
    else:
        z = (b.values - a.values[order]) / np.hypot(a.stderr[order], b.stderr)
        assert np.abs(z).max() < 4.5


def test_text_labels_are_worth_what_numbers_are(method):
    """Naming the classes changes no value."""
    numbers, text = suited(method), suited(method, text=True)
    flipped = Data(numbers.train.X, 1 - numbers.train.y), Data(numbers.valid.X, 1 - numbers.valid.y)
    same_order = replace(numbers, train=flipped[0], valid=flipped[1])  # "hi" < "lo" as 0 < 1
    a, b = run(same_order, method), run(text, method)
    np.testing.assert_allclose(a.values, b.values, atol=1e-12)


def test_names_what_is_missing(method):
    """A problem that lacks everything is refused, by the method's name, before anything is computed."""
    bare = Problem(Data(np.zeros((4, 2))))
    if method.needs is Needs.NOTHING:
        assert len(run(bare, method)) == 4
        return
    lacks = rf"^{type(method).__name__} needs (labels|a trace) .*pass assay\.Problem\("
    with pytest.raises(AssayError, match=lacks):
        run(bare, method)


def test_several_labels_a_row_are_taken_or_refused(method):
    """Labels in columns are valued by the methods that say so, and refused by name by all others."""
    p = suited(method)
    train, valid = (Data(part.X, np.column_stack([part.y, 1 - part.y])) for part in (p.train, p.valid))
    problem = replace(p, train=train, valid=valid)
    if method.multilabel or method.needs is Needs.NOTHING:
        assert np.isfinite(run(problem, method).values).all()
        return
    with pytest.raises(AssayError, match=rf"^{type(method).__name__} takes one label a row, and Data"):
        run(problem, method)


def test_interrupted_and_resumed_same_bits(method):
    """A run that is broken off and repeated with the same memory ends in the same bits."""
    whole, memory = run(suited(method), method, seed=3), Notebook()

    def interrupt(now: Valuation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(suited(method), method, seed=3, memory=memory, on_estimate=interrupt)
    again = run(suited(method), method, seed=3, memory=memory)
    assert again.values.tobytes() == whole.values.tobytes()


def test_without_validation_rows_no_row_judges_itself(method):
    """With no validation rows a method that needs them is cross-fitted, and says so."""
    problem = replace(suited(method), valid=None)
    valuation = run(problem, method)
    judged = bool(method.needs & (Needs.VALID | Needs.GAME))
    assert ("cross-fitted in 5 folds" in valuation.method) == judged
    assert np.isfinite(valuation.values).all()


def test_is_a_scikit_learn_estimator(method):
    """A method clones with its settings, and `fit` gives what `value` gives."""
    assert clone(method).get_params() == method.get_params()
    p = suited(method)
    sides = {"X_valid": p.valid.X, "y_valid": p.valid.y, "model": p.model}
    fitted = clone(method).fit(p.train.X, p.train.y, **sides, stop=STOP, seed=4)
    np.testing.assert_array_equal(fitted.values_, run(p, method, seed=4).values)


def test_cites_its_source_and_shows_an_example(method):
    """The docstring names the source and holds an example that doctest runs."""
    text = inspect.getdoc(type(method)) or ""
    assert "Source:" in text
    assert ">>> " in text


def test_is_final(method):
    """A method is final, and says so to the type checker."""
    assert not type(method).__subclasses__()
    assert getattr(type(method), "__final__", False)


def test_every_method_file_is_registered():
    """Every concrete method in the package is in the registry, under its own name, and at the top level."""
    package, found = importlib.import_module("assay.methods"), {}
    for module in pkgutil.walk_packages(package.__path__, "assay.methods."):
        for name, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(thing, Valuer) and not inspect.isabstract(thing):
                found[name] = thing
    assert found == REGISTRY
    assert all(getattr(assay, name) is thing for name, thing in REGISTRY.items())
