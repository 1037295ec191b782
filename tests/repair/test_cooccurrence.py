"""The outlook on a closed column: exact where exactness is known, and blind to the cell itself."""

from __future__ import annotations

import numpy as np
import pytest

from assay.repair.experts._cooccurrence import Outlook, look
from assay.repair.experts._dependency import find_dependencies
from assay.repair.experts._domain import Domain
from assay.repair.experts._proposals import gather


def domain(codes: np.ndarray) -> Domain:
    """A domain of the values "0", "1", ... as they stand in `codes`."""
    counts = np.bincount(codes[codes >= 0])
    texts = [str(c) for c in range(len(counts))]
    return Domain("y", codes, list(texts), texts, counts, True)


def model(codes: np.ndarray, contexts: list[np.ndarray]) -> Outlook:
    """The outlook, which must exist."""
    outlook = look(domain(codes), contexts)
    assert outlook is not None
    return outlook


def test_a_cell_has_no_say_about_itself():
    """What the other columns say of the classes equals what they say when the row's own cell is missing."""
    rng = np.random.default_rng(7)
    y, a, b = (rng.integers(0, 3, 200) for _ in range(3))
    a[:120] = y[:120]
    outlook = model(y, [a, b])
    for row in range(0, 200, 17):
        hidden = y.copy()
        hidden[row] = -1
        without = model(hidden, [a, b])
        same = Outlook(  # the same weights, so that only the counts differ
            without.domain,
            without.classes,
            without.slot,
            without.counts,
            without.contexts,
            without.joint,
            outlook.weights,
        )
        for code in range(3):
            told = outlook.support(np.array([row]))[0, outlook.slot[code]]
            blind = same.support(np.array([row]))[0, same.slot[code]]
            assert told == pytest.approx(blind, abs=0.05)  # the margin of a context still counts the row
            prior = outlook.log_prior(outlook.slot_of(np.array([row])))[0, outlook.slot[code]]
            assert prior == pytest.approx(same.log_prior(np.array([-1]))[0, same.slot[code]])


def test_useless_columns_get_no_voice():
    """A column that has nothing to do with the values gets far less weight than one that settles them."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 4, 3_000)
    outlook = model(y, [rng.integers(0, 4, 3_000), np.where(rng.random(3_000) < 0.9, y, 0)])
    assert outlook.weights[1] > 0.5
    said = np.abs(outlook.weights[0] * outlook.lifts(np.arange(3_000), 0)).mean()
    assert said < 0.05 * np.abs(outlook.weights[1] * outlook.lifts(np.arange(3_000), 1)).mean()


def test_a_repeated_column_shares_one_voice():
    """Ten copies of a column do not make the model surer than one copy does."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, 2_000)
    hint = np.where(rng.random(2_000) < 0.7, y, rng.integers(0, 3, 2_000))
    rows = np.arange(2_000)
    once, often = (model(y, [hint] * copies).support(rows) for copies in (1, 10))
    assert np.abs(often).mean() == pytest.approx(np.abs(once).mean(), rel=0.25)


def test_nothing_to_say_is_said_so():
    """A column whose values never repeat, or that stands alone, has no outlook."""
    assert look(domain(np.arange(5)), [np.zeros(5, dtype=np.int64)]) is None
    assert look(domain(np.array([0, 0, 1, 1])), []) is None


def test_rare_values_are_not_judged_by_their_company():
    """The row says nothing of a value in two cells, even where a rule names another; of three it does."""
    for copies, said in ((2, False), (3, True)):
        y = np.concatenate([np.repeat([0, 1], 100), [2] * copies])
        x = np.concatenate([np.repeat([0, 1], 100), [0] * copies])
        domains = [domain(x), domain(y)]
        into = [d for d in find_dependencies(domains) if d.right == 1]
        proposals = gather(domains, into, look(domains[1], [x + 2]), 1)
        rare = proposals.votes.rows >= 200
        assert rare.sum() == copies
        assert ((proposals.company[rare] > 0) == said).all()
        assert ((proposals.p_new[rare] > 0) == said).all()
