"""Evaluations: asked for once, read as every semivalue."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from truth import TRUTHS, of_game, random_game, two_clouds

import assay
from assay import (
    AssayError,
    Banzhaf,
    BetaShapley,
    Data,
    Evaluations,
    KNNShapley,
    LeaveOneOut,
    Problem,
    Shapley,
    Status,
    Stop,
    WeightedBanzhaf,
    evaluate,
    values_of,
)

METHODS = [Shapley(), Banzhaf(), BetaShapley(alpha=4, beta=1), WeightedBanzhaf(p=0.8)]


class CountingTree(DecisionTreeClassifier):
    """A tree that counts how often any of its kind was fitted."""

    fits: ClassVar[list[int]] = []

    def fit(self, *args, **how):
        """Fit, and count."""
        self.fits.append(1)
        return super().fit(*args, **how)


def asked(game, methods=METHODS, **how) -> Evaluations:
    """Ask quietly."""
    return evaluate(of_game(game), methods, progress=False, **how)


def test_all_coalitions_give_every_semivalue_exactly():
    """Once all 2**n are known, each method equals its enumeration, leave-one-out too."""
    game = random_game(6, 1)
    methods = [*METHODS, LeaveOneOut()]
    evaluations = asked(game, methods, design="stratified", stop=Stop(evals=64))
    for method, found in zip(methods, values_of(evaluations, methods), strict=True):
        np.testing.assert_allclose(found.values, TRUTHS[type(method).__name__](game.worths), atol=1e-12)
        assert found.status is Status.exact
        assert found.method == type(method).__name__


@pytest.mark.parametrize("design", ["permutations", "antithetic", "stratified", "owen", "coins"])
def test_one_set_of_evaluations_gives_every_semivalue(design):
    """Over 40 seeds the errors of each are centred and scatter as their standard errors say."""
    game, z = random_game(8, 2), []
    for seed in range(40):
        evals = 150 if design == "stratified" else 1500
        found = values_of(asked(game, design=design, seed=seed, stop=Stop(evals=evals)), METHODS)
        truths = [TRUTHS[type(method).__name__](game.worths) for method in METHODS]
        z.append([(v.values - t) / v.stderr for v, t in zip(found, truths, strict=True)])
    z = np.array(z)
    assert (z.std(axis=(0, 2)) > 0.75).all()
    assert (z.std(axis=(0, 2)) < 1.25).all()
    assert (np.abs(z.mean(axis=(0, 2))) < 0.3).all()


def test_a_store_answers_again(tmp_path):
    """With a store as memory the second set asks the model for nothing, and is the same bits."""
    problem = replace(two_clouds(), model=CountingTree(max_depth=1, random_state=0))
    with assay.store.open(tmp_path / "worths.duckdb") as store:
        first = evaluate(problem, METHODS, stop=Stop(evals=120), progress=False, memory=store)
    before = len(CountingTree.fits)
    with assay.store.open(tmp_path / "worths.duckdb") as store:
        again = evaluate(problem, METHODS, stop=Stop(evals=120), progress=False, memory=store)
    assert len(CountingTree.fits) - before <= 2  # the first fit checks the model's settings
    assert before > 50
    assert first.worths.tobytes() == again.worths.tobytes()
    assert first.rows.tobytes() == again.rows.tobytes()


@pytest.mark.parametrize("design", ["stratified", "antithetic"])
def test_a_file_holds_the_same_bits(tmp_path, design):
    """Saved and loaded, evaluations are the same, and give the same values."""
    problem = Problem(Data(np.zeros((5, 1)), ids=list("abcde")), game=random_game(5, 3))
    kept = evaluate(problem, METHODS, design=design, stop=Stop(evals=30), progress=False)
    kept.save(tmp_path / "asked.npz")
    back = Evaluations.load(tmp_path / "asked.npz")
    assert back.ids.tolist() == list("abcde")
    for one, other in zip(values_of(kept, METHODS), values_of(back, METHODS), strict=True):
        assert one.values.tobytes() == other.values.tobytes()
        assert one.evals == other.evals


def test_what_was_not_asked_for_is_not_read():
    """Fair coins over 40 rows say nothing of coalitions of few: refused, with the right design named."""

    class Sizes:
        n = 40

        def __call__(self, coalitions):
            return coalitions.sum(axis=1).astype(float)

    problem = Problem(Data(np.zeros((40, 1))), game=Sizes())
    evaluations = evaluate(problem, [Banzhaf()], design="coins", stop=Stop(evals=3000), progress=False)
    found = values_of(evaluations, [Banzhaf()])[0]
    assert (np.abs(found.values - 1) < 4 * found.stderr).all()
    with pytest.raises(AssayError, match=r"Shapley cannot be read.*stratified"):
        values_of(evaluations, [Shapley()])


@pytest.mark.parametrize(
    ("problem", "methods", "says"),
    [
        (of_game(random_game(3, 0)), [], "methods holds nothing"),
        (of_game(random_game(3, 0)), [KNNShapley()], "methods holds KNNShapley"),
        (of_game(random_game(3, 0)), [Shapley], "methods holds "),
        (replace(two_clouds(), valid=None), [Shapley()], "rows that judge"),
        (replace(two_clouds(), model=None), [Shapley()], "Shapley needs a model"),
    ],
)
def test_what_cannot_be_asked_is_refused(problem, methods, says):
    """Nothing to read, what is no semivalue, no judges, no model."""
    with pytest.raises(AssayError, match=says):
        evaluate(problem, methods, progress=False)


def test_a_file_of_something_else_is_refused(tmp_path):
    """A missing file, and one that holds no evaluations, are named."""
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", a=1)
    for name in ("missing.npz", "text.npz", "other.npz"):
        with pytest.raises(AssayError, match="holds no evaluations"):
            Evaluations.load(tmp_path / name)


def test_shapes_must_fit():
    """A worth for each coalition, or for each prefix."""
    with pytest.raises(AssayError, match=r"Evaluations\.rows"):
        Evaluations(np.zeros((3, 2), bool), np.zeros(2), "coins", np.arange(2), np.zeros(3), False)
