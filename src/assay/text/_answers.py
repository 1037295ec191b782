"""A causal language model as a network that says how likely each row's answer is."""

from __future__ import annotations

from copy import copy, deepcopy
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from .._errors import AssayError
from ._resting import resting
from .rows import NOTHING

MOST_KEPT = 2**31  # bytes of what comes out of the frozen blocks
CLOSE = (0.1, 1e-3)  # of standard deviations of logits, in half and in whole precision
LEAST = 1e-6  # nats; a smaller loss has log odds that float32 cannot hold


class Answers(nn.Module):
    """The log odds of each row's answer, (b, 1), from rows of `token_rows`.

    The probability of an answer is the geometric mean of its tokens': the log loss of the event that it is
    given is then the mean loss of its tokens, and everything that is known of one logit holds here.

    Parameters
    ----------
    model : PreTrainedModel | Answers
        A causal language model of transformers; shared, not changed, and frozen. Or what was made of one: a
        new start from the model itself, that shares what is kept of rows.
    first : int
        The block where the upper part begins, which is copied and may be trained. What the blocks below make
        of a row is kept, as it never changes; later tokens, such as padding, have no part in it.
    shared : bool
        The upper part is the model's own, to be read alone.

    Raises
    ------
    AssayError
        If the model is none of this kind, on another device, or does more than its body and its head.
    """

    def __init__(self, model: Any, first: int = 0, *, shared: bool = False) -> None:
        super().__init__()
        before = model.frozen if isinstance(model, Answers) else None
        model = model if before is None else before.model
        if hasattr(model, "peft_config"):
            raise AssayError(
                f"The model is a {type(model).__name__} with adapters; merge them: model.merge_and_unload()."
            )
        if model.get_output_embeddings() is None:
            raise AssayError(f"{type(model).__name__} has no head for tokens; pass a causal language model.")
        if first:
            _check_blocks(model)
        kept = before if before is not None and before.first == first else None
        self.frozen = kept or _Frozen(model, first)
        self.upper = _twin(model.base_model) if shared else _upper(model, first)
        if not shared:
            self.upper.requires_grad_(False)
        if kept is None:
            _check_same(model, self)

    def extra_repr(self) -> str:
        """The model that is frozen: what is kept of gradients goes by it."""
        return f"model={self.frozen.digest}"

    def forward(self, rows: Any) -> Any:
        """The log odds, (b, 1)."""
        losses, counts = self.token_losses(rows)
        return log_odds(losses.sum(dim=1) / counts)[:, None]

    def token_losses(self, rows: Any) -> tuple[Any, Any]:
        """The loss of each token of the answers, (b, t), 0 elsewhere, and how many there are, (b,)."""
        tokens, labels = split(rows)
        states, asked = self.states(tokens)[:, :-1], labels[:, 1:] != NOTHING
        logits = self.frozen.logits(states[asked])
        found = nn.functional.cross_entropy(logits, labels[:, 1:][asked], reduction="none")
        losses = torch.zeros(asked.shape, dtype=found.dtype).masked_scatter(asked, found)
        return losses, asked.sum(dim=1)

    def states(self, tokens: Any) -> Any:
        """The last hidden states, (b, t, d), of tokens (b, t)."""
        try:
            return self.upper(inputs_embeds=self.frozen.below(tokens), use_cache=False).last_hidden_state
        except IndexError as error:
            raise AssayError(
                f"The rows do not fit {type(self.frozen.model).__name__}: a token is beyond those it knows, "
                "or a row longer than its positions; make them by its own tokenizer, with a smaller length."
            ) from error

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy of the upper part; what is frozen is shared."""
        memo[id(self.frozen)] = self.frozen
        twin = self.__class__.__new__(self.__class__)
        memo[id(self)] = twin
        twin.__dict__.update({name: deepcopy(part, memo) for name, part in self.__dict__.items()})
        return twin


class _Frozen:
    """What is never trained, and what it made of rows; no module, so that nobody counts its parameters."""

    def __init__(self, model: Any, first: int) -> None:
        self.model, self.first = model, first
        self._head = model.get_output_embeddings()
        self._lower = None if first == 0 else _lower(model, first)
        self._embed = model.get_input_embeddings()
        self._kept: dict[bytes, Any] = {}
        self._bytes = 0

    @cached_property
    def digest(self) -> str:
        """A name of the model's weights, by the sum of each and of its squares."""
        digest = blake2b(digest_size=16)
        for name, tensor in self.model.state_dict().items():
            sums = tensor.double().sum(), tensor.double().square().sum()
            digest.update(f"{name} {tuple(tensor.shape)} {[float(s).hex() for s in sums]}".encode())
        return digest.hexdigest()

    def logits(self, states: Any) -> Any:
        """What the head says, (b, vocabulary), of states (b, d); no gradient goes into the head."""
        bias = getattr(self._head, "bias", None)
        return nn.functional.linear(
            states, self._head.weight.detach(), None if bias is None else bias.detach()
        )

    def below(self, tokens: Any) -> Any:
        """What goes into the upper part, (b, t, d)."""
        with torch.no_grad():
            if self._lower is None:
                return self._embed(tokens.clamp(min=0))
            lengths = (tokens != NOTHING).sum(dim=1).tolist()
            keys = [row[:size].numpy().tobytes() for row, size in zip(tokens, lengths, strict=True)]
            fresh = [place for place, key in enumerate(keys) if key not in self._kept]
            found: dict[bytes, Any] = {}
            for at in fresh:  # each alone: in company its bits would hang on who else is in the batch
                row = tokens[at : at + 1, : lengths[at]]
                found[keys[at]] = self._lower(input_ids=row, use_cache=False).last_hidden_state[0]
            self._keep(found)
            rows = [found[key] if key in found else self._kept[key] for key in keys]
            return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def forget(self) -> None:
        """Keep nothing of rows."""
        self._kept, self._bytes = {}, 0

    def _keep(self, found: dict[bytes, Any]) -> None:
        for key, row in found.items():
            if self._bytes + row.nbytes <= MOST_KEPT:
                self._kept[key] = row
                self._bytes += row.nbytes


def split(rows: Any) -> tuple[Any, Any]:
    """Tokens and labels, (b, t) each, of rows of `token_rows`, cut to the longest of them."""
    both = torch.as_tensor(np.asarray(rows) if not isinstance(rows, torch.Tensor) else rows).long()
    tokens, labels = both.reshape(len(both), 2, -1).unbind(dim=1)
    longest = int((tokens != NOTHING).sum(dim=1).max())
    return tokens[:, :longest], labels[:, :longest]


def log_odds(losses: Any) -> Any:
    """log(p / (1 - p)) of p = exp(-loss)."""
    losses = losses.clamp(min=LEAST)
    return -losses - torch.log(-torch.expm1(-losses))


def blocks(model: Any) -> int:
    """How many blocks the model has."""
    return int(model.config.num_hidden_layers)


def _check_same(model: Any, answers: Answers) -> None:
    """Refuse a model whose logits are not what its head's weights make of its last states.

    Some scale or cap logits after the head, or scale what they embed, which the upper part would do again.
    """
    devices = {str(parameter.device) for parameter in model.parameters()}
    if devices != {"cpu"}:
        raise AssayError(f"{type(model).__name__} is on {', '.join(sorted(devices))}; move it: model.cpu().")
    tokens = torch.arange(3)[None] % model.get_input_embeddings().num_embeddings
    try:
        with torch.no_grad(), resting(model), resting(answers):
            wanted = model(input_ids=tokens, use_cache=False).logits[0].float()
            found = answers.frozen.logits(answers.states(tokens)[0]).float()
        close = bool((wanted - found).abs().max() < CLOSE[model.dtype.itemsize > 2] * wanted.std())
    except (AttributeError, TypeError, ValueError, RuntimeError):  # no body below the head, or none such
        close = False
    answers.frozen.forget()
    if not close:
        apart = ", or tune all blocks: LoRA(last=None)" if answers.frozen.first else ""
        raise AssayError(
            f"The logits of {type(model).__name__} are not what its head makes of its last states (it scales "
            "or caps them, or its embeddings, or is no causal language model); take a model of another kind, "
            f"such as a Llama or a Qwen2{apart}."
        )


def _body(model: Any, layers: Any, **others: Any) -> Any:
    """The model's body with these blocks in place of its own, everything else shared."""
    body = copy(model.base_model)
    body._modules = {**body._modules, "layers": layers, **others}
    return body


def _lower(model: Any, first: int) -> Any:
    return _twin(_body(model, model.base_model.layers[:first], norm=nn.Identity())).eval()


def _twin(module: Any) -> Any:
    """The module anew, in a mode of its own; parameters are shared."""
    twin = copy(module)
    twin._modules = {name: None if part is None else _twin(part) for name, part in module._modules.items()}
    return twin


def _check_blocks(model: Any) -> None:
    parts = model.base_model._modules
    if not isinstance(parts.get("layers"), nn.ModuleList) or not {"norm", "embed_tokens"} <= set(parts):
        raise AssayError(
            f"The blocks of {type(model).__name__} are not in `layers`, with `norm` behind them, so its last "
            "ones cannot be set apart; tune all blocks: LoRA(last=None)."
        )


def _upper(model: Any, first: int) -> Any:
    if first == 0:
        upper = deepcopy(model.base_model)
    else:
        layers, norm = deepcopy(model.base_model.layers[first:]), deepcopy(model.base_model.norm)
        upper = _twin(_body(model, layers, norm=norm))
        del upper._modules["embed_tokens"]  # what comes in is embedded already
    for part in upper.modules():
        if hasattr(part, "gradient_checkpointing"):  # which loses the gradient of what comes in
            part.gradient_checkpointing = False
    return upper
