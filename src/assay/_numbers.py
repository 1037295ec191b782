"""What settings have to be: numbers, and neither booleans nor text that looks like one."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np


def is_number(given: Any) -> bool:
    """Whether it is a number, of Python or numpy, and finite."""
    real = isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)
    return real and isfinite(given)


def is_whole(given: Any) -> bool:
    """Whether it is an integer of Python or numpy."""
    return isinstance(given, (int, np.integer)) and not isinstance(given, bool)
