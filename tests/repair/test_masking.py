"""Masked recovery: what is planted, and how it is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assay.repair.experts import Candidate, Expert
from assay.repair.masking import best_of_each_cell, masked_recovery, mistyped, plant, same_value
from assay.tables import Roles, Table


class Oracle(Expert):
    """Knows the right table, and proposes it wherever the one given differs; with a known share of lies."""

    name = "oracle"

    def __init__(self, truth, lies=0.0):
        self.truth, self.lies = truth, lies

    def propose(self, table, rng):  # noqa: D102 - inherited
        found = []
        for column in self.truth:
            for row, (now, true) in enumerate(zip(table.frame[column], self.truth[column], strict=True)):
                if not same_value(now, true):
                    new = "a lie" if rng.random() < self.lies else true
                    found.append(Candidate(row, column, now, new, self.name, "known", 0.5))
        return found


@pytest.fixture
def table():
    """400 rows of words."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice(["london", "paris", "berlin"], 400)}, dtype="str")
    return Table("t", frame, Roles((), None, ("city",), kinds={"city": "category"}))


def test_an_oracle_recovers_every_error(table):
    """An expert that knows the truth is right about every planted error."""
    everywhere = np.ones(400, bool)
    found = masked_recovery(Oracle(table.frame), table, everywhere, ["city"], np.random.default_rng(1))
    assert len(found.right) > 100
    assert found.right.all()


def test_the_share_of_lies_is_measured(table):
    """An expert that lies in 30% of the cases is right in about 70% of them."""
    everywhere = np.ones(400, bool)
    oracle = Oracle(table.frame, lies=0.3)
    rights = np.concatenate(
        [
            masked_recovery(oracle, table, everywhere, ["city"], np.random.default_rng(s)).right
            for s in range(5)
        ]
    )
    assert abs(rights.mean() - 0.7) < 4 * np.sqrt(0.21 / len(rights))


def test_false_alarms_count_as_wrong(table):
    """A candidate for an undisputed cell that was not touched is wrong."""
    other = table.frame.assign(city="rome")  # this oracle takes every cell for wrong
    found = masked_recovery(Oracle(other), table, np.ones(400, bool), ["city"], np.random.default_rng(1))
    assert not found.right.any()
    assert len(found.right) == 3 * 400


def test_disputed_rows_are_neither_planted_nor_counted(table):
    """Rows on which the expert does not abstain keep their cells and are left out of the count."""
    undisputed = np.arange(400) < 200
    planted, cells = plant(table, np.flatnonzero(undisputed), ["city"], np.random.default_rng(2))
    assert {cell.row for cell in cells} <= set(range(200))
    assert planted.frame["city"].iloc[200:].tolist() == table.frame["city"].iloc[200:].tolist()


def test_what_was_planted_is_what_differs(table):
    """Every planted cell differs from the table, says its truth, and no other cell differs."""
    planted, cells = plant(table, np.arange(400), ["city"], np.random.default_rng(3))
    differ = np.flatnonzero(planted.frame["city"].to_numpy() != table.frame["city"].to_numpy())
    assert sorted(cell.row for cell in cells) == differ.tolist()
    assert all(cell.truth == table.frame["city"].iat[cell.row] for cell in cells)


def test_making_a_wrong_cell_missing_is_right_and_a_right_one_wrong(table):
    """No value is better than a wrong one, and worse than the right one."""
    touched = np.arange(400) < 300
    lost = Oracle(table.frame.assign(city=None))  # proposes missing for every cell
    found = masked_recovery(lost, table, touched, ["city"], np.random.default_rng(4))
    assert 0 < found.right.sum() <= 3 * 45
    assert len(found.right) == 3 * 300


def test_a_slip_is_one_edit_away():
    """A mistyped word differs from the word by one insertion, deletion, replacement or swap."""
    from rapidfuzz.distance import OSA

    rng = np.random.default_rng(5)
    assert {OSA.distance("bachelors", mistyped("bachelors", rng)) for _ in range(300)} <= {0, 1}


def test_best_of_each_cell():
    """The candidate of highest confidence stays, in the order of the cells."""
    made = [Candidate(r, "c", 0, n, "e", "k", p) for r, n, p in [(1, "a", 0.2), (0, "b", 0.5), (1, "c", 0.9)]]
    assert [(c.row, c.new) for c in best_of_each_cell(made)] == [(1, "c"), (0, "b")]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("5", 5.0, True),
        (" x ", "x", True),
        (None, float("nan"), True),
        (None, 0, False),
        (64.96, 65, True),
        (1, 2, False),
    ],
)
def test_same_value(a, b, same):
    """Numbers are the same up to rounding, text up to blanks, and missing only as missing."""
    assert same_value(a, b) is same
