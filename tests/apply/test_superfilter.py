"""Superfiltering: IFD is its formula, rows above 1 go where told, and the diverse are brute force's."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from assay import AssayError, TokenLosses, ifd, superfilter
from assay.apply import _facility
from assay.apply._facility import facility_location


def of_ifd(scores, **how) -> TokenLosses:
    """Losses of rows that have these IFDs."""
    scores = np.asarray(scores, float)
    return TokenLosses(6 + np.log(scores), np.full(len(scores), 6.0), **how)


def test_ifd_is_the_ratio_of_perplexities():
    """IFD is the perplexity of an answer after its instruction by that of it alone, worked by hand."""
    after = [np.log([2.0, 4.0]), np.log([3.0])]  # minus log probabilities of 1/2, 1/4 and of 1/3
    alone = [np.log([4.0, 8.0]), np.log([2.0])]
    losses = TokenLosses.of_tokens(after, alone)
    np.testing.assert_allclose(losses.ifd, [8**0.5 / 32**0.5, 3 / 2], rtol=1e-14)
    np.testing.assert_array_equal(losses.ifd, ifd(losses.conditioned, losses.alone))
    assert losses.tokens.tolist() == [2, 1]


def test_ifd_of_no_answer_is_missing():
    """A missing or infinite loss, or an answer of no tokens, has no IFD; a huge one is infinite."""
    found = ifd([1.0, np.nan, 1.0, np.inf, 2000.0], [1.0, 1.0, np.inf, np.inf, 0.0])
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan, np.nan, np.inf])
    losses = TokenLosses.of_tokens([[1.0], []], [[2.0], []])
    assert np.isnan(losses.ifd).tolist() == [False, True]
    counted = TokenLosses([1.0, 0.0], [1.0, 0.0], tokens=[3, 0])  # what a failed run would have written
    assert np.isnan(counted.ifd).tolist() == [False, True]


def test_values_rank_hard_easy_misled_and_empty():
    """Values are IFD up to 1, 1 / IFD - 1 above, -1 without an answer: hard before easy before misled."""
    losses = of_ifd([0.5, 1.0, 1.25, 0.9, 4.0, np.nan], ids=list("abcdef"))
    valuation = losses.valuation()
    np.testing.assert_allclose(valuation.values, [0.5, 1.0, -0.2, 0.9, -0.75, -1.0], rtol=1e-12)
    assert valuation.ids.tolist() == list("abcdef")
    assert valuation.why == "Rows of IFD above 1: 2; without an answer: 1."
    assert np.isfinite(TokenLosses([5000.0, 0.0], [0.0, 5000.0]).valuation().values).all()


@pytest.mark.parametrize(
    ("above", "budget", "wanted"),
    [
        ("drop", 3, [3, 0, 4]),
        ("lowest", 5, [3, 0, 4, 5, 1]),
        ("keep", 3, [1, 5, 3]),
        ("drop", 0.5, [3, 0, 4]),
    ],
)
def test_rows_above_1_go_where_they_are_told(above, budget, wanted):
    """They are dropped, or last with the least misleading first, or first of all; their number is told."""
    chosen = superfilter(of_ifd([0.8, 1.5, np.nan, 0.9, 0.2, 1.1], ids=list("abcdef")), budget, above=above)
    assert chosen.rows.tolist() == wanted
    assert chosen.ids.tolist() == ["abcdef"[i] for i in wanted]
    word = {"drop": "dropped", "lowest": "taken last", "keep": "taken as they are"}[above]
    assert f"; rows above 1: 2, {word}; without an answer: 1." in chosen.why
    np.testing.assert_allclose(chosen.gains, np.array([0.8, 1.5, 0, 0.9, 0.2, 1.1])[wanted], rtol=1e-12)


def test_an_ifd_of_exactly_1_misleads_nobody():
    """Where the instruction changes nothing the row is chosen; ties go in row order."""
    assert superfilter(TokenLosses([1.0, 2.0, 3.0], [1.0, 2.0, 2.0]), 2).rows.tolist() == [0, 1]


def nearest(distances: np.ndarray, rows) -> float:
    """The mean distance to the nearest of these rows."""
    return float(distances[:, list(rows)].min(axis=1).mean())


def by_brute_force(X: np.ndarray, k: int) -> list[int]:
    """Try every row at every step, from the definition."""
    distances, rows = cdist(X, X), []
    for _ in range(k):
        free = [i for i in range(len(X)) if i not in rows]
        rows.append(min(free, key=lambda i: nearest(distances, [*rows, i])))
    return rows


def test_facility_location_picks_what_brute_force_picks(monkeypatch):
    """Every pick and gain is that of trying every row, whatever the blocks of distances."""
    for seed in range(4):
        X = np.random.default_rng(seed).normal(size=(60, 5)) + 1e6  # far from 0, where squares cancel
        if seed % 2:
            monkeypatch.setattr(_facility, "BLOCK", 7)
        picks, gains = facility_location(X, 15)
        assert picks.tolist() == by_brute_force(X, 15)
        distances = cdist(X, X)
        left = [nearest(distances, picks[: k + 1]) for k in range(15)]
        np.testing.assert_allclose(distances.max() - gains.cumsum(), left, rtol=1e-5)
        assert (np.diff(gains) <= 0).all()


def test_facility_location_is_near_the_best_set():
    """It reaches at least 1 - 1/e of the best of all sets, in similarity: largest distance less distance."""
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(10, 2))
        distances = cdist(X, X)
        far, picks = distances.max(), facility_location(X, 3)[0]
        best = max(far - nearest(distances, rows) for rows in combinations(range(10), 3))
        assert (1 - 1 / np.e) * best <= far - nearest(distances, picks) <= best + 1e-12


def test_a_twin_is_taken_last():
    """Of rows that are there several times each is taken once before any twin adds next to nothing."""
    X = np.repeat(np.random.default_rng(0).normal(size=(20, 8)), 3, axis=0)
    picks, gains = facility_location(X, 60)
    assert sorted(picks[:20] // 3) == list(range(20))
    assert (gains[:20] > 0.01).all()
    assert np.abs(gains[20:]).max() < 1e-6
    assert sorted(picks) == list(range(60))


def test_the_diverse_step_chooses_inside_the_pool():
    """The pool is the rows of highest IFD, and of these facility location picks: both by hand."""
    rng = np.random.default_rng(0)
    scores, X = rng.uniform(0.1, 1.4, 100), rng.normal(size=(100, 3))
    chosen = superfilter(of_ifd(scores), 6, embeddings=X, pool=0.3)
    pool = sorted(np.flatnonzero(scores <= 1), key=lambda i: -scores[i])[:30]
    assert chosen.rows.tolist() == [pool[i] for i in by_brute_force(X[pool], 6)]
    assert "the most diverse of 30 by IFD" in str(chosen)
    low, high = scores[chosen.rows].min(), scores[chosen.rows].max()
    assert f"IFD {low:.3f} to {high:.3f}" in chosen.why


def test_a_pool_is_no_larger_than_what_may_be_chosen():
    """Where fewer rows may be chosen than the pool would have, all of these are the pool."""
    scores = np.r_[np.full(4, 0.5), np.full(6, 2.0)]
    chosen = superfilter(of_ifd(scores), 4, embeddings=np.arange(10.0)[:, None], pool=8)
    assert sorted(chosen.rows) == [0, 1, 2, 3]
    assert "of 4 by IFD" in chosen.strategy


def test_baselines_match_the_lengths_of_answers():
    """Where the numbers of tokens are known, a baseline has as many tokens as the chosen rows, about."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 300, 1000)
    scores = 0.9 - tokens / 1000 + rng.normal(0, 0.02, 1000)  # short answers have a high IFD
    chosen = superfilter(of_ifd(scores.clip(0.01, 1), tokens=tokens), 0.1)
    totals = tokens[chosen.baselines["length_matched"]].sum(axis=1) / tokens[chosen.rows].sum()
    assert np.abs(totals - 1).max() < 0.1
    assert (tokens[chosen.baselines["random"]].sum(axis=1) > 2 * tokens[chosen.rows].sum()).all()
    assert set(superfilter(of_ifd(scores.clip(0.01, 1)), 0.1).baselines) == {"random"}


X20 = np.zeros((20, 2))


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"budget": 0.01}, "^budget is 0.01; of 20 rows"),
        ({"budget": 15}, r"^budget is 15 rows, and 10 of 20 have .*; choose fewer, or above='lowest'\."),
        ({"budget": 20, "above": "lowest"}, r"^budget is 20 rows, and 19 of 20 have .*; choose fewer\."),
        ({"above": "cap"}, "^above is 'cap'; choose 'drop'"),
        ({"above": []}, r"^above is \[\]; choose 'drop'"),
        ({"embeddings": X20[:5]}, r"^embeddings have shape \(5, 2\)"),
        ({"embeddings": np.full((20, 2), np.nan)}, "^embeddings have shape"),
        ({"embeddings": [["a"]] * 20}, "^embeddings are not numbers"),
        ({"embeddings": X20, "budget": 5, "pool": 4}, "^pool is 4, which is fewer rows than the budget of 5"),
        ({"embeddings": X20, "pool": 0.0}, "^pool is 0.0;"),
        ({"draws": 0}, "^draws is 0;"),
        ({"seed": "1"}, "^seed is '1';"),
    ],
)
def test_refuses_what_does_not_fit(how, match):
    """Each setting that cannot be met is refused by its name, with what it needs to be."""
    scores = np.r_[np.full(10, 0.5), np.full(9, 1.5), np.nan]
    with pytest.raises(AssayError, match=match):
        superfilter(of_ifd(scores), **how)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ifd([1.0], [1.0, 2.0]), "^conditioned has 1 losses and alone 2"),
        (lambda: ifd([[1.0]], [[1.0]]), r"^conditioned has shape \(1, 1\)"),
        (lambda: ifd([1.0, 2.0], [1.0, -2.0]), "^alone is negative at position 1; pass losses"),
        (lambda: ifd(["a"], [1.0]), "^conditioned holds what is no number"),
        (
            lambda: TokenLosses([1.0, 1.0], [1.0, 1.0], ids=["a", "a"]),
            r"^TokenLosses\.ids need to be one key",
        ),
        (lambda: TokenLosses([1.0], [1.0], ids=["a", "b"]), r"^TokenLosses\.ids"),
        (lambda: TokenLosses([1.0], [1.0], tokens=[1.5]), r"^TokenLosses\.tokens need"),
        (lambda: TokenLosses([1.0], [1.0], tokens=[-1]), r"^TokenLosses\.tokens"),
        (lambda: TokenLosses([1.0], [1.0], tokens=[1, 2]), r"^TokenLosses\.tokens"),
        (lambda: TokenLosses.of_tokens([[1.0]], []), "^conditioned has 1 answers and alone 0"),
        (
            lambda: TokenLosses.of_tokens([[1.0], [1.0, 2.0]], [[1.0], [2.0]]),  # the first token left out
            "^The answer at position 1 has 2 losses after its instruction and 1 alone; count the same tokens",
        ),
        (lambda: superfilter([1.0]), r"^superfilter takes an assay\.TokenLosses, not list"),
    ],
)
def test_refuses_losses_that_are_none(make, match):
    """Losses of other rows, other tokens or the wrong sign are refused in one sentence."""
    with pytest.raises(AssayError, match=match):
        make()


def test_refuses_a_pool_beyond_memory(monkeypatch):
    """Distances that would take too much memory are refused before they are made."""
    monkeypatch.setattr(_facility, "MOST", 1000)
    with pytest.raises(AssayError, match=r"^The pool has 20 rows, whose distances take more"):
        superfilter(of_ifd(np.full(20, 0.5)), 2, embeddings=X20, pool=1.0)
