"""Traces written by hand."""

from __future__ import annotations

import numpy as np

from assay import Data, Problem, Trace, value


def recorded(margins, *, probabilities=None, errors=None, ids=None, **more) -> Trace:
    """The trace of two classes with these margins (epochs, n); nan, or None in a list, where not seen."""
    margins = np.array(margins, float)
    p = 1 / (1 + np.exp(-margins)) if probabilities is None else np.array(probabilities, float)
    errors = np.sqrt(2) * (1 - p) if errors is None else np.array(errors, float)
    ids = np.arange(margins.shape[1]) if ids is None else np.asarray(ids)
    return Trace(ids, -np.log(p), margins, p, errors, **more)


def problem_of(*traces: Trace, ids=None) -> Problem:
    """A problem of as many rows as the traces have, with them."""
    ids = traces[0].ids if ids is None else np.asarray(ids)
    X = np.arange(len(ids), dtype=float)[:, None]
    return Problem(Data(X, np.arange(len(ids)) % 2, ids=ids), trace=list(traces))


def values(method, *traces: Trace, ids=None) -> np.ndarray:
    """What the method makes of the traces."""
    return value(problem_of(*traces, ids=ids), method, progress=False).values


def random_trace(seed: int, epochs: int = 7, n: int = 12, *, gaps: float = 0.0, **more) -> Trace:
    """Random margins; a share of them not seen, but of no row all."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=(epochs, n))
    missing = rng.random((epochs, n)) < gaps
    missing[rng.integers(epochs, size=n), np.arange(n)] = False
    margins[missing] = np.nan
    return recorded(margins, ids=[f"row {i}" for i in range(n)], **more)
