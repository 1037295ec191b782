"""Compile a loop, and keep the machine code on disk where that can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Compile `function` without the interpreter's lock."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no directory for its cache: a read-only installation
        return njit(nogil=True)(function)
