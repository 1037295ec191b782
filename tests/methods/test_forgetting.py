"""Forgetting events counted by hand, and by a loop in plain Python."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from recorded import random_trace, recorded, values

from assay import AssayError, Data, Forgetting, Problem, value

nan = np.nan


def test_by_hand():
    """Always right: 0; right, wrong, right, wrong: 2; learnt late: 0; never right: as often as epochs."""
    margins = [
        [1.0, 1.0, -1.0, -1.0],
        [1.0, -1.0, -1.0, -1.0],
        [1.0, 1.0, 1.0, -1.0],
        [1.0, -1.0, 1.0, 0.0],  # a tie is not right
    ]
    np.testing.assert_array_equal(values(Forgetting(), recorded(margins)), [0, -2, 0, -4])


def test_epochs_that_did_not_see_a_row_are_passed_over():
    """Right, not seen, wrong is one event; right, not seen, right is none."""
    margins = [[1.0, 1.0, nan], [nan, nan, -1.0], [-1.0, 1.0, 2.0], [nan, -1.0, nan]]
    np.testing.assert_array_equal(values(Forgetting(), recorded(margins)), [-1, -1, 0])


def events(margins: np.ndarray) -> int:
    """One row's events, the paper's definition in a loop."""
    seen = [margin > 0 for margin in margins if not np.isnan(margin)]
    if not any(seen):
        return len(margins)
    return sum(now and not then for now, then in pairwise(seen))


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_is_the_count_of_a_loop(gaps):
    """Random traces of several lengths, with gaps or without, and their mean."""
    traces = [random_trace(seed, epochs, gaps=gaps) for seed, epochs in enumerate((1, 2, 9))]
    counts = [[events(column) for column in trace.margins.T] for trace in traces]
    np.testing.assert_allclose(values(Forgetting(), *traces), -np.mean(counts, axis=0))


def test_no_row_is_forgotten_more_often_than_one_never_learnt():
    """The most events that a row can have, right and wrong by turns, are fewer than the epochs."""
    turns = np.where(np.arange(9)[:, None] % 2 == 0, 1.0, -1.0)
    often, never = values(Forgetting(), recorded(np.hstack([turns, -np.ones((9, 1))])))
    assert never < often


def test_numbers_are_refused():
    """Labels that are numbers are neither right nor wrong."""
    data = Data(np.zeros((2, 1)), [0.1, 0.2])
    with pytest.raises(AssayError, match=r"^Forgetting is for classes"):
        value(Problem(data, trace=recorded([[1.0, 1.0]])), Forgetting())
    with pytest.raises(AssayError, match=r"^Forgetting: 1 row\(s\) were not seen in training, such as 1"):
        values(Forgetting(), recorded([[1.0, nan]]))
