"""The losses of answers under a language model as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bar import bar
from .._errors import AssayError
from .._gradients.torch_gradients import require_torch
from .._problem import Data
from .._types import Floats, Positions
from ._resting import resting
from .rows import NOTHING, token_rows

TOKENS = 2048  # of a batch, padding included


def answer_losses(model: Any, rows: Data, *, progress: bool = True) -> Floats:
    """The mean loss, in nats, of the tokens of each row's answer, (n,).

    Parameters
    ----------
    model : PreTrainedModel
        A causal language model of transformers, or the `module` of a `FineTuned`.
    rows : Data
        Of `token_rows`.
    progress : bool
        Show a bar on stderr, if that is a terminal.

    Raises
    ------
    AssayError
        If torch is missing, the model is none of that kind, or rows are none of tokens.
    """
    module, found = as_answers(model, "answer_losses"), np.empty(len(rows))
    import torch

    with (
        bar("Losses of answers", len(rows), progress) as tell,
        torch.no_grad(),
        resting(module),
    ):
        for places, part in batches(rows):
            losses, counts = module.token_losses(part)
            found[places] = (losses.sum(dim=1) / counts).double().numpy()
            tell(len(places))
    return found


def token_losses(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    length: int = 256,
    progress: bool = True,
) -> tuple[Floats, Floats]:
    """The mean loss of each answer's tokens, in nats, after its prompt and alone, (n,) both, for `ifd`.

    Both are means over the same tokens, the first of an answer included: alone, it stands after the token
    that begins a text. What is too long is cut as by `token_rows`, answers alike in both.

    Parameters
    ----------
    model : PreTrainedModel
        A causal language model, such as a small one that judges for a large one.
    tokenizer, prompts, answers, length : see `token_rows`
    progress : bool
        As of `answer_losses`.

    Raises
    ------
    AssayError
        As of `answer_losses` and `token_rows`.
    """
    module = as_answers(model, "token_losses")
    after = token_rows(tokenizer, prompts, answers, length=length)
    conditioned, unconditioned = (
        answer_losses(module, rows, progress=progress) for rows in (after, alone(after))
    )
    return conditioned, unconditioned


def alone(rows: Data) -> Data:
    """The same rows without their prompts: the first token, then the answer."""
    tokens, labels = np.split(rows.X, 2, axis=1)
    asked = labels != NOTHING
    counts = asked.sum(axis=1)
    X = np.full((len(rows), 2, 1 + counts.max()), NOTHING, dtype=rows.X.dtype)
    X[:, 0, 0] = tokens[:, 0]
    filled = np.arange(X.shape[2] - 1) < counts[:, None]
    X[:, 0, 1:][filled] = X[:, 1, 1:][filled] = labels[asked]
    return Data(X.reshape(len(rows), -1), rows.y, ids=rows.ids, groups=rows.groups)


def as_answers(model: Any, name: str) -> Any:
    """The model as a network of answers.

    Raises
    ------
    AssayError
        If torch is missing, or it is no language model.
    """
    require_torch(name)
    from ._answers import Answers

    if isinstance(model, Answers):
        return model
    if not callable(getattr(model, "get_output_embeddings", None)):
        raise AssayError(
            f"{name}: the model is a {type(model).__name__}; pass a causal language model of transformers, "
            "such as AutoModelForCausalLM gives, or the `module` of a FineTuned."
        )
    return Answers(model, shared=True)


def batches(rows: Data) -> Iterator[tuple[Positions, NDArray[Any]]]:
    """Places and rows of batches of at most 2,048 tokens, the longest first: little padding.

    Raises
    ------
    AssayError
        If they are no rows of tokens.
    """
    lengths = lengths_of(rows)
    order, at = np.argsort(-lengths, kind="stable"), 0
    while at < len(order):
        places = order[at : at + max(1, TOKENS // lengths[order[at]])]
        yield places, rows.X[places]
        at += len(places)


def lengths_of(rows: Data) -> NDArray[np.int64]:
    """How many tokens each row has, (n,).

    Raises
    ------
    AssayError
        If they are no rows of tokens.
    """
    if not isinstance(rows, Data):
        raise AssayError("The rows are no rows of tokens; make them: assay.text.token_rows(tokenizer, ...).")
    X = rows.X
    if hasattr(X, "toarray") or X.shape[1] % 2 or X.shape[1] < 4 or (X % 1).any() or X.min() < NOTHING:
        raise AssayError("The rows are no rows of tokens; make them: assay.text.token_rows(tokenizer, ...).")
    tokens, labels = np.split(X, 2, axis=1)
    fits = np.where(labels != NOTHING, labels == tokens, True).all() and (labels != NOTHING).any(axis=1).all()
    if not fits or (labels[:, 0] != NOTHING).any():
        raise AssayError("The rows are no rows of tokens; make them: assay.text.token_rows(tokenizer, ...).")
    return (tokens != NOTHING).sum(axis=1)
