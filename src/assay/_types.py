"""The vocabulary of arrays: what each name holds, and in which shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[Any]  # (n,) class labels (text, whole numbers, booleans) or numbers
Positions: TypeAlias = NDArray[np.intp]  # (k,) places of rows in the training data, from 0
Coalitions: TypeAlias = NDArray[np.bool_]  # (batch, n): is row i in the coalition?
Orders: TypeAlias = NDArray[np.intp]  # (batch, n): each line a permutation of the rows, first to join first
Worths: TypeAlias = NDArray[np.float64]  # (batch,) of coalitions; (batch, n + 1) of the prefixes of orders
Score: TypeAlias = Callable[[Labels, Any], float]  # (y_true, y_pred) -> higher is better
