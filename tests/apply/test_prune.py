"""Pruning: the right rows go, the gap does not turn round, and the measures are those of plain refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from assay import AssayError, Data, Influence, KNNShapley, Problem, Valuation, prune, value
from assay._gradients.target import Reading
from assay.apply._effect import accuracy_of, effect_of
from assay.apply._how_many import how_many
from assay.apply._refits import Refits

GAPS = ("demographic_parity", "equal_opportunity")


def made(n: int = 300, seed: int = 0, gap: float = 1.0):
    """Train, valid and test rows of two classes, more of one in one group; some labels are wrong."""
    rng = np.random.default_rng(seed)
    s = rng.integers(2, size=3 * n)
    X = np.column_stack([rng.normal(size=(3 * n, 3)), s])
    y = X[:, 0] - X[:, 1] + gap * s + rng.normal(size=3 * n) > gap / 2
    y[:n:10] = ~y[:n:10]
    parts = (Data(X[k : k + n], y[k : k + n], groups=np.where(s, "m", "f")[k : k + n]) for k in (0, n, 2 * n))
    train, valid, test = parts
    return Problem(train, valid, LogisticRegression(C=1.0)), test


def valued(problem, target="loss"):
    """The values for a target, without what rows are worth to single judges."""
    return replace(value(problem, Influence(target=target), progress=False), per_valid=None)


def gap_of(model, data, target):
    """The gap m less f, from the definition."""
    p = model.predict_proba(data.X)[:, 1]
    if target == "equal_opportunity":
        return np.subtract(*(-np.log(p[(data.groups == g) & data.y]).mean() for g in ("m", "f")))
    return np.subtract(*(p[data.groups == g].mean() for g in ("m", "f")))


def test_the_lowest_rows_go_and_no_others():
    """Up to the share, rows of value below 0 go, lowest first; the problem that is left holds the others."""
    problem, test = made()
    valuation = valued(problem)
    pruned = prune(problem, valuation, test=test, share=0.05)
    np.testing.assert_array_equal(pruned.dropped, valuation.lowest(15))
    np.testing.assert_array_equal(np.sort(np.r_[pruned.kept, pruned.dropped]), np.arange(300))
    np.testing.assert_array_equal(pruned.problem.train.X, problem.train.X[pruned.kept])
    assert f"the lowest of {(valuation.values < 0).sum()} of value below 0" in str(pruned)
    few = Valuation(np.where(np.arange(300) < 7, -1.0, 1.0), ids=problem.train.ids)
    pruned = prune(problem, few, test=test)
    np.testing.assert_array_equal(pruned.dropped, np.arange(7))
    assert str(pruned).startswith("Dropped 7 of 300 rows (2.3%): all of value below 0")


def test_where_nothing_harms_nothing_changes():
    """Without a value below 0 no row goes, and every effect is exactly 0."""
    problem, test = made()
    pruned = prune(problem, Valuation(np.ones(300)), test=test, target="demographic_parity")
    assert len(pruned.dropped) == 0
    assert all((e.gain, e.low, e.high) == (0, 0, 0) and e.before == e.after for e in pruned.effects)
    assert not pruned.proven


@pytest.mark.parametrize("target", GAPS)
def test_effects_are_those_of_plain_refits(target):
    """Gap, loss and accuracy are what scikit-learn's own refits give on the test rows."""
    problem, test = made()
    pruned = prune(problem, valued(problem, target), test=test, target=target)
    train = problem.train
    exact = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
    models = [replace_fit(exact, train, np.arange(300)), replace_fit(exact, train, pruned.kept)]
    gaps = [abs(gap_of(model, test, target)) for model in models]
    hits = [model.score(test.X, test.y) for model in models]
    losses = [
        -np.log(model.predict_proba(test.X)[np.arange(300), test.y.astype(int)]).mean() for model in models
    ]
    for effect, wanted in zip(pruned.effects, (gaps, losses, hits), strict=True):
        assert (effect.before, effect.after) == pytest.approx(wanted, abs=1e-6)
    assert [effect.name for effect in pruned.effects] == [target, "loss", "accuracy"]
    assert pruned.effects[0].gain == pytest.approx(gaps[0] - gaps[1], abs=1e-6)
    assert pruned.effects[2].gain == pytest.approx(hits[1] - hits[0], abs=1e-12)
    assert pruned.to_frame().loc["loss", "gain"] == pruned.effects[1].gain


def replace_fit(model, train, rows):
    """A copy fitted on these rows."""
    from sklearn.base import clone

    return clone(model).fit(train.X[rows], train.y[rows])


@pytest.mark.parametrize("target", GAPS)
def test_pruning_narrows_a_gap(target):
    """A gap that is there gets measurably smaller on rows that had no part in it."""
    problem, test = made(n=600, gap=1.0)
    pruned = prune(problem, valued(problem, target), test=test, target=target)
    assert pruned.proven


@pytest.mark.parametrize("target", GAPS)
def test_the_gap_does_not_turn_round(target):
    """Where the share would overshoot, the most rows are dropped that leave the gap's sign on the judges."""
    problem, test = made(gap=0.15 if target == "demographic_parity" else 0.3)
    valuation = valued(problem, target)
    pruned = prune(problem, valuation, test=test, share=0.4, target=target)
    assert len(pruned.dropped) < min(120, (valuation.values < 0).sum())
    assert "would turn round" in pruned.why
    signs = []
    for count in (0, len(pruned.dropped), len(pruned.dropped) + 1):
        kept = np.setdiff1d(np.arange(300), valuation.lowest(count))
        exact = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
        signs.append(np.sign(gap_of(replace_fit(exact, problem.train, kept), problem.valid, target)))
    assert signs[0] == signs[1] == -signs[2]


def test_robustness_is_measured_on_two_attacks():
    """The loss after an attack on the model before, which goes down, and after one on each model."""
    problem, test = made()
    pruned = prune(problem, valued(problem, "robustness"), test=test, target="robustness")
    same, anew, _, _ = pruned.effects
    before, after = (Refits(problem)(rows).judged for rows in (np.arange(300), pruned.kept))
    moved = before.attacked(test)
    assert (same.before, same.after) == pytest.approx(
        [before.losses(moved).mean(), after.losses(moved).mean()]
    )
    assert anew.after == pytest.approx(after.losses(after.attacked(test)).mean())
    assert same.proven


def test_interval_of_a_mean_is_the_paired_t_interval():
    """For a mean loss the interval is that of scipy's paired test; of accuracy too."""
    rng = np.random.default_rng(0)
    a, b = rng.exponential(size=(2, 80))
    plain = np.full(80, 1 / 80), np.ones(80, int), "loss", None
    found = effect_of("loss", Reading(a, *plain), Reading(b, *plain))
    wanted = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx([wanted.low, wanted.high])
    a, b = rng.integers(2, size=(2, 80)).astype(float)
    found = accuracy_of(a, b)
    wanted = stats.ttest_rel(b, a).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx([wanted.low, wanted.high])


def test_interval_of_a_gap_is_welchs():
    """For a gap the interval is that of scipy's Welch test between the groups' differences; size counts."""
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 90))
    strata = np.repeat([1, -1, 0], [40, 30, 20])
    weights = (strata == 1) / 40 - (strata == -1) / 30
    for shifts in ((0.6, 0.6), (-0.9, -0.9), (0.6, -0.9)):  # of the first group: gaps of either sign
        numbers = [x + shift * (strata == 1) for x, shift in zip((a, b), shifts, strict=True)]
        found = effect_of("gap", *(Reading(x, weights, strata, "probability", None) for x in numbers))
        d = numbers[0] * np.sign(shifts[0]) - numbers[1] * np.sign(shifts[1])
        wanted = stats.ttest_ind(d[strata == 1], d[strata == -1], equal_var=False).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx([wanted.low, wanted.high])
        assert found.gain == pytest.approx(abs(numbers[0] @ weights) - abs(numbers[1] @ weights))


@pytest.mark.parametrize(
    "model",
    [GaussianNB(), RandomForestClassifier(20), LogisticRegression(l1_ratio=1, solver="saga", max_iter=5000)],
)
def test_any_estimator_and_any_method(model):
    """Models without gradients are measured by their probabilities, the same for the same seed."""
    problem, test = made()
    problem = replace(problem, model=model)
    valuation = value(problem, KNNShapley(), progress=False)
    first, again = (
        prune(problem, valuation, test=test, target="demographic_parity", seed=3) for _ in range(2)
    )
    assert first.effects == again.effects
    if isinstance(model, GaussianNB):
        gap = abs(gap_of(replace_fit(model, problem.train, first.kept), test, "demographic_parity"))
        assert first.effects[0].after == pytest.approx(gap)


def test_numbers_and_pipelines():
    """Numbers have no accuracy; a scaler before the model stays as it was fitted on all rows."""
    problem, test = made()
    numbers = [
        Data(d.X[:, :2], d.X[:, 2] + d.X[:, 0], groups=d.groups) for d in (problem.train, problem.valid, test)
    ]
    model = make_pipeline(StandardScaler(), Ridge(5.0))
    problem = Problem(*numbers[:2], model)
    pruned = prune(problem, valued(problem), test=numbers[2])
    assert [effect.name for effect in pruned.effects] == ["loss"]
    scaler = StandardScaler().fit(problem.train.X)
    last = Ridge(5.0).fit(scaler.transform(problem.train.X[pruned.kept]), problem.train.y[pruned.kept])
    wanted = ((last.predict(scaler.transform(numbers[2].X)) - numbers[2].y) ** 2).mean()
    assert pruned.effects[0].after == pytest.approx(wanted)


def test_bad_input_is_named():
    """Each wrong argument is refused in one sentence that names it."""
    problem, test = made(n=60)
    good = valued(problem)
    for share in (0, 1, -0.1, "5%", None, np.nan):
        with pytest.raises(AssayError, match=r"^share is .*between 0 and 1\.$"):
            prune(problem, good, test=test, share=share)
    cases = [
        (dict(target="fair"), r"^The target is 'fair'; choose 'loss'"),
        (dict(test=problem.valid), r"^Some rows of test are rows of problem\.valid"),
        (dict(test=Data(problem.train.X, problem.train.y)), r"^Some rows of test are rows of problem\.train"),
        (dict(test=Data(test.X)), "^The rows of test need to be labelled"),
        (dict(test=None), "^The rows of test need to be labelled"),
        (dict(test=Data(test.X[:, :2], test.y)), r"2 feature columns"),
        (dict(test=Data(test.X, test.y), target="demographic_parity"), r"these have none; pass"),
        (dict(test=Data(test.X, test.y, groups=["f"] * 60), target="demographic_parity"), r"are all of 'f'"),
        (
            dict(test=Data(test.X, test.y, groups=["f", "x"] * 30), target="demographic_parity"),
            r"not of both",
        ),
    ]
    for change, words in cases:
        with pytest.raises(AssayError, match=words):
            prune(problem, good, **{"test": test, **change})
    with pytest.raises(AssayError, match=r"^The values are of other rows"):
        prune(problem, Valuation(np.zeros(3)), test=test)
    with pytest.raises(AssayError, match=r"^prune takes an assay\.Problem and an assay\.Valuation"):
        prune(problem, good.values, test=test)
    with pytest.raises(AssayError, match=r"^Refits need an estimator"):
        prune(replace(problem, model=None), good, test=test)
    with pytest.raises(AssayError, match=r"has no predict_proba"):
        prune(replace(problem, model=LinearSVC()), good, test=test)
    with pytest.raises(AssayError, match=r"^Robustness needs gradients"):
        prune(replace(problem, model=GaussianNB()), good, test=test, target="robustness")
    one_class = Valuation(np.where(problem.train.y, -1.0, 1.0))
    with pytest.raises(AssayError, match=r"cannot be fitted on \d+ rows"):
        prune(problem, one_class, test=test, share=0.9)


def test_rows_of_the_same_key_do_not_judge():
    """A test row with the key of a row that chose is refused."""
    problem, test = made(n=60)
    names = [f"r{i}" for i in range(60)]
    train = Data(problem.train.X, problem.train.y, ids=names)
    keyed = replace(problem, train=train)
    with pytest.raises(AssayError, match=r"^Some rows of test are rows of problem\.train"):
        prune(keyed, valued(keyed), test=Data(test.X, test.y, ids=["r3", *(f"t{i}" for i in range(59))]))


def test_some_rows_of_the_same_table_do_not_judge():
    """Rows of one table that overlap are known by keys and features; equal numbers alone say nothing."""
    problem, test = made(n=60)
    both = Data(np.vstack([problem.valid.X, test.X]), np.concatenate([problem.valid.y, test.y]))
    held = replace(problem, valid=both.take(np.arange(60)))
    good = valued(held)
    with pytest.raises(AssayError, match=r"^Some rows of test are rows of problem\.valid"):
        prune(held, good, test=both.take(np.arange(50, 110)))
    assert (
        prune(held, good, test=both.take(np.arange(60, 120))).effects == prune(held, good, test=test).effects
    )


def test_no_more_rows_go_than_help_judges_who_did_not_choose_them():
    """The number of rows is that of the largest mean gain over both halves, by plain refits."""
    problem, test = made()
    valuation = value(problem, Influence(), progress=False)
    pruned = prune(problem, valuation, test=test, share=0.3)
    valid, gains = problem.valid, {}
    order = np.lexsort([np.random.default_rng(0).random(300), valid.y, valid.groups])
    exact = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
    whole = replace_fit(exact, problem.train, np.arange(300))
    for a, b in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        values = valuation.per_valid[:, a].mean(axis=1)
        for count in (90, 45, 22, 11, 5, 2):
            worst = [row for row in np.argsort(values, kind="stable")[:count] if values[row] < 0]
            model = replace_fit(exact, problem.train, np.setdiff1d(np.arange(300), worst))
            for sign, one in ((1, whole), (-1, model)):
                p = one.predict_proba(valid.X[b])[np.arange(len(b)), valid.y[b].astype(int)]
                gains[count] = gains.get(count, 0) - sign * np.log(p).mean()
    assert len(pruned.dropped) == max(gains, key=gains.get) < 90
    np.testing.assert_array_equal(pruned.dropped, valuation.lowest(len(pruned.dropped)))
    assert "help judges who did not choose them" in pruned.why


def test_values_that_are_noise_drop_nothing_much():
    """Where rows are worth nothing but chance, hardly any go, and dropping by the same values harms more."""
    chosen, lost = [], []
    for seed in range(6):
        problem, test = made(n=200, seed=seed)
        per_valid = np.random.default_rng(seed).normal(size=(200, 200))
        valuation = Valuation(per_valid.mean(axis=1), per_valid=per_valid)
        chosen.append(len(prune(problem, valuation, test=test, share=0.4).dropped))
        lost.append(len(prune(problem, replace(valuation, per_valid=None), test=test, share=0.4).dropped))
    assert np.mean(chosen) < np.mean(lost) / 2


def test_how_many_needs_judges():
    """Without what rows are worth to each judge there is no answer, and without harmful rows it is none."""
    problem, _ = made(n=60)
    valuation = value(problem, Influence(), progress=False)
    refits = Refits(problem)
    before = refits(np.arange(60))
    for other in (
        replace(valuation, per_valid=None),
        replace(valuation, per_valid=valuation.per_valid[:, :9]),
    ):
        assert how_many(problem, other, refits, before, 10, "loss", None) is None
    assert how_many(replace(problem, valid=None), valuation, refits, before, 10, "loss", None) is None
    assert how_many(problem, valuation, refits, before, 0, "loss", None) == 0
