"""Gradients multiplied out, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._problem import Data
from .features import Features
from .gradients import Gradients
from .layers import Full

BYTES, MOST, EVEN = 2**27, 4096, 16  # of a block; rows of it; what they are a multiple of, if there are more


def multiplied(gradients: Gradients, data: Data) -> Iterator[tuple[slice, Features]]:
    """Yield the rows of a block, and their gradients in full, layer by layer.

    A block takes 128 MiB as float32, or one row; blocks are the same whoever asks.
    """
    step = block_rows(sum(gradients.widths))
    for at in range(0, len(data), step):
        rows = slice(at, min(at + step, len(data)))
        found = gradients.rows(data.take(np.arange(rows.start, rows.stop)))
        yield rows, Features([Full(layer.dense()) for layer in found.layers])


def block_rows(width: int) -> int:
    """How many rows of so many numbers a block has."""
    fit = min(max(BYTES // (4 * max(width, 1)), 1), MOST)
    return fit - fit % EVEN if fit > EVEN else fit
