"""Polynomial kernels on coalitions, and the exact semivalues of functions made of them.

With signs s_i = 1 where row i is in and -1 where it is out, the likeness of S and T is r = <s, s'> / n, and
the kernel a sum of powers of r: power d spans the interactions of order d, d - 2, ... (Fourier degrees).
Powers of one parity keep to functions that change sign, or stay, when a coalition is swapped for its
complement. Beside them each size has an effect of its own.

Over coalitions S of size t with row i in (or out), how many of them T shares with S is hypergeometric, so
the mean of the kernel is a polynomial in t, |T| and n: a function made of kernels has its semivalues in
closed form, by the size of each T and by whether i is in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._types import Coalitions, Floats

SIZE_EFFECT = 1.0  # prior variance of a size's own effect, relative to that of a power
STIRLING = ((1,), (0, 1), (0, 1, 1), (0, 1, 3, 1), (0, 1, 7, 6, 1), (0, 1, 15, 25, 10, 1))  # second kind


def alone(n: int, degrees: tuple[int, ...]) -> Floats:
    """Prior variance of each size's own effect, (n + 1,).

    Halves of the rows have none where signs swap with the complement: neither of two halves is the smaller.
    """
    effects = np.full(n + 1, SIZE_EFFECT)
    if n % 2 == 0 and all(d % 2 for d in degrees):
        effects[n // 2] = 0.0
    return effects


def kernel(left: Coalitions, right: Coalitions, degrees: tuple[int, ...]) -> Floats:
    """The kernel between coalitions (a, n) and (b, n), as (a, b)."""
    n = left.shape[1]
    likeness = (2.0 * left - 1) @ (2.0 * right - 1).T / n
    sizes = left.sum(axis=1)
    same = sizes[:, None] == right.sum(axis=1)
    near = same * alone(n, degrees)[sizes][:, None]
    for d in degrees:
        near += likeness**d
    return near


def mean_weights(
    z_in: Floats, z_out: Floats, sizes: NDArray[np.intp], degrees: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Mean over S of size t of z_i(S) times the kernel of S and T: where i is in T, and where it is not.

    Parameters
    ----------
    z_in, z_out : arrays of shape (n + 1,)
        z by the size of S.
    sizes : array of shape (u,)
        Sizes of T, from 1 to n - 1.

    Returns
    -------
    two arrays of shape (n + 1, u)
        The first for rows in T; lines 0 and n are 0.
    """
    n = len(z_in) - 1
    t, u = np.arange(1.0, n)[:, None], sizes[None, :].astype(float)
    both = np.zeros((2, n + 1, len(sizes)))
    effect = np.where(t == u, alone(n, degrees)[1:n, None], 0.0)
    share_in, share_out = z_in[1:n, None] * t / n, z_out[1:n, None] * (n - t) / n
    for place, there in enumerate((1, 0)):
        # the other n - 1 rows: T holds u - there of them, S holds t - 1 if i is in S, else t
        rows_in = _mean_power(n, t, u, t - 1, u - there, there, degrees)
        rows_out = _mean_power(n, t, u, t, u - there, 0, degrees)
        both[place, 1:n] = share_in * (rows_in + effect) + share_out * (rows_out + effect)
    return both[0], both[1]


def _mean_power(
    n: int, t: Floats, u: Floats, drawn: Floats, marked: Floats, shared: int, degrees: tuple[int, ...]
) -> Floats:
    """Mean of the powers of r = 1 - 2 (t + u) / n + 4 o / n, o = shared + hypergeometric(n - 1).

    The k-th falling moment of the hypergeometric is (drawn)_k (marked)_k / (n - 1)_k, an ordinary moment a
    sum of falling ones with Stirling's numbers.
    """
    top = max(degrees)
    falling = [np.ones(np.broadcast_shapes(drawn.shape, marked.shape))]
    for k in range(top):
        over = max(n - 1 - k, 1)  # where fewer rows are left, one of the factors above is 0
        falling.append(falling[-1] * (drawn - k) * (marked - k) / over)
    moments = [sum(s * f for s, f in zip(row, falling, strict=False)) for row in STIRLING[: top + 1]]
    base, slope = 1 - 2 * (t + u) / n + 4 * shared / n, 4 / n
    total = np.zeros_like(falling[0])
    for d in degrees:
        for k in range(d + 1):
            choose = float(np.prod([(d - j) / (j + 1) for j in range(k)]))
            total += choose * base ** (d - k) * slope**k * moments[k]
    return total
