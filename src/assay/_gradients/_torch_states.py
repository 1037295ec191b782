"""A network at another state of its training, what is the same shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch

from .._errors import AssayError


def at_state(module: Any, state: Any, number: int) -> Any:
    """The network with the tensors of a state dict; what it lacks, or has alike, is shared with `module`.

    Shared tensors are never written, so that states can be held side by side.

    Parameters
    ----------
    module : torch.nn.Module
    state : mapping of names to tensors
        Of some of its parameters and buffers, or of all.
    number : int
        Of the checkpoint, for errors.

    Raises
    ------
    AssayError
        If it is empty, or has a name or a shape that the network has not.
    """
    if not isinstance(state, Mapping) or not state:
        raise AssayError(
            f"TorchGradients.checkpoints[{number}] is {type(state).__name__}"
            f"{'' if state else ' without keys'}; pass module.state_dict(), or what is trained of it."
        )
    present = module.state_dict(keep_vars=True)
    strange = [name for name in state if name not in present]
    if strange:
        raise AssayError(
            f"TorchGradients.checkpoints[{number}] has {strange[0]!r}, and {len(strange) - 1} more, which "
            f"the network has not; its names are as {next(reversed(present))!r}."
        )
    new = {name: tensor for name, tensor in state.items() if not _same(present[name], tensor)}
    changed = {id(present[name]) for name in new}
    tensors = (*module.parameters(), *module.buffers())
    then = deepcopy(module, memo={id(t): t for t in tensors if id(t) not in changed})
    try:
        then.load_state_dict(new, strict=False)
    except RuntimeError as error:
        raise AssayError(
            f"TorchGradients.checkpoints[{number}] does not fit the network "
            f"({str(error).strip().splitlines()[-1].strip()}); pass a state of this very network."
        ) from error
    return then


def refuse_live(name: str, states: Sequence[Mapping[Any, Any]]) -> None:
    """Refuse states that are views of the same memory, which further training has overwritten.

    Parameters
    ----------
    name : str
        "checkpoints" or "moments", for the error.
    states : sequence of mappings to tensors

    Raises
    ------
    AssayError
        If all tensors of two of them lie in the same place.
    """
    seen: dict[Any, int] = {}
    for number, state in enumerate(states):
        tensors = [t for t in state.values() if isinstance(t, torch.Tensor) and t.numel()]
        places = tuple(t.data_ptr() for t in tensors)
        if tensors and seen.setdefault(places, number) != number:
            raise AssayError(
                f"TorchGradients.{name}[{seen[places]}] and [{number}] are the same tensors, which training "
                "went on to overwrite; keep a copy each time: copy.deepcopy(....state_dict())."
            )


def _same(mine: Any, its: Any) -> bool:
    """Whether a tensor of the network is that of the state already; extra state is never."""
    if not isinstance(mine, torch.Tensor) or not isinstance(its, torch.Tensor) or mine.shape != its.shape:
        return False
    return torch.equal(mine.detach(), its.detach().cpu().to(mine.dtype))
