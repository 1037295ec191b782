"""The surrogate: a kernel ridge regression of worths on coalitions, with every leave-one-out fit at hand.

With C = (K + noise I)^-1 and a = C y, the fit without coalition j has the coefficients a - C_j a_j / C_jj,
and misses y_j by a_j / C_jj. So an estimate can use for each coalition a surrogate that has not seen it, and
stays unbiased, at the price of one inverse.

The noise and the powers of the kernel are chosen by the misses themselves, weighted by what they cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..._types import Coalitions, Floats
from ._surrogate_kernel import kernel, mean_weights

MOST = 1500  # coalitions (or pairs) that are fitted; the others are only corrected for
TRIED = 500  # of these, how many choose noise and powers
EXACT = 1e-12  # noise of a game that the kernel spans: to be handled with care, and few coalitions
SPANNED = 1e-5  # where misses are no more than this, in units of the worths
NOISES = (1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 1e3)


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A function on coalitions, fitted to some whose worths are known.

    Parameters
    ----------
    sets : array of shape (m, n)
        The coalitions fitted, none of them empty or full.
    inverse : array of shape (m, m)
        Inverse of the kernel matrix with noise.
    coefficients : array of shape (m,)
        The function is the kernel with `sets`, times these.
    degrees : tuple of int
        Powers of the kernel.
    """

    sets: Coalitions
    inverse: Floats
    coefficients: Floats
    degrees: tuple[int, ...]

    @cached_property
    def misses(self) -> Floats:
        """What the fit without it misses each of `sets` by, (m,)."""
        return self.coefficients / np.diag(self.inverse)

    @cached_property
    def plain(self) -> Floats:
        """The kernel matrix without noise, (m, m)."""
        return kernel(self.sets, self.sets, self.degrees)

    def predict(self, sets: Coalitions) -> Floats:
        """The function at `sets` (b, n), as (b,)."""
        return kernel(sets, self.sets, self.degrees) @ self.coefficients

    def values(self, z_in: Floats, z_out: Floats, coefficients: Floats) -> Floats:
        """Sum over sizes t of the mean of z_i(S) f_t(S) over coalitions of that size, (n,); exact.

        Parameters
        ----------
        z_in, z_out : arrays of shape (n + 1,)
            z by size: 0 at sizes to leave out.
        coefficients : array of shape (n + 1, m)
            Of the function to use at each size.
        """
        sizes, place = np.unique(self.sets.sum(axis=1), return_inverse=True)
        inside, outside = mean_weights(z_in, z_out, sizes, self.degrees)
        out = np.einsum("tm,tm->m", coefficients, outside[:, place])
        into = np.einsum("tm,tm->m", coefficients, inside[:, place])
        return out.sum() + (into - out) @ self.sets


def fitted(
    sets: Coalitions, targets: Floats, costs: Floats, families: tuple[tuple[int, ...], ...]
) -> Surrogate:
    """Fit at most 1,500 of the coalitions `sets` (m, n) to `targets` (m,); O(1500**3) at most.

    Parameters
    ----------
    costs : array of shape (m,)
        What a squared miss of each costs.
    families : tuple of tuples of int
        Powers of the kernel to choose from.
    """
    few, scale = slice(TRIED), float(np.sqrt(np.mean(targets**2))) or 1.0
    cost, best = np.inf, None
    for degrees in families:
        turns, vectors = np.linalg.eigh(kernel(sets[few], sets[few], degrees))
        seen = vectors.T @ (targets[few] / scale)
        for noise in (EXACT, *NOISES):
            shrunk = 1 / (np.maximum(turns, 0) + noise)
            misses = (vectors @ (shrunk * seen)) / (vectors**2 @ shrunk)
            now = float(costs[few] @ misses**2)
            if now < cost and (noise > EXACT or np.abs(misses).max() < SPANNED):
                cost, best = now, (degrees, noise, vectors, shrunk, seen)
    assert best is not None
    degrees, noise, vectors, shrunk, seen = best
    if noise == EXACT or len(sets) <= TRIED:
        inverse, coefficients = (vectors * shrunk) @ vectors.T, vectors @ (shrunk * seen) * scale
        return Surrogate(sets[few], inverse, coefficients, degrees)
    sets, targets = sets[:MOST], targets[:MOST]
    ridge = kernel(sets, sets, degrees) + noise * np.eye(len(sets))
    inverse = np.asarray(np.linalg.inv(ridge), np.float64)
    return Surrogate(sets, inverse, inverse @ targets, degrees)
