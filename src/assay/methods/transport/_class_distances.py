"""How far the rows of one class are from those of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._parallel import each
from ..._types import Floats
from ._sinkhorn import Costs, solve

KEPT = 2**23  # products of one pair of classes in memory; there are as many pairs under way as threads
ALONE = 2**22  # fewer products than this are done sooner by one thread
MOST_MOVES = 10_000_000


def class_distances(
    X: Floats,
    Z: Floats,
    codes: NDArray[np.intp],
    others: NDArray[np.intp],
    classes: int,
    epsilon: float | None,
    tolerance: float | None,
) -> Floats:
    """Costs of transport (classes, classes) from each class of `X` to each of `Z`, at |x - z|**2 / 2 a pair.

    Regularised by `epsilon`, else exact. Pairs of which one class has no rows stay 0; nothing reads them.
    """
    found = np.zeros((classes, classes))
    sides = [[rows[which == c] for c in range(classes)] for rows, which in ((X, codes), (Z, others))]
    pairs = [(c, k) for c in range(classes) for k in range(classes) if len(sides[0][c]) and len(sides[1][k])]

    def distance(c: int, k: int) -> float:
        left, right = sides[0][c], sides[1][k]
        if epsilon is None:
            return _exact(left, right)
        apart = np.zeros((1, len(right)))
        costs = Costs(left, right, np.zeros(len(left), np.intp), apart, KEPT, n_jobs=1)
        return solve(costs, epsilon, width(left, right), tolerance).cost

    n_jobs = 1 if len(X) * len(Z) < ALONE else None
    for pair, cost in zip(pairs, each(distance, pairs, n_jobs, threads=True), strict=True):
        found[pair] = cost
    return found


def width(X: Floats, Z: Floats) -> float:
    """The diagonal of the box around all rows."""
    low, high = (edge((edge(X, axis=0), edge(Z, axis=0)), axis=0) for edge in (np.min, np.max))
    return float(np.linalg.norm(high - low))


def _exact(X: Floats, Z: Floats) -> float:
    from ot import emd2, unif

    half = [np.einsum("ij,ij->i", side, side) / 2 for side in (X, Z)]
    costs = np.maximum(half[0][:, None] + half[1] - X @ Z.T, 0.0)
    cost, log = emd2(
        unif(len(X)), unif(len(Z)), costs, numItermax=MOST_MOVES, log=True, check_marginals=False
    )
    if log["warning"]:
        raise AssayError(
            f"POT did not find the exact distance between classes of {len(X)} and {len(Z)} rows "
            f"({log['warning']}); use LAVA(class_distance='sinkhorn')."
        )
    return float(cost)
