"""Baselines: what any selection is held against, rows drawn by chance, and drawn alike in length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._numbers import check_seed, is_whole
from .._types import Positions

BINS = 10  # of lengths, with about as many chosen rows each


def baselines(rows: Positions, n: int, lengths: Any, draws: int, seed: int) -> dict[str, NDArray[np.intp]]:
    """As many rows as were chosen, of `n`, (draws, k): "random", and "length_matched" where asked."""
    rng = np.random.default_rng([seed, 1])
    drawn = {"random": np.array([rng.permutation(n)[: len(rows)] for _ in range(draws)])}
    if lengths is not None:
        drawn["length_matched"] = length_matched(rows, lengths, draws, np.random.default_rng([seed, 2]))
    return drawn


def length_matched(
    rows: Positions, lengths: NDArray[Any], draws: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """From each tenth of the chosen lengths as many rows of the pool as were chosen there, (draws, k)."""
    chosen = lengths[rows]
    edges = np.unique(np.quantile(chosen, np.linspace(0, 1, BINS + 1)[1:-1]))
    inside = np.flatnonzero((lengths >= chosen.min()) & (lengths <= chosen.max()))
    bins, wanted = np.searchsorted(edges, lengths[inside]), np.searchsorted(edges, chosen)
    pools = [(inside[bins == b], int((wanted == b).sum())) for b in np.unique(wanted)]
    return np.array(
        [np.concatenate([rng.permutation(pool)[:count] for pool, count in pools]) for _ in range(draws)]
    )


def check_draws(draws: Any, seed: Any) -> None:
    """Refuse what is no number of draws, or no seed."""
    if not (is_whole(draws) and draws >= 1):
        raise AssayError(f"draws is {draws!r}; it needs to be a whole number of baseline sets, at least 1.")
    check_seed(seed)


def check_lengths(lengths: Any, n: int) -> NDArray[Any] | None:
    """Lengths of rows as an array (n,), or None."""
    if lengths is None:
        return None
    try:
        lengths = np.asarray(lengths, float)
    except (TypeError, ValueError) as error:
        raise AssayError(f"lengths are not numbers ({error}); pass one length for each row.") from error
    if lengths.shape != (n,) or not np.isfinite(lengths).all():
        raise AssayError(
            f"lengths have shape {lengths.shape}, or are not all finite; pass one length for each of the {n} "
            "rows."
        )
    return lengths
