"""Frozen: steps of a pipeline that are fitted stay as they are, and the last one is a problem of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from truth import two_clouds

from assay import AssayError, Data, ModelGame, Problem
from assay._frozen import frozen

P = two_clouds(24, 20)
ELSEWHERE = np.random.default_rng(9).normal(5, 4, size=(50, 2))
SCALER = StandardScaler().fit(ELSEWHERE)
LAST = LogisticRegression()


def some(n: int) -> np.ndarray:
    """A few coalitions of most rows, so that no class is missing."""
    return np.random.default_rng(3).random((5, n)) < 0.8


def test_fitted_steps_are_done_once():
    """A scaler fitted on other rows scales by those; the worths are those of the last step refitted alone."""
    model = make_pipeline(SCALER, "passthrough", LAST)
    problem = replace(P, model=model)
    got = frozen(problem)
    assert got.model is LAST
    np.testing.assert_array_equal(got.train.X, SCALER.transform(P.train.X))
    np.testing.assert_array_equal(got.valid.X, SCALER.transform(P.valid.X))
    np.testing.assert_array_equal(got.train.ids, P.train.ids)
    worths = ModelGame(problem, refit=True)(some(P.n))
    for coalition, worth in zip(some(P.n), worths, strict=True):
        fitted = LogisticRegression().fit(SCALER.transform(P.train.X[coalition]), P.train.y[coalition])
        assert worth == fitted.score(SCALER.transform(P.valid.X), P.valid.y)


def test_a_step_that_is_not_fitted_is_refitted_with_the_rest():
    """Each coalition then has its own scaler, even where the last step or another is fitted."""
    fitted = LogisticRegression().fit(P.train.X, P.train.y)
    for model in (make_pipeline(StandardScaler(), fitted), make_pipeline(SCALER, SelectKBest(k=1), LAST)):
        problem = replace(P, model=model)
        assert frozen(problem) is problem
        worths = ModelGame(problem)(some(P.n))
        for coalition, worth in zip(some(P.n), worths, strict=True):
            again = make_pipeline(
                *(type(step)(**step.get_params(deep=False)) for _, step in model.steps)
            ).fit(P.train.X[coalition], P.train.y[coalition])
            assert worth == again.score(P.valid.X, P.valid.y)


def test_what_is_no_pipeline_stays():
    """A bare model, one of one step, and one whose last step predicts nothing."""
    bare = replace(P, model=LAST)
    assert frozen(bare) is bare
    assert frozen(replace(P, model=make_pipeline(LAST))).model is LAST
    lame = replace(P, model=make_pipeline(SCALER, "passthrough"))
    assert frozen(lame) is lame
    inner = make_pipeline(make_pipeline(SCALER, FunctionTransformer()), make_pipeline("passthrough", LAST))
    assert frozen(replace(P, model=inner)).model is LAST


def test_sparse_output_is_made_dense_and_names_do_not_matter():
    """A one-hot encoder's matrix; a scaler that was fitted on a frame."""
    import pandas as pd

    codes = (P.train.X > 0).astype(float)
    encoder = OneHotEncoder(handle_unknown="ignore").fit(codes)
    rows = Data(codes, P.train.y)
    got = frozen(Problem(rows, rows, make_pipeline(encoder, DecisionTreeClassifier())))
    np.testing.assert_array_equal(got.train.X, encoder.transform(codes).toarray())
    named = StandardScaler().fit(pd.DataFrame(ELSEWHERE, columns=["a", "b"]))
    got = frozen(replace(P, model=make_pipeline(named, LAST)))
    np.testing.assert_allclose(got.train.X, SCALER.transform(P.train.X), rtol=1e-12)


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler().fit(ELSEWHERE[:, :1]),
        FunctionTransformer(lambda X: np.where(X > 0, X, np.nan)),
        FunctionTransformer(lambda X: X[:3]),
    ],
    ids=["other width", "nan", "other rows"],
)
def test_steps_that_cannot_transform_the_rows_are_refused(step):
    """With the reason, at once."""
    with pytest.raises(AssayError, match="fitted steps of the model cannot transform"):
        ModelGame(replace(P, model=Pipeline([("step", step), ("last", LAST)])))
