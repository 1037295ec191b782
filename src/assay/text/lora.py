"""How a language model is fine-tuned."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import AssayError
from .._numbers import is_number, is_whole


@dataclass(frozen=True, kw_only=True)
class LoRA:
    """Fine-tuning by low-rank updates of some weights, with AdamW and a learning rate that rises, then falls.

    Source: Hu et al. (2022), "LoRA: Low-Rank Adaptation of Large Language Models".

    Parameters
    ----------
    rank : int
        Of each update, at least 1.
    alpha : float
        Updates count alpha / rank times.
    dropout : float
        Of what goes into an update, from 0 to below 1.
    targets : tuple of str
        Names of the linear modules that are updated, as peft takes them.
    last : int, optional
        How many of the last blocks are updated; all if not given. Rows pass the blocks before them once.
    epochs : int
        Passes over the rows, at least 1.
    batch : int
        Rows of a step, at least 1.
    rate : float
        The largest learning rate, above 0.
    warmup : float
        The share of the steps in which the rate rises from 0, in 0..1; then it falls to 0, both linearly.
    weight_decay : float
        Of AdamW, at least 0.

    Raises
    ------
    AssayError
        If a setting is out of its range.

    Examples
    --------
    >>> LoRA(rank=4, last=6).targets
    ('q_proj', 'k_proj', 'v_proj', 'o_proj')
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    last: int | None = None
    epochs: int = 4
    batch: int = 8
    rate: float = 2e-4
    warmup: float = 0.03
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch", "last"):
            given = getattr(self, name)
            if name == "last" and given is None:
                continue
            if not is_whole(given) or given < 1:
                raise AssayError(f"LoRA.{name} is {given!r}; it needs a whole number of at least 1.")
        ranges = {
            "alpha": lambda alpha: alpha > 0,
            "rate": lambda rate: rate > 0,
            "dropout": lambda dropout: 0 <= dropout < 1,
            "warmup": lambda warmup: 0 <= warmup <= 1,
            "weight_decay": lambda decay: decay >= 0,
        }
        for name, fits in ranges.items():
            if not is_number(getattr(self, name)) or not fits(getattr(self, name)):
                raise AssayError(
                    f"LoRA.{name} is {getattr(self, name)!r}; alpha and rate are above 0, dropout from 0 to "
                    "below 1, warmup from 0 to 1, weight_decay at least 0."
                )
        named = isinstance(self.targets, (tuple, list)) and all(isinstance(t, str) for t in self.targets)
        if not named or not self.targets:
            raise AssayError(f"LoRA.targets is {self.targets!r}; pass the names of linear modules.")

    def rates(self, steps: int) -> list[float]:
        """The learning rate of each of `steps` steps.

        Examples
        --------
        >>> LoRA(rate=1.0, warmup=0.5).rates(4)
        [0.5, 1.0, 1.0, 0.5]
        """
        rising = round(self.warmup * steps)
        up = [self.rate * (step + 1) / rising for step in range(rising)]
        return up + [self.rate * (steps - step) / (steps - rising) for step in range(rising, steps)]
