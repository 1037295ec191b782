"""From the outputs of a model and labels to what is kept of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from ._measures import KINDS, of_logits, of_numbers, of_one_logit
from ._parts import as_floats, is_tensor, numpy_of, seen

LOSSES = ("cross_entropy", "binary", "squared")
TOKENS = 2**20  # numbers of a block of tokens
IGNORED = -100  # the target of tokens that torch's losses leave out


class Reader:
    """Reads blocks of outputs; see `Recorder` for the parameters."""

    def __init__(self, loss: str, classes: Sequence[Any] | None) -> None:
        if loss not in LOSSES:
            raise AssayError(f"Recorder.loss is {loss!r}; choose {', '.join(LOSSES)}.")
        self.loss = loss
        self.classes = None if classes is None else np.asarray(classes)
        if self.classes is None:
            return
        if loss == "squared":
            raise AssayError("Recorder.classes are given, and the loss is 'squared'; leave one of them out.")
        if self.classes.ndim != 1 or len(np.unique(self.classes)) != len(self.classes):
            raise AssayError("Recorder.classes need to be one label for each output, all different.")
        if loss == "binary" and len(self.classes) != 2:
            raise AssayError(
                f"Recorder.classes are {self.names}, and the loss is 'binary', which has two; give two "
                "classes, or say loss='cross_entropy'."
            )
        self._sorted = np.argsort(self.classes, kind="stable")

    @property
    def names(self) -> list[Any]:
        """The classes, as Python writes them."""
        return [] if self.classes is None else self.classes.tolist()

    def check(self, outputs: Any, targets: Any, ids: Any) -> None:
        """Refuse shapes that do not fit."""
        shape, given = outputs.shape, targets.shape
        if self.loss == "cross_entropy":
            width = None if self.classes is None else len(self.classes)
            fits = len(shape) in (2, 3) and shape[-1] > 1 and given == shape[:-1]
            fits = fits and width in (None, shape[-1])
            wanted = f"logits (b, {width or 'classes'}) and labels (b,), or (b, t, classes) and (b, t)"
        elif self.loss == "binary":
            fits = _line(shape) == _line(given) == shape[:1]
            wanted = "one logit and one label a row"
        else:
            fits = shape[:1] == given[:1] and _line(shape) == _line(given) and len(shape) in (1, 2)
            wanted = "outputs and targets of one shape, (b,) or (b, k)"
        if not fits:
            more = "; for one logit a row say loss='binary'" if self.loss == "cross_entropy" else ""
            raise AssayError(
                f"Recorder got outputs of shape {tuple(shape)} and targets of shape {tuple(given)}, and loss "
                f"{self.loss!r} needs {wanted}{more}."
            )
        if ids.shape != given[:1]:
            raise AssayError(
                f"Recorder got ids of shape {tuple(ids.shape)} for {given[0]} rows; give one for each row."
            )

    def read(self, outputs: Any, targets: NDArray[Any]) -> NDArray[Any]:
        """The four `KINDS`, (4, b), of outputs (b, ...) and targets (b, ...); a bad loss is inf.

        Raises
        ------
        AssayError
            If a label is no class.
        """
        with np.errstate(all="ignore"):
            found = self._read(outputs, targets)
        found[0, ~np.isfinite(found[0])] = np.inf
        return found

    def _read(self, outputs: Any, targets: NDArray[Any]) -> NDArray[Any]:
        if self.loss == "squared":
            rows = len(targets)
            return of_numbers(
                as_floats(numpy_of(outputs)).reshape(rows, -1), as_floats(targets).reshape(rows, -1)
            )
        if self.loss == "binary":
            outputs, width = outputs.reshape(len(targets)), 2
        else:
            width = outputs.shape[1]
        codes = self.codes(targets.reshape(len(targets)), width)
        work = of_one_logit if self.loss == "binary" else of_logits
        if not is_tensor(outputs) or outputs.is_cpu:  # numpy is the faster one there
            return work(np, as_floats(numpy_of(outputs)), codes)
        import torch

        return numpy_of(work(torch, outputs.float(), torch.as_tensor(codes, device=outputs.device)))

    def codes(self, targets: NDArray[Any], width: int) -> NDArray[np.intp]:
        """The places (b,) of labels among the outputs."""
        if self.classes is not None:
            names = self.classes[self._sorted]
            try:
                near = np.minimum(np.searchsorted(names, targets), len(names) - 1)
            except TypeError as error:  # text and None, say
                raise AssayError(
                    f"Recorder got labels that are not of the kind of its classes ({error}); give labels "
                    "that are all among Recorder.classes."
                ) from error
            known, codes = names[near] == targets, self._sorted[near]
        else:
            codes = targets if targets.dtype.kind in "biuf" else np.full(len(targets), -1)
            known = (codes >= 0) & (codes < width) & (codes % 1 == 0)
        if not np.all(known):
            wrong = targets[~np.broadcast_to(known, targets.shape)][0]
            raise AssayError(
                f"Recorder got the label {wrong.item()!r}, which is none of the {width} classes; give codes "
                "from 0, or the classes in the order of the outputs: Recorder(ids, classes=...)."
            )
        return codes.astype(np.intp)

    def read_tokens(self, outputs: Any, targets: Any) -> NDArray[Any]:
        """The four `KINDS`, (4, b), of sequences (b, t, c): means over the tokens whose target is not -100.

        The probability is that of the mean loss, exp(-loss). A row without such a token is nan.
        """
        found = np.full((len(KINDS), len(targets)), np.nan)
        labels = numpy_of(targets)
        step = max(1, TOKENS // outputs.shape[2])
        for i, line in enumerate(labels):
            places = np.flatnonzero(line != IGNORED)
            parts = [places[at : at + step] for at in range(0, len(places), step)]
            read = [self.read(_tokens(outputs[i], part), line[part]).astype(float) for part in parts]
            if read:
                found[:, i] = np.concatenate(read, axis=1).mean(axis=1)
        found[KINDS.index("probabilities")] = np.exp(-found[KINDS.index("losses")])
        return found


def _tokens(row: Any, places: NDArray[np.intp]) -> Any:
    """Some tokens of a row (t, c), on the device where they are."""
    if not is_tensor(row):
        return row[places]
    import torch

    chosen = row.detach()[torch.as_tensor(places, device=row.device)]
    return seen(chosen)


def _line(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without a last axis of one."""
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
