"""Rows for a torch module, in batches that depend on nothing but the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler, default_collate

from .._errors import AssayError
from .._problem import Data
from .._types import Labels

BATCH, PLAIN_BATCH = 256, 1024  # rows; of networks of linear layers alone, which keep little a row


def batches(
    data: Any, dtype: Any, classes: Labels | None, *, numbers: bool, size: int = BATCH
) -> Iterator[tuple[Any, Any]]:
    """Yield (inputs, targets) of `size` rows at a time, or the batches of a loader.

    Parameters
    ----------
    data : Data | tuple (inputs, targets) | Dataset | DataLoader
        Inputs are an array, or a dict or tuple of them.
    dtype : torch.dtype
        Of the module: what floating inputs become.
    classes : array, optional
        Sorted; labels become their places in it.
    numbers : bool
        Whether targets are numbers, not classes.

    Raises
    ------
    AssayError
        If there are no rows, no labels, or rows come in another order each time.
    """
    found = False
    for inputs, targets in _batches(data, size):
        found = True
        yield _inputs(inputs, dtype), _targets(targets, classes, dtype if numbers else None)
    if not found:
        raise AssayError("There are no rows in the data: the loader or data set is empty.")


def plain_size(rows: int) -> int:
    """Rows of a batch, at most 1,024, by the number of rows alone; two threads have as much to do."""
    pairs = -(-rows // (2 * PLAIN_BATCH))
    return max(-(-rows // (2 * pairs)), 64)


def count(data: Any) -> int:
    """How many rows there are."""
    if isinstance(data, DataLoader):
        return len(data.dataset)  # pyright: ignore[reportArgumentType]
    return len(data[1]) if isinstance(data, tuple) else len(data)


def _batches(data: Any, size: int) -> Iterator[tuple[Any, Any]]:
    if isinstance(data, DataLoader):
        if isinstance(data.sampler, RandomSampler) or data.drop_last:
            raise AssayError(
                "The DataLoader shuffles or drops rows, so gradients could not be told apart; make one with "
                "shuffle=False and drop_last=False."
            )
        yield from ((batch[0], batch[1]) for batch in data)
    elif isinstance(data, Dataset):
        for at in range(0, count(data), size):
            rows = [data[i] for i in range(at, min(at + size, count(data)))]
            inputs, targets = default_collate(rows)[:2]
            yield inputs, targets
    else:
        X, y = (data.X, data.y) if isinstance(data, Data) else _pair(data)
        if y is None:
            raise AssayError("TorchGradients needs labels of the rows; pass assay.Data(X, y).")
        for at in range(0, len(y), size):
            part = _part(X, slice(at, at + size))
            yield part.toarray() if hasattr(part, "toarray") else part, y[at : at + size]


def _part(X: Any, rows: slice) -> Any:
    """These rows, also of a dict or tuple of tensors, as networks of several inputs take them."""
    if isinstance(X, dict):
        return {name: part[rows] for name, part in X.items()}
    return tuple(part[rows] for part in X) if isinstance(X, tuple) else X[rows]


def _pair(data: Any) -> tuple[Any, Any]:
    if not isinstance(data, tuple) or len(data) != 2:
        raise AssayError(
            f"TorchGradients takes assay.Data, (inputs, targets), a Dataset or a DataLoader, not "
            f"{type(data).__name__}."
        )
    return data


def _inputs(inputs: Any, dtype: Any) -> Any:
    if isinstance(inputs, dict):
        return {name: _inputs(part, dtype) for name, part in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_inputs(part, dtype) for part in inputs)
    tensor = torch.as_tensor(np.array(inputs) if isinstance(inputs, np.ndarray) else inputs)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _targets(targets: Any, classes: Labels | None, dtype: Any) -> Any:
    if classes is not None and not isinstance(targets, torch.Tensor):
        codes = np.minimum(np.searchsorted(classes, targets), len(classes) - 1)
        strange = classes[codes] != targets
        if strange.any():
            raise AssayError(
                f"A row has the label {np.asarray(targets)[strange][0].item()!r}, which is none of the "
                "network's classes; leave such rows out, or name all classes: TorchGradients(classes=...)."
            )
        return torch.as_tensor(codes)
    array = targets if isinstance(targets, torch.Tensor) else np.array(targets)
    if not isinstance(array, torch.Tensor) and array.dtype.kind not in "biuf":
        raise AssayError("Labels are text; name their order: TorchGradients(classes=[...]).")
    tensor = torch.as_tensor(array)
    if dtype is not None:
        return tensor.to(dtype)
    return tensor.long() if tensor.ndim == 1 and not tensor.is_floating_point() else tensor
