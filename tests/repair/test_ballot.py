"""Votes of dependencies on tables small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from assay.repair.experts._ballot import ballot, clustered, misfit, nominate, wrong_side
from assay.repair.experts._dependency import Dependency, find_dependencies
from assay.repair.experts._domain import Domain


def domain(name: str, codes: np.ndarray) -> Domain:
    """A domain of the values "0", "1", ... as they stand in `codes`."""
    counts = np.bincount(codes[codes >= 0])
    texts = [str(c) for c in range(len(counts))]
    return Domain(name, codes, list(texts), texts, counts, True)


def rules(domains: list[Domain], left: int, right: int) -> list[Dependency]:
    """Dependencies of one column on another."""
    return [d for d in find_dependencies(domains) if (d.left, d.right) == (left, right)]


def test_majority_is_nominated_and_counted():
    """The one row against its group is named, with the counts and what follows from them."""
    left = np.repeat(np.arange(6), 10)
    right = left // 2
    right[3] = 2
    domains = [domain("x", left), domain("y", right)]
    into = rules(domains, 0, 1)
    rows, new = nominate(domains, into)
    assert (rows.tolist(), new.tolist()) == ([3], [0])
    votes = ballot(domains, into, rows, new)
    assert (votes.support[0], votes.size[0], votes.ayes[0], votes.noes[0]) == (9, 9, 1, 0)
    assert votes.pro[0] == pytest.approx(into[0].strength * 9 / 11)
    assert votes.con[0] == 0
    assert votes.confidence[0] == pytest.approx(votes.pro[0])


def test_rows_that_differ_from_the_majority_are_named():
    """The minority of a group is named; a group whose most frequent value stands once says nothing."""
    left = np.concatenate([np.repeat(np.arange(2, 20), 10), [0] * 5, [1] * 2])
    right = np.concatenate([np.repeat(np.arange(2, 20) // 2, 10), [0, 0, 1, 1, 1], [2, 3]])
    domains = [domain("x", left), domain("y", right)]
    rows, new = nominate(domains, rules(domains, 0, 1))
    assert dict(zip(rows.tolist(), new.tolist(), strict=True)) == {180: 1, 181: 1}


def test_misfit_counts_what_the_new_value_stands_beside():
    """A new value beside its usual partner fits; one that is never beside the row's cell does not."""
    left = np.repeat(np.arange(4), 8)
    domains = [domain("x", left), domain("y", left.copy())]
    out_of = rules(domains, 0, 1)
    told = misfit(domains, out_of, np.array([0, 0]), np.array([0, 3]))
    assert told == pytest.approx([0, 8 / 9])
    assert misfit(domains, [], np.array([0]), np.array([3])) == pytest.approx([0])


def test_clustered_is_the_share_among_like_rows():
    """Each row is told the share of flags among the other rows of its kind, five clean rows added."""
    kind = np.array([2] * 15 + [3] * 5 + [1] * 2)
    flags = np.array([True] * 15 + [False] * 5 + [True] * 2)
    told = clustered(flags, [kind])
    assert told[:15] == pytest.approx(14 / 19)
    assert told[15:].tolist() == [0.0] * 7  # not flagged, or among the rare values that share a code


def test_the_side_with_the_rarer_error_is_blamed():
    """Nine tenths of one value's rows are less likely wrong than a few of another's."""
    left = np.concatenate([np.repeat(np.arange(2, 12), 50), [0] * 200, [1] * 5, [1] * 20])
    right = np.concatenate([np.repeat(np.arange(2, 12), 50), [0] * 200, [1] * 5, [0] * 20])
    domains = [domain("x", left), domain("y", right)]
    rule = rules(domains, 0, 1)[0]
    rows = np.arange(705, 725)  # x says 1 and y says 0: was x 0 (20 of 220 rows) or y 1 (20 of 25)?
    nothing = np.random.default_rng(3).integers(2, 5, 725)
    assert (wrong_side([*domains], rule, [nothing], rows) < 0.1).all()
