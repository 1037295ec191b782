"""Complexity gaps against deletion row by row, the published steps, and each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from joblib import parallel_config
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from assay import AssayError, ComplexityGap, Data, Problem, Stop, value
from assay.methods.coverage import _gram_solve
from assay.methods.coverage._gram_solve import solved


def run(X, y, stop=None, seed=0, score="accuracy", **settings):
    """Value quietly."""
    problem = Problem(Data(X, y), score=score)
    return value(problem, ComplexityGap(**settings), stop=stop or Stop(evals=1), seed=seed, progress=False)


def kernel(X, ridge=1e-6):
    """The kernel, entry by entry, from angles: x'z (pi - angle) / (2 pi)."""
    H = np.empty((len(X), len(X)))
    for i, x in enumerate(X):
        for j, z in enumerate(X):
            cosine = min(1.0, max(-1.0, x @ z / np.linalg.norm(x) / np.linalg.norm(z)))
            H[i, j] = cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi)
        H[i, i] = 0.5 + ridge
    return H


def by_deletion(X, targets, ridge=1e-6):
    """What the complexity of the targets (n, n), one line for each row's own, falls by without the row."""
    H, gaps = kernel(X, ridge), np.empty(len(X))
    for i, y in enumerate(targets):
        kept = np.arange(len(X)) != i
        rest = y[kept] @ np.linalg.solve(H[np.ix_(kept, kept)], y[kept])
        gaps[i] = y @ np.linalg.solve(H, y) - rest
    return gaps


@pytest.mark.parametrize("n", [12, 30])
@pytest.mark.parametrize("labels", [["a", "b"], [2, 5, 9], ["x"]])
def test_gaps_by_deletion(n, labels):
    """A value is minus the fall of the complexity when the row is deleted, its class against all others."""
    rng = np.random.default_rng(n)
    X, y = rng.normal(size=(n, 5)), np.array(labels)[rng.integers(len(labels), size=n)]
    targets = np.where(y[:, None] == y, 1.0, -1.0)
    np.testing.assert_allclose(-run(X, y).values, by_deletion(X, targets), rtol=1e-7, atol=1e-12)


def test_gaps_of_numbers_by_deletion():
    """For numbers the complexity is that of the centred target."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(20, 4)), rng.normal(size=20) + 10
    targets = np.tile(y - y.mean(), (20, 1))
    np.testing.assert_allclose(-run(X, y, score="r2").values, by_deletion(X, targets), rtol=1e-7)


def test_the_published_steps_on_two_equal_classes():
    """With two classes of a size nothing is drawn, and the published steps on the inverse give the same."""
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(40, 8)), np.repeat([1, -1], 20)
    H = kernel(X, 0.0)
    inverse = np.linalg.inv(H)
    gaps = np.empty(40)
    for k in range(40):
        kept = np.arange(40) != k
        row = inverse[k, kept]
        without = inverse[np.ix_(kept, kept)] - np.outer(row, row) / inverse[k, k]
        gaps[k] = y @ inverse @ y - y[kept] @ without @ y[kept]
    np.testing.assert_allclose(-run(X, y).values, gaps, rtol=1e-4)


@pytest.mark.parametrize("block", [1, 7, 16, 50, 256])
def test_blocks_change_nothing(block, monkeypatch):
    """The solution and the diagonal of the inverse are NumPy's, whatever the size of a block."""
    monkeypatch.setattr(_gram_solve, "BLOCK", block)
    monkeypatch.setattr(_gram_solve, "STRIP", 2 * block)
    rng = np.random.default_rng(1)
    H, Y = kernel(rng.normal(size=(50, 6))), rng.normal(size=(50, 3))
    solution, diagonal = solved(50, lambda rows, columns: H[rows, columns], Y)
    np.testing.assert_allclose(solution, np.linalg.solve(H, Y), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(diagonal, np.diag(np.linalg.inv(H)), rtol=1e-10)


def test_same_bits_for_any_threads(monkeypatch):
    """One thread, two and three give the same bits, over many blocks."""
    monkeypatch.setattr(_gram_solve, "BLOCK", 32)
    monkeypatch.setattr(_gram_solve, "STRIP", 64)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 6)), rng.integers(3, size=300)
    bits = set()
    for jobs in (1, 2, 3):
        with parallel_config(n_jobs=jobs):
            bits.add(run(X, y).values.tobytes())
    assert len(bits) == 1


def test_copies_share_one_gap_of_nothing():
    """Copies with the same label are worth the same, and nothing: the complexity stays without one."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 4)), rng.integers(2, size=20)
    rows = np.r_[0:20, 3, 3, 11]
    gaps = -run(X[rows], y[rows]).values
    assert len(set(gaps[[3, 20, 21]])) == 1
    assert len(set(gaps[[11, 22]])) == 1
    assert gaps[[3, 11]].max() < 1e-4 < np.delete(gaps, [3, 11, 20, 21, 22]).min()


def test_copies_that_contradict_are_lowest():
    """Two copies with different labels have gaps of 2 / ridge, far above all others."""
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(20, 4)), np.arange(20) % 2
    X[7] = X[4]
    found = run(X, y)
    assert set(found.lowest(2)) == {4, 7}
    np.testing.assert_allclose(-found.values[[4, 7]], 2e6, rtol=0.01)


def test_a_ridge_is_noise_in_the_labels():
    """A large ridge enters as it does by deletion."""
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(15, 3)), np.arange(15) % 2
    targets = np.where(y[:, None] == y, 1.0, -1.0)
    np.testing.assert_allclose(-run(X, y, ridge=0.3).values, by_deletion(X, targets, 0.3), rtol=1e-9)


def test_lengths_and_rotations_do_not_matter():
    """Rows may be stretched, each by its own factor, and all be rotated."""
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(30, 5)), rng.integers(2, size=30)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    stretched = X * rng.uniform(0.1, 10, size=(30, 1)) @ rotation
    np.testing.assert_allclose(run(stretched, y).values, run(X, y).values, rtol=1e-8)


def test_sparse_features():
    """Sparse features of float32 give the bits of the same numbers dense, in float64."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:60].astype(np.float32) / 3, y[:60]
    assert run(csr_array(X), y).values.tobytes() == run(X.astype(float), y).values.tobytes()


def test_wrong_labels_rank_lowest():
    """On digits, wrong labels are found with an average precision above 0.97."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(9)
    wrong = rng.random(600) < 0.1
    y = np.where(wrong, (y[:600] + rng.integers(1, 10, size=600)) % 10, y[:600])
    assert average_precision_score(wrong, -run(X[:600], y).values) > 0.97


def test_partings_average_the_gaps_of_their_parts():
    """With three rows in parts of two, the mean over partings is that over the three pairs of rows."""
    X, y = np.array([[1.0, 0.1], [0.2, 1.0], [-1.0, 0.4]]), np.array([0, 1, 0])
    pair = {
        (i, j): by_deletion(X[[i, j]], np.where(y[[i, j], None] == y[[i, j]], 1.0, -1.0))
        for i, j in ((0, 1), (0, 2), (1, 2))
    }
    alone = 1 / (0.5 + 1e-6)  # a part of one row: parts are of two and of one
    right = [
        (pair[0, 1][0] + pair[0, 2][0] + alone) / 3,
        (pair[0, 1][1] + pair[1, 2][0] + alone) / 3,
        (pair[0, 2][1] + pair[1, 2][1] + alone) / 3,
    ]
    found = run(X, y, part=2, stop=Stop(evals=3 * 400))
    assert found.draws == 400
    assert np.abs((-found.values - right) / found.stderr).max() < 4


def test_standard_errors_cover():
    """Values of two seeds differ by what their standard errors say."""
    rng = np.random.default_rng(10)
    X, y = rng.normal(size=(200, 6)), rng.integers(2, size=200)
    a, b = (run(X, y, part=50, stop=Stop(evals=200 * 40), seed=seed) for seed in (1, 2))
    z = (a.values - b.values) / np.hypot(a.stderr, b.stderr)
    assert 0.8 < z.std() < 1.2


def test_parts_rank_as_all_rows_do():
    """Rows rank much the same in halves and quarters as among all, the closer the larger the part."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(11)
    X, y = X[:800], np.where(rng.random(800) < 0.1, rng.integers(10, size=800), y[:800])
    exact = run(X, y).values
    near = [
        np.corrcoef(run(X, y, part=part, stop=Stop(evals=800 * 8)).values, exact)[0, 1]
        for part in (400, 200, 100)
    ]
    assert all(larger > smaller for larger, smaller in pairwise(near))
    assert near[0] > 0.97


@pytest.mark.parametrize(
    "settings",
    [
        *({"ridge": bad} for bad in (0, -1e-6, np.nan, np.inf, "1", True)),
        *({"part": bad} for bad in (1, 0, -5, 2.5, True, None)),
    ],
)
def test_bad_settings_are_refused(settings):
    """Each setting names itself and what it needs to be, when made and when set later."""
    (name,) = settings
    with pytest.raises(AssayError, match=rf"^ComplexityGap\.{name} is .*it needs to be"):
        ComplexityGap(**settings)
    with pytest.raises(AssayError, match=rf"^ComplexityGap\.{name} is"):
        value(Problem(Data(np.eye(3), [0, 1, 1])), ComplexityGap().set_params(**settings), progress=False)


def test_rows_of_zeros_are_refused():
    """A row of zeros has no direction; the message says where it is."""
    with pytest.raises(AssayError, match=r"1 row\(s\) hold zeros only, the first at position 2"):
        run([[1.0], [2.0], [0.0]], [0, 1, 1])
