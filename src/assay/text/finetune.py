"""Fine-tuning a language model on chosen rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, final

import numpy as np

from .._bar import bar
from .._errors import AssayError
from .._gradients.torch_gradients import TorchGradients, require_torch
from .._numbers import check_seed
from .._problem import Data
from .._types import Floats
from .lora import LoRA
from .losses import answer_losses, lengths_of

BATCH = 16  # rows whose gradients are taken at once: every block keeps what it made of each token


@final
@dataclass(frozen=True, eq=False)
class FineTuned:
    """A language model after LoRA, and how it got there.

    Parameters
    ----------
    module : torch.nn.Module
        Rows of `token_rows` in, the log odds of their answers out, (b, 1); in evaluation mode.
    checkpoints : list of state dicts
        The trained weights at the end of each epoch, by name.
    rates : list of float
        The mean learning rate of each epoch.
    moments : list of dicts
        Adam's state at the end of each epoch: {name: {"exp_avg", "exp_avg_sq", "step"}}.
    losses : list of float
        The mean training loss of each epoch, in nats a token.
    """

    module: Any
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    moments: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def gradients(self) -> TorchGradients:
        """Gradients by the low-rank weights at each epoch's end: `Problem(rows, target, gradients=...)`."""
        return TorchGradients(
            self.module,
            "binary",
            checkpoints=self.checkpoints,
            rates=self.rates,
            moments=self.moments,
            batch=BATCH,
        )

    def answer_losses(self, rows: Data) -> Floats:
        """The mean loss of each row's answer, in nats a token, (n,)."""
        return answer_losses(self.module, rows, progress=False)


def finetune(
    model: Any,
    rows: Data,
    recipe: LoRA | None = None,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    recorder: Callable[..., None] | None = None,
    progress: bool = True,
) -> FineTuned:
    """Fine-tune a causal language model by LoRA to give each row's answer; the model itself stays as it is.

    A step is on the mean, over the rows of a batch, of the mean loss of the answer's tokens.

    Parameters
    ----------
    model : PreTrainedModel | torch.nn.Module
        A causal language model of transformers, or a network of `with_adapters`, from the model itself anew.
    rows : Data
        Of `token_rows`.
    recipe : LoRA, optional
        `LoRA()` if not given.
    seed : int
        Of the first weights, the order of rows and dropout: the same seed gives the same bits.
    folder : path, optional
        Keeps each epoch; the same call after an interrupt carries on after the last one, to the same bits.
    recorder : callable, optional
        A `Recorder(rows.ids, loss="binary")`, called with (ids, log odds, ones, epoch=...) of each batch.
    progress : bool
        Show a bar on stderr, if that is a terminal.

    Returns
    -------
    FineTuned

    Raises
    ------
    AssayError
        If transformers' or peft's parts are missing, the model or rows are of another kind, no module has
        one of the names, or the folder belongs to another call.
    """
    recipe = recipe or LoRA()
    lengths_of(rows)
    if recorder is not None and not callable(recorder):
        raise AssayError(
            f"finetune: recorder is {recorder!r}; pass an assay.Recorder(rows.ids, loss='binary')."
        )
    module = with_adapters(model, recipe, seed)
    run = _Run(module, rows, recipe, seed, recorder)
    done = _Folder(folder, module, rows, recipe, seed) if folder is not None else None
    if done is not None:
        run.restore(done.states())
    with bar("Fine-tuning", recipe.epochs * len(rows), progress) as tell:
        tell(run.epochs * len(rows))
        while run.epochs < recipe.epochs:
            state = run.epoch(tell)
            if done is not None:
                done.keep(state)
    return run.result()


def with_adapters(model: Any, recipe: LoRA, seed: int = 0) -> Any:
    """The network of answers with fresh low-rank updates, not trained: its answers are the model's own.

    Given to `finetune` in place of the model, it spares the pass through frozen blocks (`LoRA.last`) for rows
    that were seen before: for many trainings on rows of one pool.

    Parameters
    ----------
    model : PreTrainedModel | torch.nn.Module
        A causal language model of transformers, or such a network, whose own updates do not count.
    recipe : LoRA
    seed : int
        Of the first weights.

    Returns
    -------
    torch.nn.Module
        Rows of `token_rows` in, the log odds of their answers out, (b, 1); in evaluation mode.

    Raises
    ------
    AssayError
        As of `finetune`.
    """
    require_torch("finetune")
    if not isinstance(recipe, LoRA):
        raise AssayError(f"finetune: recipe is {recipe!r}; pass an assay.text.LoRA(...).")
    check_seed(seed)
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise AssayError("finetune needs peft; pip install 'assay[text]'.") from error
    import torch

    from ._answers import Answers, blocks

    base = model.frozen.model if isinstance(model, Answers) else model
    if not callable(getattr(base, "get_output_embeddings", None)):
        raise AssayError(
            f"finetune: the model is a {type(model).__name__}; pass a causal language model of transformers."
        )
    if base.dtype not in (torch.float32, torch.float64):
        raise AssayError(
            f"finetune: the model's weights are {str(base.dtype).removeprefix('torch.')}, too coarse for "
            "small steps; load it with dtype=torch.float32, or model.float()."
        )
    first = 0 if recipe.last is None else blocks(base) - recipe.last
    if first < 0:
        raise AssayError(f"LoRA.last is {recipe.last}, but the model has {blocks(base)} blocks.")
    module = Answers(model, first)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # pyright: ignore[reportArgumentType] (only multiplied with)
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(config, module.upper)
        except ValueError as error:
            raise AssayError(f"LoRA.targets {recipe.targets} cannot be updated: {error}") from error
    return module.eval()


class _Run:
    """A training under way: what `restore` and `epoch` change."""

    def __init__(self, module: Any, rows: Data, recipe: LoRA, seed: int, recorder: Any) -> None:
        import torch

        self._module, self._rows, self._recipe, self._seed = module, rows, recipe, seed
        self._recorder = recorder
        self._named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self._optimizer = torch.optim.AdamW(
            self._named.values(), lr=recipe.rate, weight_decay=recipe.weight_decay
        )
        self._steps = -(-len(rows) // recipe.batch)
        self._rates = recipe.rates(recipe.epochs * self._steps)
        self._kept: list[dict[str, Any]] = []

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self._kept)

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Go on after these."""
        if not states:
            return
        self._kept = states
        self._module.load_state_dict(states[-1]["weights"], strict=False)
        moments = [states[-1]["moments"][name] for name in self._named]
        state = self._optimizer.state_dict()
        # copies: the optimizer goes on in what it is given, and these belong to an epoch that is over
        self._optimizer.load_state_dict({**state, "state": {i: _cloned(m) for i, m in enumerate(moments)}})

    def epoch(self, tell: Callable[[float], None]) -> dict[str, Any]:
        """Pass the rows once, in an order of its own, and give what is to be kept."""
        import torch

        number, size = self.epochs, self._recipe.batch
        rng = np.random.default_rng([self._seed, number])
        order, losses = rng.permutation(len(self._rows)), np.empty(len(self._rows))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            for step in range(self._steps):
                places = order[step * size : (step + 1) * size]
                losses[places] = self._step(places, number, number * self._steps + step)
                tell(len(places))
        self._module.eval()
        rates = self._rates[number * self._steps : (number + 1) * self._steps]
        state = {
            "weights": {name: p.detach().clone() for name, p in self._named.items()},
            "moments": {name: _cloned(self._optimizer.state[p]) for name, p in self._named.items()},
            "rate": float(np.mean(rates)),
            "loss": float(losses.mean()),
        }
        self._kept.append(state)
        return state

    def _step(self, places: Any, epoch: int, step: int) -> Floats:
        import torch

        self._module.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._rates[step]
        odds = self._module(self._rows.X[places])
        losses = torch.nn.functional.softplus(-odds[:, 0])
        if not bool(torch.isfinite(losses).all()):
            raise AssayError(f"The loss is no number in step {step}; take a smaller LoRA.rate.")
        self._optimizer.zero_grad()
        losses.mean().backward()
        self._optimizer.step()
        if self._recorder is not None:
            self._recorder(self._rows.ids[places], odds.detach(), torch.ones(len(places)), epoch=epoch)
        return losses.detach().double().numpy()

    def result(self) -> FineTuned:
        """What came of it."""
        told = [(s["weights"], s["rate"], s["moments"], s["loss"]) for s in self._kept]
        return FineTuned(self._module.eval(), *(list(part) for part in zip(*told, strict=True)))


class _Folder:
    """Epochs on disk: one file each, and what they belong to."""

    def __init__(self, folder: str | Path, module: Any, rows: Data, recipe: LoRA, seed: int) -> None:
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AssayError(
                f"The folder {folder} cannot be made ({error.strerror}); give one that can."
            ) from error
        told = f"{module.frozen.digest} {recipe} {seed} {rows.X.shape}"
        digest = blake2b(told.encode() + rows.X.tobytes(), digest_size=16)
        for name, tensor in module.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
        belongs = self._folder / "belongs"
        if belongs.exists() and belongs.read_text() != digest.hexdigest():
            raise AssayError(
                f"{self._folder} keeps a fine-tuning of another model, other rows, or by another recipe or "
                "seed; give this one a folder of its own."
            )
        belongs.write_text(digest.hexdigest())

    def states(self) -> list[dict[str, Any]]:
        """The epochs that were finished, in order."""
        import torch

        files = sorted(self._folder.glob("epoch-*.pt"))
        try:
            return [torch.load(file, weights_only=True) for file in files]
        except (RuntimeError, EOFError, OSError, UnpicklingError) as error:
            raise AssayError(
                f"{self._folder} has an epoch that cannot be read; remove the last of its epoch-*.pt."
            ) from error

    def keep(self, state: dict[str, Any]) -> None:
        """Write the next epoch, whole or not at all."""
        import torch

        count = len(list(self._folder.glob("epoch-*.pt")))
        part = self._folder / "part"
        torch.save(state, part)
        part.rename(self._folder / f"epoch-{count:04d}.pt")


def _cloned(state: dict[str, Any]) -> dict[str, Any]:
    return {name: part.detach().clone() for name, part in state.items()}
