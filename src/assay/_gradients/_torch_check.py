"""Whether a network takes the rows that it is given, and answers for their classes."""

from __future__ import annotations

from typing import Any

import torch

from .._errors import AssayError
from .._types import Labels
from ._torch_record import first_rows, outputs_of


def passed(network: Any, inputs: Any) -> Any:
    """What a network in training gives for a batch.

    Raises
    ------
    AssayError
        If it fails, as batch norm does on a single row.
    """
    try:
        return network(inputs)
    except (RuntimeError, ValueError) as error:
        raise AssayError(
            f"The network fails in training on a batch of {len(inputs)} row(s) "
            f"({str(error).strip().splitlines()[0]}); take another Training.batch, if that is the last one."
        ) from error


def check_network(module: Any, loss: Any, classes: Labels | None, batch: tuple[Any, Any]) -> None:
    """Refuse a network whose outputs are none of these rows' classes or numbers.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    loss : as of `TorchGradients`
        Outputs are compared with labels for those that have a name.
    classes : array, optional
        Sorted.
    batch : pair of inputs and targets

    Raises
    ------
    AssayError
        If the network fails on the rows, gives no tensor, or as many outputs as do not fit the labels.
    """
    inputs, targets = first_rows(batch[0]), batch[1]
    try:
        with torch.no_grad():
            outputs = outputs_of(module, inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise AssayError(
            f"The network fails on rows of {_told(inputs)} ({str(error).strip().splitlines()[0]}); give it "
            "rows as it expects them, or begin it with a module that reshapes or casts them."
        ) from error
    if not isinstance(outputs, torch.Tensor):
        if isinstance(loss, str):
            raise AssayError(
                f"The network gives a {type(outputs).__name__}, not a tensor of outputs; wrap it in a module "
                "that gives its outputs alone."
            )
        return
    if loss == "cross_entropy" and not targets.is_floating_point() and targets.ndim == 1:
        _check_classes(outputs, classes, int(targets.max()) + 1)
    elif loss in ("squared", "binary") and len(targets):
        given, asked = outputs[0].numel(), targets[0].numel()
        if given != asked:
            kind = "number(s)" if loss == "squared" else "label(s)"
            raise AssayError(
                f"The network gives {given} outputs a row, and a row has {asked} {kind} for the loss "
                f"{loss!r}; give it a last layer of as many, or another loss."
            )


def _check_classes(outputs: Any, classes: Labels | None, least: int) -> None:
    given = outputs.shape[1] if outputs.ndim > 1 else 1
    asked = least if classes is None else len(classes)
    # codes 0, 1, ... are themselves the places of the outputs, and some may have no rows
    codes = classes is None or (classes.dtype.kind in "biu" and bool((classes == range(asked)).all()))
    if given < asked or (given > asked and not codes):
        raise AssayError(
            f"The network gives {given} output(s) a row, and the labels have {asked} classes; give its last "
            "layer an output for each, or name the class of each output: TorchGradients(classes=[...])."
        )


def _told(inputs: Any) -> str:
    if isinstance(inputs, torch.Tensor):
        return f"shape {tuple(inputs.shape[1:])} and {str(inputs.dtype).removeprefix('torch.')}"
    return f"type {type(inputs).__name__}"
