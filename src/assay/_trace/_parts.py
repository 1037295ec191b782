"""Parts of batches: tensors or arrays, copied when they come and read when a block is full."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_tensor(part: Any) -> bool:
    """Whether it is a tensor of torch; torch is not imported for the question."""
    return type(part).__module__.split(".")[0] == "torch" or hasattr(part, "detach")


def kept(part: Any) -> Any:
    """A copy, outside of any graph."""
    return part.detach().clone() if is_tensor(part) else np.array(part)


def numpy_of(part: Any) -> NDArray[Any]:
    """As an array; half precision of torch in float32."""
    if not is_tensor(part):
        return np.asarray(part)
    part = part.detach().cpu()
    return (part if part.dtype.itemsize > 2 or not part.is_floating_point() else part.float()).numpy()


def joined(parts: list[Any]) -> Any:
    """One after another: a tensor where all are tensors elsewhere than on the CPU, else an array."""
    if all(is_tensor(part) for part in parts):
        import torch

        whole = torch.cat(parts) if len(parts) > 1 else parts[0]
        return whole.float() if whole.device.type != "cpu" else numpy_of(whole)
    return np.concatenate([numpy_of(part) for part in parts])


def as_floats(part: NDArray[Any]) -> NDArray[Any]:
    """In float64 if it is, else in float32."""
    return part if part.dtype in (np.float32, np.float64) else part.astype(np.float32)
