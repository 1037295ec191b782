"""Spaces: what encoders make of rows, and whether k-NN there stands for the model."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import assay
from assay import AssayError, Data, Problem, SurrogateWarning, embed, embedded, surrogate_check

TEXTS = ["good", "bad", "good good"]


def problem(n: int = 300, model=None, noise: int = 0, seed: int = 0) -> Problem:
    """Two classes told apart by the first column; `noise` columns say nothing, and loudly."""
    rng = np.random.default_rng(seed)
    X, x = rng.normal(size=(n, 2 + noise)), rng.normal(size=(n, 2 + noise))
    parts = [Data(part * ([1, 1] + [9] * noise), part[:, 0] > 0) for part in (X, x)]
    return Problem(*parts, model)


class Encode:
    """As sentence-transformers."""

    def encode(self, texts):
        """Lengths, and how many o."""
        return np.array([[len(text), text.count("o")] for text in texts])


def test_text_by_encode_function_and_vectoriser():
    """Objects with `encode`, functions and sparse vectorisers give what they give by themselves."""
    np.testing.assert_array_equal(embed(TEXTS, Encode()), [[4, 2], [3, 0], [9, 4]])
    np.testing.assert_array_equal(embed(TEXTS, lambda texts: [[len(t)] for t in texts]), [[4], [3], [9]])
    words = CountVectorizer().fit(TEXTS)
    np.testing.assert_array_equal(embed(TEXTS, words), [[0, 1], [1, 0], [0, 2]])


def test_a_transformer_is_fitted_on_training_rows_alone():
    """An unfitted transformer knows nothing of the rows that judge, and the caller's stays unfitted."""
    p, scaler = problem(), StandardScaler()
    space = embedded(p, scaler)
    truth = StandardScaler().fit(p.train.X)
    np.testing.assert_allclose(space.train.X, truth.transform(p.train.X))
    np.testing.assert_allclose(space.valid.X, truth.transform(p.valid.X))
    assert not hasattr(scaler, "mean_")


def test_a_fitted_transformer_is_used_as_it_is():
    """A fitted one is not fitted again."""
    p, scaler = problem(), StandardScaler().fit([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(embedded(p, scaler).train.X, (p.train.X - [1, 2]) / [1, 2])


def test_the_pipeline_of_the_problem_is_the_default():
    """Without an encoder, the steps before the last make the space; keys, labels, groups and score stay."""
    p = problem(model=make_pipeline(StandardScaler(), "passthrough", PCA(1), LogisticRegression()))
    train = Data(p.train.X, p.train.y, ids=[f"r{i}" for i in range(p.n)], groups=np.arange(p.n) // 2)
    space = embedded(Problem(train, p.valid, p.model, "f1"), check=False)
    truth = make_pipeline(StandardScaler(), PCA(1)).fit(train.X)
    np.testing.assert_allclose(space.train.X, truth.transform(train.X))
    assert space.train.ids.tolist() == train.ids.tolist()
    assert space.train.groups.tolist() == train.groups.tolist()
    assert (space.score, space.model) == ("f1", None)


def test_warns_where_neighbours_predict_much_worse():
    """Loud noise blinds neighbours and not the linear model: the warning has both accuracies."""
    p = problem(model=LogisticRegression(max_iter=10_000), noise=6)
    near = KNeighborsClassifier(5).fit(p.train.X, p.train.y).score(p.valid.X, p.valid.y)
    model = LogisticRegression(max_iter=10_000).fit(p.train.X, p.train.y).score(p.valid.X, p.valid.y)
    with pytest.warns(SurrogateWarning, match=f"an accuracy of {near:.3f}, and the model one of {model:.3f}"):
        space = embedded(p, FunctionTransformer())
    found = surrogate_check(space, p)
    assert (found.neighbours, found.model) == (pytest.approx(near), pytest.approx(model))
    assert not found.holds
    assert found.low < model - near < found.high


def test_is_silent_where_neighbours_do_as_well():
    """In a space that tells the classes apart nobody is warned, and the check can be left out."""
    p = problem(model=LogisticRegression(max_iter=10_000), noise=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space = embedded(p, lambda X: X[:, :1])
        embedded(p, FunctionTransformer(), check=False)
    assert surrogate_check(space, p).holds


def test_few_rows_do_not_warn():
    """A gap that ten rows cannot tell from chance is none."""
    p = problem(10, LogisticRegression(), noise=2, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space = embedded(p, FunctionTransformer())
    assert surrogate_check(space, p).gap > 0.05


def test_numbers_compare_explained_variance():
    """For numbers the figures are R² of both, here against scikit-learn's."""
    rng = np.random.default_rng(0)
    X, x = rng.normal(size=(200, 5)), rng.normal(size=(200, 5))
    p = Problem(Data(X, X.sum(axis=1)), Data(x, x.sum(axis=1)), LinearRegression())
    with pytest.warns(SurrogateWarning, match="explained variance"):
        space = embedded(p, FunctionTransformer())
    assert surrogate_check(space, p).model == pytest.approx(1.0)


def test_without_judges_both_are_cross_validated():
    """Without validation rows no row judges a model that was fitted on it: 1-NN is not perfect on noise."""
    rng = np.random.default_rng(0)
    p = Problem(Data(rng.normal(size=(200, 3)), rng.integers(0, 2, 200)), model=LogisticRegression())
    found = surrogate_check(embedded(p, FunctionTransformer(), check=False), p, k=1)
    assert 0.3 < found.neighbours < 0.7


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: embed(TEXTS, 7), "The encoder is 7; pass a transformer"),
        (lambda: embed(TEXTS, lambda texts: [1, 2, 3]), "shape \\(3,\\) of 3 rows"),
        (lambda: embed(TEXTS, lambda texts: [[1]]), "shape \\(1, 1\\) of 3 rows"),
        (lambda: embed(TEXTS, lambda texts: [[np.nan]] * 3), "one row of finite numbers"),
        (lambda: embed(TEXTS, lambda texts: 1 / 0), "cannot take these rows \\(division by zero\\)"),
        (lambda: embed(TEXTS, Encode(), "fc"), "layer is 'fc', but the encoder Encode is no torch module"),
        (lambda: embedded(problem()), "has no encoder"),
        (lambda: embedded(problem(), make_pipeline(PCA(1), LogisticRegression())), "ends in a model"),
        (lambda: embedded(problem(), LogisticRegression()), "ends in a model"),
        (lambda: embedded(problem(), PCA(7)), "PCA cannot be fitted"),
        (lambda: surrogate_check(problem(), problem()), "needs a model and labels"),
        (lambda: surrogate_check(problem(9), problem(8, LogisticRegression())), "other rows"),
        (lambda: surrogate_check(problem(), problem(9, LogisticRegression()), k=0), "k is 0"),
    ],
)
def test_bad_input_is_refused(call, words):
    """What cannot be used is named, with a way out."""
    with pytest.raises(AssayError, match=words):
        call()


def test_a_torch_layer_is_a_space():
    """A named layer's output, by batches, without gradients; modes and hooks are as before."""
    torch = pytest.importorskip("torch", reason="extra `torch` is not installed")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
    )
    net[0].eval()
    p = problem(600)
    first, head = (part.weight.detach().numpy().astype(float) for part in (net[0], net[3]))
    hidden = np.maximum(p.train.X @ first.T + net[0].bias.detach().numpy(), 0)
    np.testing.assert_allclose(embedded(p, net, layer="1").train.X, hidden, atol=1e-5)
    np.testing.assert_allclose(
        embed(p.train.X, net), hidden @ head.T + net[3].bias.detach().numpy(), atol=1e-5
    )
    assert [part.training for part in net] == [False, True, True, True]
    assert not net[1]._forward_hooks
    with pytest.raises(AssayError, match="no layer 'fc'; there are 0, 1, 2, 3"):
        embed(p.train.X, net, "fc")


def test_torch_is_not_imported_for_others():
    """Asking whether an encoder is a torch module does not import torch."""
    import subprocess
    import sys

    code = "import assay, sys; assay.embed([1], lambda rows: [[1]]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert assay.embed is embed
