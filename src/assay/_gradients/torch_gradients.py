"""Gradients of any network of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from typing import Any, final

import numpy as np

from .._errors import AssayError
from .._numbers import is_whole
from .._parallel import each, workers
from .._types import Floats, Labels
from .features import Features
from .gradients import Curvature, Gradients, Of, fingerprint
from .moments import Moments

PAST = 1.3  # how far past the boundary an attacked row is moved, in distances to it
VECTORS = 32  # multiplied by a curvature at once


@final
class TorchGradients(Gradients):
    """Gradients of the loss of single rows by the parameters of a trained network.

    Linear layers, convolutions, embeddings and norms are taken from what goes into them and the gradients by
    what comes out: one forward and half a backward pass, no gradient multiplied out. Other parameters, and
    shared ones, by `torch.func`. On the first batch both ways are compared, and what differs is taken the
    plain way. The network is copied, in evaluation mode: dropout is off, batch norms use their averages.

    Parameters
    ----------
    module : torch.nn.Module
        Trained; frozen parameters (`requires_grad=False`) do not count. float16 and bfloat16 become float32.
    loss : str | callable
        "cross_entropy" (outputs (n, classes), labels codes), "binary" (one logit), "squared" (squared error
        summed over the outputs), or f(outputs, targets) -> loss of each row, (n,).
    classes : array-like, optional
        In the order of the outputs, sorted, where labels are not codes from 0.
    layers : sequence of str, optional
        Names of the modules whose parameters count; all if not given.
    checkpoints : sequence of state dicts, optional
        Of the same network while it was trained, for methods that sum over them; `module` alone if not given.
        What one lacks is as in `module`: of a network with adapters those alone will do. What is the same as
        there is shared with it, not copied.
    rates : sequence of float, optional
        The learning rate of each checkpoint (times the steps that it stands for); 1 if not given.
    moments : sequence, optional
        The state of Adam at each checkpoint, for `LESS`: `state_dict()` of torch's Adam or AdamW (of all
        parameters or the trained ones, in the order of `module.named_parameters()`), or {name: {"exp_avg":
        ..., "exp_avg_sq": ..., "step": ...}}.
    batch : int, optional
        Rows that pass the network at once, of each thread; 256, or up to 1,024 of plain networks, if not
        given. Long sequences need fewer.

    Raises
    ------
    AssayError
        If torch is missing, nothing is trained, or a batch norm keeps no averages.

    Examples
    --------
    >>> import torch
    >>> from assay import Data, Problem, TorchGradients, value
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    >>> rows = Data([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1])
    >>> TorchGradients(net).rows(rows).width
    17
    """

    def __init__(
        self,
        module: Any,
        loss: str | Callable[[Any, Any], Any] = "cross_entropy",
        *,
        classes: Labels | Sequence[Any] | None = None,
        layers: Sequence[str] | None = None,
        checkpoints: Sequence[dict[str, Any]] | None = None,
        rates: Sequence[float] | None = None,
        moments: Sequence[Any] | None = None,
        batch: int | None = None,
    ) -> None:
        require_torch("TorchGradients")
        from . import _torch_factors, _torch_loss, _torch_parts, _torch_states

        self.loss, self.classes = loss, None if classes is None else np.asarray(classes)
        self.layers = None if layers is None else tuple(layers)
        self._loss = _torch_loss.loss_of(loss)
        self.module = _copied(module)
        _torch_factors.check_batch_norm(self.module)
        self._parts, self._checked = _torch_parts.parts_of(self.module, self.layers), False
        self._states, self._rates = checkpoints, rates
        if checkpoints is not None and (not checkpoints or len(self.rates) != len(checkpoints)):
            raise AssayError("TorchGradients needs at least one checkpoint, and one rate for each of them.")
        if checkpoints is not None:
            _torch_states.refuse_live("checkpoints", [s for s in checkpoints if isinstance(s, Mapping)])
        if batch is not None and not (is_whole(batch) and batch >= 1):
            raise AssayError(
                f"TorchGradients.batch is {batch!r}; it needs a whole number of rows, at least 1."
            )
        self.batch, self._moments = batch, self._states_of_adam(moments)

    def _states_of_adam(self, moments: Any) -> list[Any] | None:
        from ._torch_moments import adam_state
        from ._torch_states import refuse_live

        if moments is None:
            return None
        if len(moments) != len(self.rates):
            raise AssayError(
                f"TorchGradients.moments has {len(moments)} states for {len(self.rates)} checkpoint(s); pass "
                "one for each of them."
            )
        states = [adam_state(given, self.module, number) for number, given in enumerate(moments)]
        refuse_live("moments", [state.first for state in states])
        return states

    @property
    def fingerprint(self) -> str:
        """See `Gradients.fingerprint`; a loss of one's own counts by its name and code."""
        from .._keys import score_key

        loss = self.loss if isinstance(self.loss, str) else score_key(self.loss).hex()
        told = f"{loss} {self.layers} {None if self.classes is None else self.classes.tolist()} {self.module}"
        return fingerprint(told, {name: t.numpy() for name, t in self.module.state_dict().items()})

    @property
    def checkpoints(self) -> Iterator[Gradients]:
        """The gradients of each checkpoint, one after another."""
        if self._states is None:
            yield self
            return
        from ._torch_states import at_state

        before = self
        for number, state in enumerate(self._states):
            then = copy(
                before
            )  # the network's parts, once they are checked, are those of all its checkpoints
            then._states, then._rates = None, None
            then._moments = None if self._moments is None else self._moments[number : number + 1]
            then.module = at_state(self.module, state, number)
            yield then
            before = then

    @property
    def rates(self) -> Floats:
        """The learning rate of each checkpoint."""
        count = 1 if self._states is None else len(self._states)
        return np.ones(count) if self._rates is None else np.asarray(self._rates, float)

    @property
    def names(self) -> list[str]:
        """The module of each layer of `rows`."""
        return [part.name for part in self._parts]

    @property
    def widths(self) -> Sequence[int]:
        """Parameters of each layer of `rows`."""
        return [part.width for part in self._parts]

    def _batches(self, data: Any) -> Iterator[tuple[Any, Any]]:
        from ._torch_rows import BATCH, batches, count, plain_size

        weight = next(self.module.parameters())
        plain = all(part.kind == "linear" for part in self._parts)
        size = self.batch or (plain_size(max(count(data), 1)) if plain else BATCH)
        return batches(data, weight.dtype, self.classes, numbers=self.loss == "squared", size=size)

    def check(self, data: Any) -> Any:
        """The first batch, if the network takes its rows and answers for their classes, else AssayError."""
        from ._torch_check import check_network

        batch = next(self._batches(data))
        check_network(self.module, self.loss, self.classes, batch)
        return batch

    def _settle(self, data: Any) -> None:
        """See which parts are recorded, and which are made the plain way, once."""
        if not self._checked:
            from ._torch_record import check_parts

            batch = self.check(data)
            self._parts = check_parts(self.module, self._parts, self._loss, batch)
            self._checked = True

    def _each(self, work: Callable[..., Any], data: Any) -> list[Any]:
        """`work` on each batch, by threads of one core each: how many there are changes no bit."""
        self._settle(data)
        with one_thread() as jobs:
            return list(each(work, self._batches(data), jobs, threads=True))

    def moments(self, data: Any) -> Moments | None:
        """See `Gradients.moments`; those of the first checkpoint."""
        if self._moments is None:
            return None
        self._settle(data)
        return self._moments[0].laid_out(self._parts, next(self.module.parameters()).dtype)

    def rows(self, data: Any, *, of: Of = "loss") -> Features:
        """See `Gradients.rows`. `data`: Data, (inputs, targets), a Dataset, or a DataLoader."""
        from ._torch_loss import margins, probabilities

        def scalars(outputs: Any, targets: Any) -> list[Any]:
            if of == "margin":
                return [margins(self.loss, outputs, targets)]
            if of == "probability":
                return [probabilities(self.loss, outputs, targets)]
            return self._row_losses(outputs, targets)

        return self._collected(scalars, data)[0]

    def _row_losses(self, outputs: Any, targets: Any) -> list[Any]:
        from ._torch_loss import row_losses

        return [row_losses(self._loss, outputs, targets)]

    def roots(self, data: Any) -> list[Features]:
        """See `Gradients.roots`: one backward pass an output."""
        from ._torch_loss import roots

        def scalars(outputs: Any, targets: Any) -> list[Any]:
            half = roots(self.loss, self._loss, outputs.detach(), targets)
            return [(outputs * half[:, :, c]).sum(dim=1) for c in range(half.shape[2])]

        return self._collected(scalars, data)

    def _collected(self, scalars: Callable[[Any, Any], list[Any]], data: Any) -> list[Features]:
        from ._torch_factors import stacked
        from ._torch_record import gradients

        def work(inputs: Any, targets: Any) -> list[list[Any]]:
            return gradients(self.module, self._parts, scalars, inputs, targets)

        found = self._each(work, data)
        sets = range(len(found[0]))
        layers = range(len(found[0][0]))
        first = [stacked([batch[0][k] for batch in found]) for k in layers]
        rest = [[stacked([batch[s][k] for batch in found], first[k]) for k in layers] for s in sets[1:]]
        return [Features(each) for each in (first, *rest)]

    def losses(self, data: Any) -> Floats:
        """The loss of each row, (n,)."""
        import torch

        from ._torch_loss import check_finite, row_losses
        from ._torch_record import outputs_of

        def work(inputs: Any, targets: Any) -> Floats:
            with torch.no_grad():
                losses = row_losses(self._loss, outputs_of(self.module, inputs), targets)
            check_finite(losses)
            return losses.double().numpy()

        return np.concatenate(self._each(work, data))

    def probabilities(self, data: Any) -> Floats:
        """See `Gradients.probabilities`."""
        import torch

        from ._torch_loss import probabilities
        from ._torch_record import outputs_of

        def work(inputs: Any, targets: Any) -> Floats:
            with torch.no_grad():
                return probabilities(self.loss, outputs_of(self.module, inputs), targets).double().numpy()

        return np.concatenate(self._each(work, data))

    def product(self, data: Any, vectors: Floats, curvature: Curvature = "gauss_newton") -> Floats:
        """See `Gradients.product`; two passes forward and two backward for each vector."""
        from ._torch_products import curved

        total = np.zeros(vectors.shape)
        for at in range(0, len(vectors), VECTORS):
            part = vectors[at : at + VECTORS]
            work = curved(self.module, self._parts, self.loss, self._loss, part, curvature)
            for found in self._each(work, data):
                total[at : at + VECTORS] += found
        return total

    def along(self, data: Any, vector: Floats) -> Floats:
        """See `Gradients.along`, at the cost of three forward passes."""
        from ._torch_record import along

        def work(inputs: Any, targets: Any) -> Floats:
            return along(self.module, self._parts, self._row_losses, inputs, targets, vector)

        return np.concatenate(self._each(work, data))

    def flops(self, data: Any) -> int:
        """See `Gradients.flops`; as torch counts them."""
        from torch.utils.flop_counter import FlopCounterMode

        from ._torch_loss import row_losses
        from ._torch_record import gradients

        with FlopCounterMode(display=False) as counter:
            for inputs, targets in self._batches(data):
                gradients(
                    self.module, self._parts, lambda f, y: [row_losses(self._loss, f, y)], inputs, targets
                )
        return counter.get_total_flops()

    def attacked(self, data: Any) -> Any:
        """Rows moved across the nearest (linearised) boundary of their class, .3 of the distance beyond."""
        from ._torch_products import across

        moved = self._each(lambda x, y: (across(self.module, self.loss, x, y, PAST), y), data)
        import torch

        return torch.cat([x for x, _ in moved]), torch.cat([y for _, y in moved])


def require_torch(name: str) -> None:
    """Refuse, where torch is not installed.

    Raises
    ------
    AssayError
        Saying which extra is missing.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise AssayError(f"{name} needs torch; pip install 'assay[torch]'.") from error


@contextmanager
def one_thread() -> Iterator[int]:
    """Torch on one core a thread; yields how many threads may work: joblib's, or as many as torch had."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield max(workers(None), before)
    finally:
        torch.set_num_threads(before)


def _copied(module: Any) -> Any:
    import torch

    if not isinstance(module, torch.nn.Module):
        raise AssayError(f"TorchGradients.module is {type(module).__name__}; pass a torch.nn.Module.")
    copy = deepcopy(module).cpu().eval()
    half = any(p.dtype in (torch.float16, torch.bfloat16) for p in copy.parameters())
    return copy.float() if half else copy
