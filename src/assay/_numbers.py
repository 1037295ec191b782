"""What settings have to be: numbers, and neither booleans nor text that looks like one."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from ._errors import AssayError


def is_number(given: Any) -> bool:
    """Whether it is a number, of Python or numpy, and finite."""
    real = isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)
    return real and isfinite(given)


def is_whole(given: Any) -> bool:
    """Whether it is an integer of Python or numpy."""
    return isinstance(given, (int, np.integer)) and not isinstance(given, bool)


def check_seed(seed: Any) -> None:
    """Refuse what is no seed; None too, by which two runs would differ."""
    if not is_whole(seed) or seed < 0:
        raise AssayError(f"seed is {seed!r}; it needs to be a whole number, at least 0.")
