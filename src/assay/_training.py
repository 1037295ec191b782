"""How a small network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ._errors import AssayError
from ._numbers import is_number, is_whole


@dataclass(frozen=True, kw_only=True)
class Training:
    """How each network is trained, from fresh weights: the mean loss of minibatches, as by torch.

    The loss is the log loss for classes, the squared error for numbers. An epoch goes through the rows once,
    in an order of its own for every network; the last batch may be smaller.

    Parameters
    ----------
    epochs : int
        Passes over the rows, at least 1.
    batch : int
        Rows of a minibatch, at least 1.
    optimizer : "sgd" | "adam"
        As `torch.optim.SGD` (without dampening) and `torch.optim.Adam` (betas .9 and .999, eps 1e-8).
    rate : float
        The learning rate, above 0; the same in every step.
    momentum : float
        Of SGD, from 0 to below 1.
    weight_decay : float
        Added to the gradient as this times the weights, at least 0.
    inits : int
        Networks, from other first weights each, at least 1; what they say is averaged.

    Raises
    ------
    AssayError
        If a setting is out of its range.

    Examples
    --------
    >>> Training(epochs=50, rate=0.01).batch
    64
    """

    epochs: int = 20
    batch: int = 64
    optimizer: Literal["sgd", "adam"] = "sgd"
    rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    inits: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "inits"):
            if not is_whole(getattr(self, name)) or getattr(self, name) < 1:
                raise AssayError(
                    f"Training: {name} is {getattr(self, name)!r}; it needs a whole number of at least 1."
                )
        if self.optimizer not in ("sgd", "adam"):
            raise AssayError(f"Training.optimizer is {self.optimizer!r}; choose 'sgd' or 'adam'.")
        ranges = {
            "rate": lambda rate: rate > 0,
            "momentum": lambda momentum: 0 <= momentum < 1,
            "weight_decay": lambda decay: decay >= 0,
        }
        for name, fits in ranges.items():
            if not is_number(getattr(self, name)) or not fits(getattr(self, name)):
                raise AssayError(
                    f"Training.{name} is {getattr(self, name)!r}; rate is above 0, momentum from 0 to below "
                    "1, weight_decay at least 0."
                )


def optimizer_of(training: Training, module: Any) -> Any:
    """The optimizer of torch for what is trained of a module."""
    import torch

    own = [p for p in module.parameters() if p.requires_grad]
    options: dict[str, Any] = {"lr": training.rate, "weight_decay": training.weight_decay}
    if training.optimizer == "adam":
        return torch.optim.Adam(own, **options)
    return torch.optim.SGD(own, momentum=training.momentum, **options)
