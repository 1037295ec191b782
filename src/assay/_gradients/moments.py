"""What Adam remembers of the gradients before: their means, and the means of their squares."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from .._types import Floats


@dataclass(frozen=True, eq=False)
class Moments:
    """Adam's state, in the layout of `Features` multiplied out.

    Parameters
    ----------
    first : array of shape (p,)
        Running mean of the gradients (exp_avg).
    second : array of shape (p,)
        Running mean of their squares (exp_avg_sq); at least 0.
    steps : array of shape (p,)
        Steps that were made for each parameter.
    betas : tuple of two floats
        The shares of the old mean in the new one.
    eps : float
        What the optimizer adds to the root.
    """

    first: Floats
    second: Floats
    steps: Floats
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    @property
    def digest(self) -> str:
        """Equal digests mean equal moments."""
        digest = blake2b(f"{self.betas} {self.eps}".encode(), digest_size=16)
        for array in (self.first, self.second, self.steps):
            digest.update(array.dtype.str.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
