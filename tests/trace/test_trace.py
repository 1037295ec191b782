"""Trace: what it takes as it is, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from assay import AssayError, Trace

P = [[0.5, 0.4, 0.9], [0.8, 0.3, 0.9]]  # of two epochs and three rows


def test_lists_become_arrays_and_narrow_arrays_stay():
    """A trace is arrays whatever was given; float16 of a disk is not copied into something wider."""
    half = np.array(P, np.float16)
    trace = Trace(["a", "b", "c"], P, half, P, P, norms=P, hidden=[[[1]] * 3] * 2)
    assert trace.losses.tolist() == P
    assert trace.margins is half
    assert trace.aligned(np.array(["c", "a"])).norms.tolist() == [[0.9, 0.5], [0.9, 0.8]]
    assert trace.hidden.shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"ids": [0, 1, 1]}, r"Trace\.ids name 1 more than once"),
        ({"ids": [0.5, 1, 2]}, r"Trace\.ids have shape \(3,\) and type float64"),
        ({"losses": None}, r"Trace\.losses has shape \(\)"),
        ({"losses": 0.5}, r"Trace\.losses has shape \(\)"),
        ({"losses": P[0]}, r"Trace\.losses has shape \(3,\); it needs to be \(3, 3\)"),
        ({"margins": None}, r"Trace\.margins has shape \(\)"),
        ({"margins": P[:1]}, r"Trace\.margins has shape \(1, 3\); it needs to be \(2, 3\)"),
        ({"errors": [["x"] * 3] * 2}, r"Trace\.errors holds what is no number"),
        ({"norms": P[0]}, r"Trace\.norms has shape \(3,\)"),
        ({"hidden": P}, r"Trace\.hidden has shape \(2, 3\); it needs to be \(2, 3, 'k'\)"),
    ],
)
def test_what_does_not_fit_is_named(parts, says):
    """Each array is checked against the first, and told apart by name."""
    given = {"ids": [0, 1, 2], "losses": P, "margins": P, "probabilities": P, "errors": P} | parts
    with pytest.raises(AssayError, match=says):
        Trace(**given)
