"""What a language model makes of a row: vectors for methods that know no text."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._bar import bar
from .._errors import AssayError
from .._problem import Data
from .._types import Floats
from .losses import as_answers, batches, resting
from .rows import NOTHING


def representations(
    model: Any,
    rows: Data,
    *,
    of: Literal["prompt", "row"] = "prompt",
    progress: bool = True,
) -> Floats:
    """The mean of the last hidden states of each row's prompt, or of the whole row, (n, d).

    Parameters
    ----------
    model : PreTrainedModel
        A causal language model of transformers, or the `module` of a `FineTuned`.
    rows : Data
        Of `token_rows`.
    of : "prompt" | "row"
        With "row", the answer is read, too: what a label-blind method must not see.
    progress : bool
        As of `answer_losses`.

    Raises
    ------
    AssayError
        As of `answer_losses`, or if `of` is something else.
    """
    if of not in ("prompt", "row"):
        raise AssayError(f"representations: of is {of!r}; choose 'prompt' or 'row'.")
    module, found = as_answers(model, "representations"), []
    import torch

    from ._answers import split

    order = []
    with bar("Representations", len(rows), progress) as tell, torch.no_grad(), resting(module):
        for places, part in batches(rows):
            tokens, labels = split(part)
            read = (tokens != NOTHING) & ((labels == NOTHING) | (of == "row"))
            states = module.states(tokens) * read[:, :, None]
            found.append((states.sum(dim=1) / read.sum(dim=1, keepdim=True)).double().numpy())
            order.append(places)
            tell(len(places))
    return np.concatenate(found)[np.argsort(np.concatenate(order))]
