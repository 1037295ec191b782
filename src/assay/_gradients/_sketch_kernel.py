"""Compiled loops of sketches: numbers are added to buckets with signs; zeros are skipped."""

from __future__ import annotations

from typing import Any

from .._compiled import compiled


@compiled
def add_outer(a: Any, b: Any, buckets: Any, signs: Any, out: Any) -> None:
    """Add the entries of the outer products of b (n, B) and a (n, A) to `out` (n, size)."""
    for i in range(len(a)):
        for r in range(b.shape[1]):
            slope, at = b[i, r], r * a.shape[1]
            if slope != 0:
                for c in range(a.shape[1]):
                    if a[i, c] != 0:
                        out[i, buckets[at + c]] += signs[at + c] * slope * a[i, c]


@compiled
def add_full(g: Any, buckets: Any, signs: Any, out: Any) -> None:
    """Add the entries of rows g (n, p) to `out` (n, size)."""
    for i in range(len(g)):
        for j in range(g.shape[1]):
            if g[i, j] != 0:
                out[i, buckets[j]] += signs[j] * g[i, j]
