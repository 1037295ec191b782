"""What training showed of each row, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Positions
from ._parts import keys_of


@final
@dataclass(frozen=True, eq=False)
class Trace:
    """What one training run showed of each row: arrays of shape (epochs, n), nan where a row was not seen.

    A row seen more than once in an epoch (augmented, or drawn with replacement) has the mean of what was
    seen.

    Parameters
    ----------
    ids : array of shape (n,)
        The keys of the rows, all different.
    losses : array of shape (epochs, n)
        The loss of the row, in nats for classes.
    margins : array of shape (epochs, n)
        The logit of the given label minus the largest other one; above 0 where the row is predicted right.
    probabilities : array of shape (epochs, n)
        The probability of the given label, 0..1.
    errors : array of shape (epochs, n)
        The length of the vector of probabilities minus the label's indicator, 0 to the root of 2.
    norms : array of shape (epochs, n), optional
        The length of the gradient of the row's loss.
    hidden : array of shape (epochs, n, k), optional
        A hidden state of the network.

    Raises
    ------
    AssayError
        If shapes do not fit each other, or two ids are the same.

    Examples
    --------
    >>> import numpy as np
    >>> seen = np.array([[0.5, 0.4], [0.8, 0.3]])
    >>> Trace(np.array(["a", "b"]), -np.log(seen), 2 * seen - 1, seen, 1 - seen).epochs
    2
    """

    ids: NDArray[Any]
    losses: NDArray[Any]
    margins: NDArray[Any]
    probabilities: NDArray[Any]
    errors: NDArray[Any]
    norms: NDArray[Any] | None = None
    hidden: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        ids = keys_of("Trace", self.ids)
        object.__setattr__(self, "ids", ids)
        for name in MEASURES:
            self._check(name, len(ids))

    def _check(self, name: str, n: int) -> None:
        given, optional = getattr(self, name), name in ("norms", "hidden")
        if given is None and optional:
            return
        try:
            kept = (
                given if isinstance(given, np.ndarray) and given.dtype.kind == "f" else np.array(given, float)
            )
        except (TypeError, ValueError) as error:
            raise AssayError(f"Trace.{name} holds what is no number ({error}).") from error
        object.__setattr__(self, name, kept)
        wanted = (self.losses.shape[:1] or ("epochs",)) + (n,) + ("k",) * (name == "hidden")
        if kept.ndim != len(wanted) or kept.shape[:2] != wanted[:2]:
            raise AssayError(f"Trace.{name} has shape {kept.shape}; it needs to be {wanted}.")

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.ids)

    @property
    def epochs(self) -> int:
        """How many epochs are recorded."""
        return len(self.losses)

    def aligned(self, ids: NDArray[Any]) -> Trace:
        """The same for these rows, in this order.

        Raises
        ------
        AssayError
            If a row was never recorded.
        """
        ids = np.asarray(ids)
        if np.array_equal(ids, self.ids):
            return self
        order = np.argsort(self.ids, kind="stable")
        places = order[np.minimum(np.searchsorted(self.ids, ids, sorter=order), len(order) - 1)]
        missing = self.ids[places] != ids
        if missing.any():
            raise AssayError(
                f"The trace has {missing.sum()} of the problem's rows not, such as "
                f"{ids[missing][0].item()!r}; give the recorder the ids of the table: Recorder(ids=data.ids)."
            )
        return self._taken(places)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write it into a new folder, in float16: a margin keeps its sign; what is too large becomes 65,504.

        Raises
        ------
        AssayError
            If the folder is not empty.
        """
        from ._lines import Folder

        lines = Folder(Path(folder), self.ids)
        if lines.epochs:
            raise AssayError(f"The folder {folder} holds a trace; give a new one.")
        for at in range(self.epochs):
            kept = {name: getattr(self, name) for name in MEASURES}
            lines.append(at, {name: part[at] for name, part in kept.items() if part is not None})

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> Trace:
        """What `save` or a `Recorder` wrote; its arrays are mapped from disk, and of float16.

        Raises
        ------
        AssayError
            If there is none.
        """
        from ._lines import Folder

        lines = Folder(Path(folder))
        found = lines.arrays()
        if not found:
            raise AssayError(f"The folder {folder} holds a trace without any epoch; record one first.")
        return cls(lines.ids, **found)

    def _taken(self, places: Positions) -> Trace:
        kept: dict[str, Any] = {name: getattr(self, name) for name in MEASURES}
        taken: dict[str, Any] = {k: None if a is None else a[:, places] for k, a in kept.items()}
        return Trace(self.ids[places], **taken)


MEASURES = tuple(field.name for field in fields(Trace) if field.name != "ids")
