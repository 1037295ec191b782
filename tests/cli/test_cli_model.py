"""The words after --model and --score."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sklearn.base import is_classifier, is_regressor

from assay._errors import AssayError
from assay.cli._model import model, score


@pytest.mark.parametrize("word", [None, "logistic", "boosting", "forest"])
def test_classifiers(word):
    """Each name that fits classes gives a classifier with probabilities, which the gate needs."""
    made = model(word, "class", 0)
    assert is_classifier(made)
    assert hasattr(made, "predict_proba")


@pytest.mark.parametrize("word", [None, "ridge", "boosting", "forest"])
def test_regressors(word):
    """Each name that fits numbers gives a regressor."""
    assert is_regressor(model(word, "number", 0))


def test_seed_reaches_the_model():
    """Models that draw get the seed."""
    assert model("forest", "class", 7).random_state == 7


@pytest.mark.parametrize(
    ("word", "kind", "hint"),
    [
        ("forrest", "class", "'forest'"),
        ("ridge", "class", "logistic, boosting, forest"),
        ("logistic", "number", "boosting, forest, ridge"),
        ("no_such_module:make", "class", "package.module:factory"),
        ("json:no_such_name", "class", "no_such_name"),
        ("json:dumps_not", "class", "package.module:factory"),
        ("collections:OrderedDict", "class", "no fit and predict"),
        (":make", "class", "package.module:factory"),
    ],
)
def test_refused(word, kind, hint):
    """A model that is not known or does not fit is one sentence with the way out."""
    with pytest.raises(AssayError, match=hint):
        model(word, kind, 0)


def test_factory_in_the_current_folder(monkeypatch, tmp_path: Path):
    """A factory in a module of the current folder is found, without any installation."""
    (tmp_path / "my_own_models.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\ndef make():\n    return GaussianNB(var_smoothing=0.5)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert model("my_own_models:make", "class", 0).var_smoothing == 0.5


def test_scores():
    """The default fits the target, a given one is kept, a wrong one gets the nearest name."""
    assert score(None, "class") == "accuracy"
    assert score(None, "number") == "r2"
    assert score("roc_auc", "class") == "roc_auc"
    with pytest.raises(AssayError, match="'balanced_accuracy'"):
        score("balanced_acuracy", "class")
