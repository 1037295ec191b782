"""Token losses: what a language model makes of answers, after their instructions and alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from .._errors import AssayError
from .._types import Floats, Labels
from .._valuation import Status, Valuation

ROUNDING = 1e-6  # of float32: a token that is certain can have a loss this far below 0


def ifd(conditioned: Any, alone: Any) -> Floats:
    """How little an instruction helps a model to foretell the answer: exp(conditioned - alone), above 0.

    It is the ratio of two perplexities. Low: the answer follows from the instruction. Near 1: the instruction
    tells little of it, so that there is something to learn. Above 1: the instruction misleads.

    Parameters
    ----------
    conditioned, alone : array-like of shape (n,)
        The mean loss of the answer's tokens in nats, after the instruction, and without it. Both means are
        over the same tokens, the first one included: alone, it follows the token that begins a text. Missing
        or infinite where there is no answer.

    Returns
    -------
    array of shape (n,)
        The instruction-following difficulty; nan where either loss is missing or infinite.

    Raises
    ------
    AssayError
        If they are not of one shape (n,), or a loss is negative.

    Notes
    -----
    Source: Li et al. (2024), "From Quantity to Quality: Boosting LLM Performance with Self-Guided Data
    Selection for Instruction Tuning".

    Examples
    --------
    >>> ifd([1.0, 2.0], [2.0, 2.0]).round(3).tolist()
    [0.368, 1.0]
    """
    with np.errstate(over="ignore"):
        return np.exp(log_ifd(conditioned, alone))


def log_ifd(conditioned: Any, alone: Any) -> Floats:
    """The logarithm of `ifd`, which cannot overflow."""
    losses = [_mean_losses("conditioned", conditioned), _mean_losses("alone", alone)]
    if losses[0].shape != losses[1].shape:
        raise AssayError(
            f"conditioned has {len(losses[0])} losses and alone {len(losses[1])}; pass one of each a row."
        )
    whole = np.isfinite(losses[0]) & np.isfinite(losses[1])
    return np.subtract(*losses, out=np.full(len(whole), np.nan), where=whole)


def _mean_losses(name: str, given: Any) -> Floats:
    try:
        losses = np.asarray(given, float)
    except (TypeError, ValueError) as error:
        raise AssayError(f"{name} holds what is no number ({error}); pass one mean loss a row.") from error
    if losses.ndim != 1:
        raise AssayError(f"{name} has shape {losses.shape}; pass one mean loss a row, (n,).")
    if (losses < -ROUNDING).any():
        raise AssayError(
            f"{name} is negative at position {np.argmax(losses < -ROUNDING)}; pass losses, which are minus "
            "the logarithms of probabilities."
        )
    return losses


@final
@dataclass(frozen=True, eq=False)
class TokenLosses:
    """What a language model makes of the answers of rows, after their instructions and alone.

    A weak model will do: how it ranks rows is much as a strong one does. `assay.text.token_losses` gives
    both arrays.

    Parameters
    ----------
    conditioned, alone : array-like of shape (n,)
        See `ifd`.
    ids : array-like of shape (n,), optional
        The keys of the rows; 0..n-1 if not given.
    tokens : array-like of shape (n,), optional
        How many tokens each answer has; a row of none has no answer, whatever its losses are.

    Raises
    ------
    AssayError
        If shapes do not fit each other, or a loss or a number of tokens cannot be one.

    Examples
    --------
    >>> losses = TokenLosses([1.0, 2.5, 1.9, float("nan")], [2.0, 2.0, 2.0, float("nan")])
    >>> losses.valuation().ranking().tolist()  # no answer, misled, easy, hard
    [3, 1, 0, 2]
    """

    conditioned: Any
    alone: Any
    ids: Any = None
    tokens: Any = None

    def __post_init__(self) -> None:
        n = len(log_ifd(self.conditioned, self.alone))
        for name in ("conditioned", "alone"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        ids: Labels = np.arange(n) if self.ids is None else np.asarray(self.ids)
        if ids.shape != (n,) or len(np.unique(ids)) < n:
            raise AssayError(f"TokenLosses.ids need to be one key for each of the {n} rows, all different.")
        object.__setattr__(self, "ids", ids)
        if self.tokens is None:
            return
        tokens = np.asarray(self.tokens)
        if tokens.shape != (n,) or tokens.dtype.kind not in "iu" or (tokens < 0).any():
            raise AssayError(
                f"TokenLosses.tokens need to be a whole number, at least 0, for each of the {n} rows."
            )
        object.__setattr__(self, "tokens", tokens)

    @classmethod
    def of_tokens(cls, conditioned: Sequence[Any], alone: Sequence[Any], ids: Any = None) -> Self:
        """From the loss of every token of each answer; an empty sequence where there is no answer.

        Raises
        ------
        AssayError
            If the two sides of an answer differ in how many tokens they count.
        """
        if len(conditioned) != len(alone):
            raise AssayError(
                f"conditioned has {len(conditioned)} answers and alone {len(alone)}; pass each on both sides."
            )
        sides = [[np.asarray(losses, float) for losses in side] for side in (conditioned, alone)]
        counts = np.array([[losses.size for losses in side] for side in sides], np.int64).reshape(2, -1)
        if (counts[0] != counts[1]).any():
            row = int(np.argmax(counts[0] != counts[1]))
            raise AssayError(
                f"The answer at position {row} has {counts[0, row]} losses after its instruction and "
                f"{counts[1, row]} alone; count the same tokens on both sides, the first one too."
            )
        means = [np.array([losses.mean() if losses.size else np.nan for losses in side]) for side in sides]
        return cls(means[0], means[1], ids, counts[0])

    def __len__(self) -> int:
        return len(self.conditioned)

    @property
    def log_ifd(self) -> Floats:
        """The logarithm of `ifd` of each row, (n,); nan where there is no answer."""
        found = log_ifd(self.conditioned, self.alone)
        return found if self.tokens is None else np.where(self.tokens > 0, found, np.nan)

    @property
    def ifd(self) -> Floats:
        """The instruction-following difficulty of each row, (n,); nan where there is no answer."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_ifd)

    def valuation(self) -> Valuation:
        """Values: IFD up to 1; above it 1 / IFD - 1, which is below 0; -1 where there is no answer."""
        log = self.log_ifd
        values = np.where(log > 0, np.expm1(-np.abs(log)), np.exp(-np.abs(log)))
        missing = np.isnan(log)
        why = f"Rows of IFD above 1: {int((log > 0).sum()):,}; without an answer: {int(missing.sum()):,}."
        return Valuation(
            np.where(missing, -1.0, values), ids=self.ids, status=Status.exact, method="IFD", why=why
        )
