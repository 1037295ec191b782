"""Mislabel AUROC agrees with scikit-learn, with pairs counted one by one, and with chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from assay import AssayError
from assay.metrics import mislabel_auroc


def by_pairs(values, wrong):
    """The area and DeLong's variance, by the definition: every pair of a wrong and a right row."""
    bad, good = values[wrong], values[~wrong]
    won = (bad[:, None] < good) + 0.5 * (bad[:, None] == good)
    first, second = won.mean(axis=1), won.mean(axis=0)
    return won.mean(), first.var(ddof=1) / len(bad) + second.var(ddof=1) / len(good)


@pytest.mark.parametrize("seed", range(5))
def test_equals_pairs_and_scikit_learn(seed):
    """Area and standard error are those of all pairs, ties counted half; the area is scikit-learn's."""
    rng = np.random.default_rng(seed)
    values, wrong = rng.integers(0, 6, 80).astype(float), rng.random(80) < 0.3
    found = mislabel_auroc(values, wrong)
    area, variance = by_pairs(values, wrong)
    assert found.value == pytest.approx(area, abs=1e-12)
    assert found.value == pytest.approx(roc_auc_score(wrong, -values), abs=1e-12)
    assert found.stderr == pytest.approx(np.sqrt(variance), abs=1e-12)
    assert 0 < found.low < found.value < found.high < 1


def test_the_interval_covers():
    """A 95% interval holds the true area of two normal clouds in at least 90 of 100 tables."""
    rng, covered = np.random.default_rng(0), 0
    true = 0.7602499389065233  # of clouds one standard deviation apart: the normal's share below 1 / sqrt(2)
    for _ in range(100):
        wrong = np.arange(90) < 20
        found = mislabel_auroc(rng.normal(size=90) - wrong, wrong)
        covered += found.low <= true <= found.high
    assert covered >= 90


def test_perfect_and_single():
    """A perfect area has an interval below 1, and one wrong row still has a standard error."""
    perfect = mislabel_auroc(np.arange(10.0), np.arange(10) < 3)
    assert (perfect.value, perfect.stderr) == (1.0, 0.0)
    assert perfect.low < 0.95
    assert mislabel_auroc(np.arange(10.0), np.arange(10) == 3).stderr > 0.1


@pytest.mark.parametrize(
    ("values", "wrong", "message"),
    [
        (np.ones(4), [1, 0, 0, 0], "all values are the same, 1, .*cosines"),
        (np.ones(4) + 1e-15 * np.arange(4), [1, 0, 0, 0], "all values are the same"),
        (np.arange(4.0), [0, 0, 0, 0], "0 of 4 rows are wrong"),
        (np.arange(4.0), [1, 1, 1, 1], "4 of 4 rows are wrong"),
        (np.arange(4.0), [1, 0], "wrong has shape"),
        (np.arange(4.0), [0.5, 0, 1, 0], "True or False"),
        (np.zeros((2, 2)), [1, 0], "values has shape"),
    ],
)
def test_refuses(values, wrong, message):
    """What can tell nothing apart is refused, with the reason."""
    with pytest.raises(AssayError, match=f"^mislabel_auroc: .*{message}"):
        mislabel_auroc(values, wrong)
