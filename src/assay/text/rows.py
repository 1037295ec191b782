"""Prompts and answers as rows of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._errors import AssayError
from .._numbers import is_whole
from .._problem import Data

NOTHING = -1  # in place of a token: after the end of a row, and where no answer is asked


def token_rows(
    tokenizer: Any,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    length: int = 256,
    ids: Any = None,
    groups: Any = None,
) -> Data:
    """Prompts and answers as rows of numbers: what a language model is tuned on, and judged by.

    Prompt and answer are encoded apart and joined, after the token that begins a text, so that every token of
    an answer has something before it, with a prompt or without one. Of a row that is too long, the beginning
    of the prompt is cut off first, then the end of the answer.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        Of transformers.
    prompts, answers : sequence of str, (n,)
        A prompt may be empty, an answer may not. Blanks between the two belong to one of them.
    length : int
        The most tokens of a row, at least 2; the same for rows to value and rows that judge them.
    ids, groups : array-like of shape (n,), optional
        As of `Data`.

    Returns
    -------
    Data
        X of shape (n, 2 `length`): the tokens, then the same with -1 wherever the token does not belong to
        the answer; -1 after the end. y is 1: the event that the row's answer is given.

    Raises
    ------
    AssayError
        If there are not as many answers as prompts, or an answer has no token.

    Examples
    --------
    >>> class Letters:
    ...     bos_token_id = 0
    ...     def __call__(self, texts, add_special_tokens):
    ...         return {"input_ids": [[ord(c) - 96 for c in text] for text in texts]}
    >>> token_rows(Letters(), ["ab", ""], ["c", "de"], length=4).X.astype(int).tolist()
    [[0, 1, 2, 3, -1, -1, -1, 3], [0, 4, 5, -1, -1, 4, 5, -1]]
    """
    _check_texts(prompts, answers, length)
    start = _start(tokenizer)
    asked, given = (
        tokenizer([str(text) for text in texts], add_special_tokens=False)["input_ids"]
        for texts in (prompts, answers)
    )
    empty = [i for i, tokens in enumerate(given) if not tokens]
    if empty:
        raise AssayError(
            f"The answer of row {empty[0]} has no token; leave such rows out ({len(empty)} of them)."
        )
    rows = [_joined(start, before, after, length) for before, after in zip(asked, given, strict=True)]
    X = np.full((len(rows), 2, length), NOTHING, dtype=np.float32)  # exact for every vocabulary below 2^24
    for row, (tokens, first) in zip(X, rows, strict=True):
        row[0, : len(tokens)] = tokens
        row[1, first : len(tokens)] = tokens[first:]
    return Data(X.reshape(len(rows), -1), np.ones(len(rows), int), ids=ids, groups=groups)


def _start(tokenizer: Any) -> int:
    """The token that begins a text, or where there is none the one that ends it."""
    if not callable(tokenizer) or not hasattr(tokenizer, "bos_token_id"):
        raise AssayError(
            f"token_rows: tokenizer is of type {type(tokenizer).__name__}; pass one of transformers, such as "
            "AutoTokenizer.from_pretrained(name)."
        )
    for name in ("bos_token_id", "eos_token_id"):
        token = getattr(tokenizer, name, None)
        if token is not None:
            return token
    raise AssayError("The tokenizer has no token to begin a text with; set tokenizer.bos_token_id.")


def _check_texts(prompts: Any, answers: Any, length: Any) -> None:
    for name, texts in (("prompts", prompts), ("answers", answers)):
        several = isinstance(texts, Iterable) and not isinstance(texts, str)
        if not several or not all(isinstance(text, str) for text in texts):
            raise AssayError(f"token_rows: {name} need to be a sequence of text, one for each row.")
    if len(prompts) != len(answers) or not len(answers):
        raise AssayError(
            f"token_rows has {len(prompts)} prompts and {len(answers)} answers; it needs one of each a row."
        )
    if not is_whole(length) or length < 2:
        raise AssayError(f"token_rows: length is {length!r}; it needs a whole number of at least 2.")


def _joined(start: int, prompt: list[int], answer: list[int], length: int) -> tuple[list[int], int]:
    """The tokens of a row, and the place of its answer's first."""
    answer = answer[: length - 1]
    room = length - 1 - len(answer)
    prompt = prompt[len(prompt) - min(len(prompt), room) :]
    return [start, *prompt, *answer], 1 + len(prompt)
