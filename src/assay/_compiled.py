"""Compile a loop, and keep the machine code on disk where that can be written.

It imports numba: only modules of compiled loops import it, and those are imported inside functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Compile `function` without the interpreter's lock."""
    return compiled_with()(function)


def compiled_with(*fastmath: str) -> Callable[[Callable[..., Any]], Any]:
    """A decorator as `compiled`, which lets floats be rounded otherwise in the ways that `fastmath` names."""

    def compiled_so(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, nogil=True, fastmath=set(fastmath))(function)
        except RuntimeError:  # numba found no directory for its cache: a read-only installation
            return njit(nogil=True, fastmath=set(fastmath))(function)

    return compiled_so
