"""A network that tells, of each pass, what belongs to each row: its gradient in factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._errors import AssayError
from ..._gradients.layers import Layer
from ..._types import Floats, Labels, Positions


@dataclass(frozen=True, eq=False)
class Pair:
    """A linear layer's gradients, as tensors: what came in (n, A), the gradient by what came out (n, B)."""

    a: Any
    b: Any
    bias: bool

    def take(self, rows: slice) -> Pair:
        """These rows."""
        return Pair(self.a[rows], self.b[rows], self.bias)

    def gram(self, other: Pair) -> Any:
        """Products of each row with each row of `other`."""
        products = self.a @ other.a.T
        if self.bias:
            products += 1
        products *= self.b @ other.b.T
        return products.numpy()


@dataclass(frozen=True, eq=False)
class Rows:
    """The gradients of rows, layer by layer."""

    layers: Sequence[Any]

    def take(self, rows: slice) -> Rows:
        """These rows."""
        return Rows([layer.take(rows) for layer in self.layers])

    def gram(self, other: Rows, factors: Sequence[float]) -> Floats:
        """The sum over layers of a factor times the products of each row with each row of `other`."""
        pairs = zip(factors, self.layers, other.layers, strict=True)
        return np.sum([factor * mine.gram(its) for factor, mine, its in pairs], axis=0, dtype=float)


class Tape:
    """Hooks on a network, while it is open.

    Parameters
    ----------
    module : torch.nn.Module
        Not copied.
    loss : as of `TorchGradients`

    Raises
    ------
    AssayError
        If rows are not apart, or there are parameters that no known module has.
    """

    def __init__(self, module: Any, loss: Any) -> None:
        from ..._gradients import _torch_loss, _torch_parts

        self.module, self._loss = module, _torch_loss.loss_of(loss)
        refuse_batch_norm(module)
        self._parts = _torch_parts.parts_of(module, None)
        self._check_known()
        self._modules = dict(module.named_modules())
        self._named = dict(module.named_parameters())
        self._plain = {
            part.name
            for part in self._parts
            if part.kind == "linear" and len(part.shapes) == 1 + (self._modules[part.name].bias is not None)
        }
        self._calls: dict[str, list[tuple[Any, Any]]] | None = None
        self._handles: list[Any] = []
        self._checked = False
        self.losses: Any = None

    def _check_known(self) -> None:
        rest = next((part for part in self._parts if part.kind == "rest"), None)
        if rest is not None:
            raise AssayError(
                f"InRun cannot tell the rows' parts in {', '.join(rest.shapes)}: they are shared, or of no "
                "Linear, convolution, embedding or norm; freeze them, or take TracIn over checkpoints."
            )

    def open(self) -> None:
        """Put the hooks on."""
        self._handles = [
            self._modules[part.name].register_forward_hook(self._keeper(part.name)) for part in self._parts
        ]

    def close(self) -> None:
        """Take them off."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _keeper(self, name: str) -> Callable[..., Any]:
        def keep(child: Any, given: tuple[Any, ...], made: Any) -> Any:
            del child
            if self._calls is None:
                return None  # somebody else's pass
            self._calls.setdefault(name, []).append((given[0].detach(), made))
            return made.clone()  # what follows may work in place

        return keep

    def passed(self, inputs: Any, targets: Any) -> Rows:
        """The gradient of each row's loss; the losses are in `losses`."""
        import torch

        from ..._gradients._torch_loss import check_finite, row_losses
        from ..._gradients._torch_record import outputs_of

        if not self._handles:
            raise AssayError("InRun.step was called outside of `with InRun(...) as run:`; call it inside.")
        self._check_rows(inputs, targets)
        calls: dict[str, list[tuple[Any, Any]]] = {}
        self._calls = calls
        try:
            with torch.enable_grad():
                losses = row_losses(self._loss, outputs_of(self.module, inputs), targets)
        finally:
            self._calls = None
        check_finite(losses)
        made = [z for part in self._parts for _, z in calls.get(part.name, ())]
        slopes = iter(torch.autograd.grad(losses.sum(), made, allow_unused=True))
        self.losses, layers = losses.detach(), []
        for part in self._parts:
            given = [(x, next(slopes)) for x, _ in calls.get(part.name, ())]
            pairs = [(x, slope) for x, slope in given if slope is not None]
            layers.append(self._layer(part, pairs, len(targets)))
        return Rows(layers)

    def _layer(self, part: Any, pairs: list[tuple[Any, Any]], n: int) -> Pair | Layer:
        from ..._gradients._torch_factors import factors
        from ..._gradients.layers import Full

        module = self._modules[part.name]
        if part.name in self._plain and len(pairs) == 1 and pairs[0][0].ndim == 2:
            return Pair(*pairs[0], module.bias is not None)
        if not pairs:  # not used in this pass
            return Full(np.zeros((n, part.width), np.float32))
        return factors(part, module, pairs)

    def _check_rows(self, inputs: Any, targets: Any) -> None:
        """At the first pass: whether recorded gradients are autograd's, of the first row and the last."""
        if self._checked:
            return
        from ..._gradients._torch_record import check_parts

        before = self.module.training
        self.module.eval()  # dropout would draw twice
        try:
            self._parts = check_parts(self.module, self._parts, self._loss, (inputs, targets))
        finally:
            self.module.train(before)
        self._check_known()
        self._checked = True

    def fill(self, batch: Rows, size: int) -> None:
        """Set the gradients of the parameters to those of the mean loss of these rows."""
        import torch

        for part, layer in zip(self._parts, batch.layers, strict=True):
            names = list(part.shapes)
            if isinstance(layer, Pair):
                self._named[names[0]].grad = (layer.b.T @ layer.a).div_(size)
                if layer.bias:
                    self._named[names[1]].grad = layer.b.sum(0).div_(size)
                continue
            vector = torch.from_numpy(layer.total(np.full(size, 1 / size)).dense())
            for name, gradient in part.split(vector).items():
                parameter = self._named[name]
                parameter.grad = gradient[0].to(parameter.dtype).contiguous()

    def rates(self, optimizer: Any) -> list[float]:
        """The learning rate of each layer; 0 for those that are not the optimizer's."""
        given = {id(p): float(group["lr"]) for group in optimizer.param_groups for p in group["params"]}
        rates = []
        for part in self._parts:
            found = {given.get(id(self._named[name]), 0.0) for name in part.shapes}
            if len(found) > 1:
                raise AssayError(f"The parameters of {part.name!r} have different learning rates; give one.")
            rates.append(found.pop())
        return rates


def refuse_batch_norm(module: Any) -> None:
    """Refuse networks with batch norms.

    Raises
    ------
    AssayError
        Naming the first.
    """
    import torch

    for name, child in module.named_modules():
        if isinstance(child, torch.nn.modules.batchnorm._BatchNorm):
            raise AssayError(
                f"The batch norm {name!r} mixes the rows of a batch while training, so that no row's part is "
                "its own; take GroupNorm or LayerNorm."
            )


def rows_of(data: Any, dtype: Any, classes: Labels | None, *, numbers: bool) -> tuple[Any, Any]:
    """All inputs and targets, as tensors."""
    from ..._gradients._torch_rows import batches

    pairs = list(batches(data, dtype, classes, numbers=numbers))
    inputs, targets = pairs[0]
    for x, y in pairs[1:]:
        inputs, targets = joined(inputs, x), joined(targets, y)
    return inputs, targets


def joined(first: Any, second: Any) -> Any:
    """Rows one after another; of tensors, or tuples or dicts of them."""
    import torch

    if isinstance(first, dict):
        return {name: joined(part, second[name]) for name, part in first.items()}
    if isinstance(first, (tuple, list)):
        return tuple(joined(a, b) for a, b in zip(first, second, strict=True))
    return torch.cat([first, second.to(first.dtype)])


def taken(rows: Any, places: Positions) -> Any:
    """These rows; of a tensor, or a tuple or dict of them."""
    if isinstance(rows, dict):
        return {name: taken(part, places) for name, part in rows.items()}
    if isinstance(rows, (tuple, list)):
        return tuple(taken(part, places) for part in rows)
    import torch

    return rows[torch.from_numpy(places)]
