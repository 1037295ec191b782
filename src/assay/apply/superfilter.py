"""Superfilter: rows to tune a language model on, by what a weak one makes of them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._errors import AssayError
from .._types import Floats, Positions
from ._baselines import baselines, check_draws
from ._budget import count_of
from ._facility import facility_location
from .select import Selection
from .token_losses import TokenLosses

WORDS = {"drop": "dropped", "lowest": "taken last", "keep": "taken as they are"}


def superfilter(
    losses: TokenLosses,
    budget: int | float = 0.1,
    *,
    above: Literal["drop", "lowest", "keep"] = "drop",
    embeddings: Any = None,
    pool: int | float = 0.2,
    draws: int = 5,
    seed: int = 0,
) -> Selection:
    """Choose the rows whose instructions help a weak model least to foretell the answers, and do not mislead.

    With `embeddings` they are the most diverse of a pool of such rows: picked one by one, each that which
    lessens most the mean distance of the pool to its nearest pick (facility location).

    Parameters
    ----------
    losses : TokenLosses
        Of a weak language model, such as `TokenLosses(*assay.text.token_losses(...))`.
    budget : int | float
        Rows to choose: a whole number, or a share of all, above 0 and up to 1.0, rounded down.
    above : "drop" | "lowest" | "keep"
        What becomes of rows with an IFD above 1, whose instructions mislead the model: they are never chosen,
        or after all others, the least misleading first, or as any other, first of all.
    embeddings : array-like of shape (n, d), optional
        Of all rows, such as sentence embeddings of length 1; distances are euclidean.
    pool : int | float
        Rows of highest IFD to choose from by embeddings, as `budget`; fewer if there are not so many.
    draws : int
        How many sets of each baseline; those of the same lengths need `losses.tokens`.
    seed : int
        Of the baselines; nothing else is drawn.

    Returns
    -------
    Selection
        Its gains are the IFD of each pick, or by how much it lessened the mean distance to the nearest one,
        counted at first from the largest of all.

    Raises
    ------
    AssayError
        If there are fewer rows to choose than the budget, or a setting does not fit the rows.

    Notes
    -----
    Of rows without an answer none is chosen. By embeddings it takes 4 p^2 bytes and O(p^2 d) for a pool of p
    rows. The published similarity, exp(-distance / d), falls as the distance itself does where d is large.

    Source: Li et al. (2024), "Superfiltering: Weak-to-Strong Data Filtering for Fast Instruction-Tuning".

    Examples
    --------
    >>> from assay import TokenLosses, superfilter
    >>> losses = TokenLosses([1.0, 2.5, 1.9, 1.5], [2.0, 2.0, 2.0, 2.0], ids=["a", "b", "c", "d"])
    >>> print(superfilter(losses, 2))
    Selected 2 of 4 rows (IFD): IFD 0.607 to 0.905; rows above 1: 1, dropped; without an answer: 0.
    """
    if not isinstance(losses, TokenLosses):
        raise AssayError(f"superfilter takes an assay.TokenLosses, not {type(losses).__name__}.")
    n, log = len(losses), losses.log_ifd
    k = count_of("budget", budget, n)
    check_draws(draws, seed)
    if above not in list(WORDS):
        raise AssayError(f"above is {above!r}; choose 'drop', 'lowest' or 'keep'.")
    ranked = _ranked(log, above)
    if k > len(ranked):
        raise AssayError(
            f"budget is {k} rows, and {len(ranked)} of {n} have an answer that may be chosen; choose fewer"
            + (", or above='lowest'." if above == "drop" else ".")
        )
    rows, strategy = ranked[:k], "IFD"
    gains = losses.ifd[rows]
    if embeddings is not None:
        inside = ranked[: count_of("pool", pool, n)]
        if len(inside) < k:
            raise AssayError(
                f"pool is {pool!r}, which is fewer rows than the budget of {k}; choose a larger one."
            )
        picks, gains = facility_location(_checked(embeddings, n)[inside], k)
        rows, strategy = inside[picks], f"the most diverse of {len(inside):,} by IFD"
    low, high = np.exp(log[rows].min()), np.exp(log[rows].max())
    why = (
        f"IFD {low:.3f} to {high:.3f}; rows above 1: {int((log > 0).sum()):,}, {WORDS[above]}; without an "
        f"answer: {int(np.isnan(log).sum()):,}."
    )
    drawn = baselines(rows, n, losses.tokens, int(draws), int(seed))
    return Selection(rows, losses.ids[rows], n, strategy, gains, why, drawn)


def _ranked(log: Floats, above: str) -> Positions:
    """Rows that may be chosen, first choice first; ties in row order."""
    order = np.argsort(-log, kind="stable") if above == "keep" else np.lexsort((np.abs(log), log > 0))
    usable = ~np.isnan(log) & ((log <= 0) | (above != "drop"))
    return order[usable[order]]


def _checked(embeddings: Any, n: int) -> Floats:
    try:
        X = np.asarray(embeddings, float)
    except (TypeError, ValueError) as error:
        raise AssayError(f"embeddings are not numbers ({error}); pass an array (n, d).") from error
    if X.ndim != 2 or len(X) != n or not X.shape[1] or not np.isfinite(X).all():
        raise AssayError(
            f"embeddings have shape {X.shape}, or are not all finite; pass one row of finite numbers for "
            f"each of the {n} rows."
        )
    return X
