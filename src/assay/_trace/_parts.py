"""Parts of batches: arrays, or tensors where they lie elsewhere than in the machine's memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError


def is_tensor(part: Any) -> bool:
    """Whether it is a tensor of torch; torch is not imported for the question."""
    return hasattr(part, "detach")


def seen(part: Any) -> Any:
    """The same numbers outside of any graph: a tensor stays one, else an array."""
    return part.detach() if is_tensor(part) else np.asarray(part)


def copied(part: Any) -> Any:
    """A copy of what `seen` gave."""
    return part.clone() if is_tensor(part) else part.copy()


def numpy_of(part: Any) -> NDArray[Any]:
    """As an array; half precision of torch in float32."""
    if not is_tensor(part):
        return np.asarray(part)
    try:
        return part.numpy(force=True)
    except TypeError:  # bfloat16, which numpy does not know
        return part.float().numpy(force=True)


def joined(parts: list[Any]) -> Any:
    """One after another: a tensor where all are, else an array."""
    if len(parts) == 1:
        return parts[0]
    if all(map(is_tensor, parts)):
        import torch

        return torch.cat(parts)
    return np.concatenate([numpy_of(part) for part in parts])


def keys_of(name: str, given: Any) -> NDArray[Any]:
    """The keys of rows as text or whole numbers, all different.

    Raises
    ------
    AssayError
        If they are not.
    """
    ids = np.array(numpy_of(given))
    if ids.dtype == object:
        ids = np.array(ids.tolist())
    if ids.ndim != 1 or not len(ids) or ids.dtype.kind not in "iuU":
        raise AssayError(
            f"{name}.ids have shape {ids.shape} and type {ids.dtype}; give one key for each row, text or "
            "whole numbers."
        )
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < len(ids):
        raise AssayError(
            f"{name}.ids name {names[counts > 1][0].item()!r} more than once; every row needs its own key."
        )
    return ids


def as_floats(part: NDArray[Any]) -> NDArray[Any]:
    """In float64 if it is, else in float32.

    Raises
    ------
    AssayError
        If it holds what is no number.
    """
    if part.dtype in (np.float32, np.float64):
        return part
    try:
        return part.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise AssayError(
            f"Recorder got what is no number ({error}); pass logits as numbers, and with loss='squared' "
            "targets too."
        ) from error
