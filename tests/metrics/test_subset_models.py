"""Models on subsets: what scikit-learn fits one by one, kept, carried on, refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import ExtraTreeClassifier
from truth import two_clouds

from assay import AssayError, Data, Problem
from assay.metrics import SubsetModels, linear_datamodeling_score


def numbers(n=60, m=12, d=5, seed=0, **ridge):
    """A ridge regression of noisy numbers."""
    rng = np.random.default_rng(seed)
    X, V = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    beta = rng.normal(size=d)
    train, valid = (Data(A, A @ beta + 1 + rng.normal(size=len(A))) for A in (X, V))
    return Problem(train, valid, Ridge(**ridge))


def grown(problem, count=12, n_jobs=None, **how):
    """Models of `count` subsets, quietly."""
    return SubsetModels(problem, **how).grow(count, n_jobs=n_jobs, progress=False)


def test_subsets():
    """Every subset has floor(share n) rows, all differ, the first whatever their number."""
    models = grown(numbers(), 8, share=0.31)
    assert (models.subsets.sum(axis=1) == 18).all()
    assert len(np.unique(models.subsets, axis=0)) == 8
    np.testing.assert_array_equal(models.subsets[:5], grown(numbers(), 5, share=0.31).subsets)


@pytest.mark.parametrize("d", [5, 80])
@pytest.mark.parametrize("ridge", [{"alpha": 0.3}, {"alpha": 2.0, "fit_intercept": False}])
def test_ridge_in_closed_form(d, ridge):
    """Ridge by either normal equation gives what scikit-learn's fit on the subset predicts."""
    problem = numbers(d=d, **ridge)
    models = grown(problem)
    for subset, found in zip(models.subsets, models.outputs, strict=True):
        fitted = Ridge(**ridge).fit(problem.train.X[subset], problem.train.y[subset])
        truth = -((fitted.predict(problem.valid.X) - problem.valid.y) ** 2)
        np.testing.assert_allclose(found, truth, rtol=1e-8, atol=1e-10)


def test_margin_and_log_loss():
    """The outputs of a classifier are log p / (1 - p), or log p, of the right class, whatever its name."""
    problem = two_clouds(40, 25, text=True, model=LogisticRegression())
    margin, log_loss = (grown(problem, output=name) for name in ("margin", "log_loss"))
    for subset, a, b in zip(margin.subsets, margin.outputs, log_loss.outputs, strict=True):
        fitted = LogisticRegression().fit(problem.train.X[subset], problem.train.y[subset])
        p = fitted.predict_proba(problem.valid.X)[
            np.arange(25), np.searchsorted(fitted.classes_, problem.valid.y)
        ]
        np.testing.assert_allclose(a, np.log(p / (1 - p)), rtol=1e-6)
        np.testing.assert_allclose(b, np.log(p), rtol=1e-9)


def test_class_that_a_subset_lacks():
    """A class that the subset does not have gets the least probability, 1e-9, and nothing is infinite."""
    rows = Data(np.arange(6.0)[:, None], [0, 0, 0, 0, 0, 1])
    models = grown(Problem(rows, rows, GaussianNB()), 20, output="log_loss")
    without = ~models.subsets[:, 5]
    assert 0 < without.sum() < 20
    np.testing.assert_allclose(models.outputs[without, 5], np.log(1e-9))
    np.testing.assert_allclose(models.outputs[without, :5], 0, atol=1e-12)
    assert np.isfinite(grown(Problem(rows, rows, GaussianNB()), 20).outputs).all()


def test_workers_do_not_matter():
    """Processes give the same bits, of a model that leaves its chance open too."""
    problem = two_clouds(30, 10, model=ExtraTreeClassifier())
    alone, two = (grown(problem, 9, n_jobs=jobs) for jobs in (1, 2))
    assert alone.outputs.tobytes() == two.outputs.tobytes()
    assert alone.outputs.tobytes() != grown(problem, 9, seed=1).outputs.tobytes()


def test_carried_on(tmp_path, monkeypatch):
    """Broken off, resumed from the file and extended, the models are the same bits; none is fitted twice."""
    problem, path = numbers(), tmp_path / "models.npz"
    whole = grown(problem, 30)
    broken, fits = SubsetModels(problem, path=path), []

    class Tired:
        def __call__(self, subsets):
            if len(fits) == 3:
                raise KeyboardInterrupt
            fits.append(len(subsets))
            return whole._ask(subsets)

    monkeypatch.setattr(broken, "_ask", Tired())
    with pytest.raises(KeyboardInterrupt):
        broken.grow(30, progress=False)
    again = SubsetModels(problem, path=path)
    assert len(again) == sum(fits) == 12
    again.grow(30, progress=False)
    assert again.outputs.tobytes() == whole.outputs.tobytes()
    assert len(again.grow(10, progress=False)) == 30
    with np.load(path) as file:
        np.testing.assert_array_equal(file["subsets"], whole.subsets)


def test_a_file_of_another_problem(tmp_path):
    """A file is refused for other rows, another model, another seed, and if it is no such file."""
    path = tmp_path / "models.npz"
    grown(numbers(), 3, path=path)
    for problem, how in [
        (numbers(seed=1), {}),
        (numbers(alpha=2.0), {}),
        (numbers(), {"seed": 1}),
        (numbers(), {"share": 0.4}),
    ]:
        with pytest.raises(AssayError, match="holds models of another problem or other settings"):
            SubsetModels(problem, path=path, **how)
    path.write_bytes(b"nothing")
    with pytest.raises(AssayError, match="is not a file of SubsetModels"):
        SubsetModels(numbers(), path=path)


def test_first_order_ridge_is_near_one():
    """Influence on ridge, exact to first order in what is left out, scores above .95 on half subsets.

    Its sign is the convention: the opposite has the opposite score.
    """
    problem = numbers(n=400, m=40, fit_intercept=False)
    X, y, V, v = problem.train.X, problem.train.y, problem.valid.X, problem.valid.y
    H = X.T @ X + np.eye(5)
    beta = np.linalg.solve(H, X.T @ y)
    scores = (X @ np.linalg.solve(H, V.T)) * np.outer(y - X @ beta, v - V @ beta)
    models = grown(problem, 60)
    found = linear_datamodeling_score(scores, models.subsets, models.outputs)
    assert found.value > 0.95
    assert linear_datamodeling_score(-scores, models.subsets, models.outputs).value < -0.95


@pytest.mark.parametrize(
    ("problem", "how", "message"),
    [
        (numbers(), {"share": 0}, "share is 0"),
        (numbers(), {"share": 1.0}, "share is 1.0"),
        (numbers(), {"seed": -1}, "seed is -1"),
        (numbers(), {"output": "margin"}, "does not fit labels that are numbers"),
        (two_clouds(), {"output": "squared_error"}, "does not fit labels that are classes"),
        (two_clouds(), {"output": "loss"}, "choose 'margin'"),
        (two_clouds(model=LinearSVC()), {}, "no predict_proba"),
        (Problem(two_clouds().train), {}, "need model, valid.y"),
        (two_clouds(), {"training": 3}, "leave it out"),
    ],
)
def test_refuses(problem, how, message):
    """What cannot be trained is refused before anything is."""
    with pytest.raises(AssayError, match=message):
        SubsetModels(problem, **how)


def test_refuses_to_grow_to_nothing():
    """The number of subsets is a whole number of at least 1."""
    with pytest.raises(AssayError, match="count is 0"):
        SubsetModels(numbers()).grow(0)
