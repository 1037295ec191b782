"""What hooks on a network see while it runs: norms of gradients, and a hidden state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._gradients.torch_gradients import TorchGradients, require_torch
from ._parts import is_tensor, numpy_of

WIDTH = 64  # numbers of a hidden state that are kept
SLOPES = {"cross_entropy": 1.0, "binary": 0.5**0.5, "squared": 2.0}  # gradient by the outputs, in `errors`


class Hooks:
    """Hooks on a network; see `Recorder` for the parameters."""

    def __init__(self, module: Any, loss: str, norms: str | None, hidden: str | None) -> None:
        require_torch("Recorder")
        import torch

        if not isinstance(module, torch.nn.Module):
            raise AssayError(
                "Recorder.norms and hidden watch a network; pass it: Recorder(ids, module=network, ...)."
            )
        if norms not in (None, "last", "all"):
            raise AssayError(f"Recorder.norms is {norms!r}; choose 'last', 'all' or None.")
        self.loss, self.norms, self.module = loss, norms, module
        self._last: Any = None
        self._bias = False
        self._hidden, self._aside, self._called = hidden is not None, False, False
        self._passes, self._version = 0, -1  # in training since the last call, at these weights
        self._passed: Any = None
        self._state: Any = None
        self._basis: Any = None
        # its copy of the network is made before there are hooks on it
        self._gradients = TorchGradients(module, loss) if norms == "all" else None
        self._handles = self._hooked(norms, hidden)

    def _hooked(self, norms: str | None, hidden: str | None) -> list[Any]:
        import torch

        handles: list[Any] = []
        if norms == "last":
            layers = [part for part in self.module.modules() if isinstance(part, torch.nn.Linear)]
            if not layers:
                raise AssayError("Recorder.norms is 'last', and the network has no linear layer; say 'all'.")
            self._bias = layers[-1].bias is not None
            handles.append(layers[-1].register_forward_hook(self._see_last))
        if norms == "all" or hidden is not None:
            handles.append(self.module.register_forward_pre_hook(self._see_inputs, with_kwargs=True))
        if hidden is not None:
            try:
                part = self.module.get_submodule(hidden)
            except (AttributeError, TypeError) as error:
                raise AssayError(
                    f"Recorder.hidden is {hidden!r}, which is no module of the network; see named_modules()."
                ) from error
            handles.append(part.register_forward_hook(self._see_state))
        return handles

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _see_last(self, layer: Any, inputs: Any, output: Any) -> None:
        version = None if output.is_inference() else output._version
        self._last = (inputs[0].detach(), output.detach(), version)

    def _see_inputs(self, module: Any, inputs: Any, named: Any) -> None:
        version = _version(module)
        if module.training:
            self._passes = self._passes + 1 if version == self._version else 1
            self._version = version
        waits = self._passes > 0 and version == self._version
        self._aside = waits and not module.training  # an evaluation between a batch and its call
        if self.norms == "all" and not self._aside:
            self._passed = (inputs, named, version)

    def _see_state(self, part: Any, inputs: Any, output: Any) -> None:
        if self._aside:
            return
        output = output if hasattr(output, "detach") else output[0]
        self._state = output.detach()

    def seen(self, logits: Any, targets: Any, mask: Any = None) -> dict[str, Any]:
        """What belongs to the batch that just passed: `norms` (b,), or `lengths` (b,) for `norms_by` to turn
        into them, and `hidden` (b, k).

        Raises
        ------
        AssayError
            If another batch passed since, or none.
        """
        passes, self._passes = self._passes, 0
        first, self._called = not self._called, True
        if passes > 1 and not first:  # before the first call somebody may have looked at shapes
            raise AssayError(
                f"Recorder watches a network through which {passes} batches have passed since the last call; "
                "call it after each, and pass others in evaluation mode: module.eval()."
            )
        found: dict[str, Any] = {}
        if self.norms == "last":
            found["lengths"] = self._lengths(logits)
        elif self._gradients is not None:
            found["norms"] = self._norms(logits, targets)
        if self._state is not None:
            found["hidden"] = self._pooled(len(targets), mask)
        elif self._hidden:
            raise _stale()
        self._last = self._passed = self._state = None
        return found

    def norms_by(self, lengths: NDArray[Any], errors: NDArray[Any]) -> NDArray[Any]:
        """Norms (b,) of gradients by the last layer: lengths of its inputs, `errors` of its outputs."""
        return errors * (SLOPES[self.loss] * np.sqrt(lengths**2 + self._bias))

    def _lengths(self, logits: Any) -> Any:
        import torch

        if self._last is None:
            raise _stale()
        inputs, output, version = self._last
        if inputs.ndim != 2 or not _same(output, torch.as_tensor(logits), version):
            raise AssayError(
                "Recorder.norms is 'last', and the logits are not what the last linear layer gave for "
                "one vector a row; pass them right after the forward pass, as it gave them, or say 'all'."
            )
        return torch.linalg.vector_norm(inputs.float(), dim=1)

    def _norms(self, logits: Any, targets: Any) -> Any:
        import torch

        if self._passed is None:
            raise _stale()
        inputs, named, version = self._passed
        if logits.ndim == 3:
            raise AssayError(
                "Recorder.norms is 'all', and logits are of tokens, which have no norms; leave it out."
            )
        if bool(inputs) == bool(named) or not all(map(is_tensor, (*inputs, *named.values()))):
            raise AssayError(
                "Recorder.norms is 'all', and the network was called with other things than tensors, or with "
                "some by name and others not; call it with tensors, all by name or none."
            )
        if version != _version(self.module):
            raise AssayError(
                "Recorder.norms is 'all', and the weights have changed since the forward pass; call the "
                "recorder before optimizer.step()."
            )
        given = named or (inputs[0] if len(inputs) == 1 else inputs)
        with torch.inference_mode(False), torch.enable_grad():
            rows = self._at_weights().rows((_on_cpu(given), numpy_of(targets)))
            return torch.as_tensor(np.asarray(rows.norms(), np.float32))

    def _at_weights(self) -> TorchGradients:
        """Gradients at the network's weights as they are, by those that are trained now."""
        assert self._gradients is not None
        copy, moved = self._gradients.module, False
        copy.load_state_dict(self.module.state_dict())
        for own, its in zip(copy.parameters(), self.module.parameters(), strict=True):
            moved |= own.requires_grad != its.requires_grad
            own.requires_grad_(its.requires_grad)
        if moved:
            self._gradients = TorchGradients(copy, self.loss)
        return self._gradients

    def _pooled(self, rows: int, mask: Any) -> Any:
        import torch

        state = self._state.float()
        if len(state) != rows or state.ndim < 2:
            raise AssayError(
                f"Recorder.hidden gave shape {tuple(state.shape)} for {rows} rows; name a module with one "
                "state a row, rows first."
            )
        if state.ndim == 3 and mask is not None:
            weights = mask.to(state)[:, :, None]
            state = (state * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        elif state.ndim == 3:
            state = state.mean(dim=1)
        elif state.ndim > 3:  # channels first
            state = state.flatten(2).mean(dim=2)
        if state.shape[1] <= WIDTH:
            return state.clone()
        if self._basis is None:
            basis = np.random.default_rng(0).normal(size=(state.shape[1], WIDTH)) / np.sqrt(WIDTH)
            self._basis = torch.as_tensor(basis, dtype=state.dtype, device=state.device)
        return state @ self._basis


def _same(one: Any, two: Any, version: int | None) -> bool:
    """Whether the second holds, in whatever precision, what the first held at this version of it."""
    where = [(part.data_ptr(), part.shape, part.stride()) for part in (one, two)]
    if version is not None and where[0] == where[1]:
        return one._version == version
    return one.numel() == two.numel() and bool((one.reshape(-1) == two.detach().reshape(-1)).all())


def _on_cpu(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _on_cpu(each) for name, each in part.items()}
    return tuple(map(_on_cpu, part)) if isinstance(part, (tuple, list)) else part.detach().cpu().clone()


def _version(module: Any) -> int:
    return sum(part._version for part in module.parameters())


def _stale() -> AssayError:
    return AssayError(
        "Recorder watches a network through which no batch has passed since the last call; pass the batch "
        "through `module` itself, once for each call."
    )
