"""Learning times read off by hand, and by a loop in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import random_trace, recorded, values

from assay import AssayError, Data, LearningTime, Problem, value

nan = np.nan


def test_by_hand():
    """Right at once: 1; wrong once more in epoch 2: 3; wrong at the end: one more than there are epochs."""
    margins = [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, 0.0]]  # a tie is not right
    np.testing.assert_array_equal(values(LearningTime(), recorded(margins)), [-1, -3, -4])


def test_epochs_that_did_not_see_a_row_are_passed_over():
    """The time is that of the first epoch that saw the row right with none after it that saw it wrong."""
    margins = [[nan, -1.0, 1.0], [1.0, nan, nan], [nan, 1.0, -1.0], [1.0, 2.0, nan]]
    np.testing.assert_array_equal(values(LearningTime(), recorded(margins)), [-2, -3, -5])


def time_of(margins: np.ndarray) -> int:
    """One row's time: the first epoch that saw it such that it is right whenever seen from there on."""
    for epoch in range(len(margins)):
        rest = [margin > 0 for margin in margins[epoch:] if not np.isnan(margin)]
        if not np.isnan(margins[epoch]) and all(rest):
            return epoch + 1
    return len(margins) + 1


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_is_the_time_of_a_loop(gaps):
    """Random traces of several lengths, with gaps or without, and their mean."""
    traces = [random_trace(seed, epochs, gaps=gaps) for seed, epochs in enumerate((1, 3, 9))]
    times = [[time_of(column) for column in trace.margins.T] for trace in traces]
    np.testing.assert_allclose(values(LearningTime(), *traces), -np.mean(times, axis=0))


def test_numbers_are_refused():
    """Labels that are numbers are neither right nor wrong."""
    data = Data(np.zeros((2, 1)), [0.1, 0.2])
    with pytest.raises(AssayError, match=r"^LearningTime is for classes"):
        value(Problem(data, trace=recorded([[1.0, 1.0]])), LearningTime())
    with pytest.raises(AssayError, match=r"^LearningTime: 1 row\(s\) were not seen in training, such as 1"):
        values(LearningTime(), recorded([[1.0, nan]]))
