"""Any network's derivatives of first and second order for many vectors, by automatic differentiation."""

from __future__ import annotations

from typing import Any

from ..._types import Floats, Positions
from ._tape import refuse_batch_norm, taken


class AnyNetwork:
    """A network, dropout off, and the rows that it sees; parameters are lists of tensors.

    Parameters
    ----------
    module : torch.nn.Module
    loss : as of `TorchGradients`
    train, valid : pairs of tensors (or of tuples or dicts of them, and tensors)
    """

    def __init__(self, module: Any, loss: Any, train: Any, valid: Any) -> None:
        from ..._gradients._torch_loss import loss_of

        refuse_batch_norm(module)
        self._module, self._loss = module.eval(), loss_of(loss)
        self._train, self._valid = train, valid
        self._names = [name for name, p in module.named_parameters() if p.requires_grad]

    @property
    def judges(self) -> int:
        """How many validation rows there are."""
        return len(self._valid[1])

    @property
    def theta(self) -> list[Any]:
        """The parameters of the network."""
        named = dict(self._module.named_parameters())
        return [named[name].detach().clone() for name in self._names]

    def slope(self, theta: list[Any], rows: Positions, weights: Floats) -> list[Any]:
        """The gradient of the losses of training rows, summed by weights."""
        import torch
        from torch.func import grad

        share = torch.as_tensor(weights, dtype=theta[0].dtype)
        return list(grad(lambda own: (self._losses(own, self._train, rows) * share).sum())(theta))

    def judged(self, theta: list[Any], part: slice) -> list[Any]:
        """The gradients of validation rows, with an axis of rows in front."""
        import numpy as np
        import torch
        from torch.func import vjp, vmap

        rows = np.arange(self.judges)[part]
        back = vjp(lambda own: self._losses(own, self._valid, rows), theta)[1]
        return list(vmap(lambda unit: back(unit)[0])(torch.eye(len(rows), dtype=theta[0].dtype)))

    def bend(self, theta: list[Any], rows: Positions, vectors: list[Any]) -> tuple[Floats, list[Any]]:
        """Products (q, b) of vectors with each row's gradient, and with the Hessian of the rows' summed loss.

        By reverse mode only, as forward mode is shared by threads.
        """
        import torch
        from torch.func import grad, vjp, vmap

        def losses(own: list[Any]) -> Any:
            return self._losses(own, self._train, rows)

        back = vjp(losses, theta)[1]
        ahead = vjp(lambda u: back(u)[0], torch.zeros(len(rows), dtype=theta[0].dtype))[1]
        across = vjp(lambda own: grad(lambda o: losses(o).sum())(own), theta)[1]
        products = vmap(lambda v: ahead(v)[0])(vectors)
        return products.double().numpy(), list(vmap(lambda v: across(v)[0])(vectors))

    def _losses(self, own: list[Any], data: Any, rows: Positions) -> Any:
        from copy import deepcopy

        from torch.func import functional_call

        from ..._gradients._torch_loss import row_losses

        inputs, targets = taken(data[0], rows), taken(data[1], rows)
        shared = {id(t): t for t in (*self._module.parameters(), *self._module.buffers())}
        twin = deepcopy(self._module, memo=shared)  # threads swap parameters
        given = (inputs,) if not isinstance(inputs, (dict, tuple)) else inputs
        named = dict(zip(self._names, own, strict=True))
        if isinstance(given, dict):
            return row_losses(self._loss, functional_call(twin, named, (), given), targets)
        return row_losses(self._loss, functional_call(twin, named, given), targets)
