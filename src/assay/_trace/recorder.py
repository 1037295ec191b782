"""Records what training shows of each row, while somebody's own loop runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, final

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._numbers import is_whole
from .._types import Positions
from ._lines import Folder, Memory
from ._measures import KINDS
from ._open_epoch import OpenEpoch
from ._parts import copied, joined, keys_of, numpy_of, seen
from ._reader import Reader
from .trace import Trace

BLOCK, NUMBERS = 8192, 2**22  # rows, and logits, that are kept before they are read


@final
class Recorder:
    """Records a `Trace` from a loop, by one line in it: `recorder(ids, logits, targets, epoch=epoch)`.

    Nothing of the training is touched: no pass through the network is added, no random number drawn, no
    gradient kept; weights come out the same to the bit. Batches are copied and read by the block, so that a
    label that is wrong may be reported some batches later. An epoch is closed when a later one begins, by
    `close`, by `trace`, or at the end of `with`.

    Parameters
    ----------
    ids : array-like of shape (n,)
        The keys of the rows, all different: whole numbers or text.
    folder : path, optional
        Where closed epochs are kept, in float16: 8 bytes a row and epoch. If the folder holds epochs of the
        same rows, they are continued; an epoch recorded again takes the place of the old one and of what
        followed it. In memory, in float32, if not given.
    classes : sequence, optional
        The label of each output, in their order; labels are codes from 0 if not given.
    loss : "cross_entropy" | "binary" | "squared"
        Log loss of logits (b, classes), or of tokens (b, t, classes), where each row has the mean of its
        tokens whose target is not -100; of one logit a row; or the squared error summed over the outputs,
        where margins and probabilities are nan and errors the root of the loss.
    module : torch.nn.Module, optional
        The network, which `norms` and `hidden` watch by hooks.
    norms : "last" | "all", optional
        The length of the gradient of a row's loss by the last linear layer, which must give the logits
        (cheap), or by all parameters that are trained, in evaluation mode (a pass more, and half a one back).
    hidden : str, optional
        The module whose output is the hidden state: averaged over positions, if there are any, and projected
        at random, always alike, to 64 numbers if it has more.

    Raises
    ------
    AssayError
        If ids are not unique, the folder holds something else, or settings do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Recorder
    >>> with Recorder(["a", "b", "c"]) as recorder:
    ...     for epoch in range(2):  # the loop, in which a network would be trained
    ...         recorder(["c", "a"], np.array([[0.0, 1.0], [2.0, 0.0]]), [1, 1], epoch=epoch)
    >>> recorder.trace().margins[1]
    array([-2., nan,  1.], dtype=float32)
    """

    def __init__(
        self,
        ids: Any,
        folder: str | PathLike[str] | None = None,
        *,
        classes: Sequence[Any] | None = None,
        loss: Literal["cross_entropy", "binary", "squared"] = "cross_entropy",
        module: Any = None,
        norms: Literal["last", "all"] | None = None,
        hidden: str | None = None,
    ) -> None:
        self.ids = keys_of("Recorder", ids)
        self._reader = Reader(loss, classes)
        self._order: Positions | None = None
        if self.ids.dtype.kind not in "iu" or not np.array_equal(self.ids, np.arange(len(self.ids))):
            self._order = np.argsort(self.ids, kind="stable")
        self._hooks = None
        if norms is not None or hidden is not None:
            from ._hooks import Hooks

            self._hooks = Hooks(module, loss, norms, hidden)
        kind = f"the loss {loss!r}"
        if classes is not None:
            kind += f" of classes {self._reader.names}"
        for name, asked in (("norms", norms), ("hidden", hidden)):
            kind += "" if asked is None else f", {name}={asked!r}"
        self._kind = kind
        self._lines = Memory() if folder is None else Folder(Path(folder), self.ids, kind)
        self._open: OpenEpoch | None = None
        self._resumed, self._tried = True, False
        self._pending: list[tuple[Any, ...]] = []
        self._shapes: tuple[Any, ...] = ()  # of the batch before
        self._rows = self._numbers = 0

    def __enter__(self) -> Self:
        """Start to record."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the epoch that is open, unless an error ended it early."""
        if kind is None:
            self.close()
        if self._hooks is not None:
            self._hooks.remove()

    def __call__(self, ids: Any, logits: Any, targets: Any, *, epoch: int, mask: Any = None) -> None:
        """Record a batch, right after the forward pass and before the optimizer's step.

        Parameters
        ----------
        ids : sequence of shape (b,)
            The keys of the batch's rows; a row may come twice.
        logits : tensor or array of shape (b, classes), (b, t, classes), or as the loss has it
        targets : tensor or array of shape (b,), or as the loss has it
        epoch : int
            From 0 or 1, never less than before.
        mask : tensor of shape (b, t), optional
            Which positions count in the mean of hidden states; all if not given.

        Raises
        ------
        AssayError
            If shapes, keys, labels or the epoch do not fit, or a logit is not finite.
        """
        given, logits, targets, ids = logits, seen(logits), seen(targets), seen(ids)
        shapes = logits.shape, targets.shape, ids.shape
        if shapes != self._shapes:  # looks take as long as a small network
            self._reader.check(logits, targets, ids)
            self._read()  # a block is of one kind
            self._shapes = shapes
        if self._open is None or epoch != self._open.number:
            self._turn(epoch)
        rows = targets.shape[0]
        more = {} if self._hooks is None else self._hooks.seen(given, self._named(targets, logits), mask)
        if len(logits.shape) == 3:
            self._pending.append((copied(ids), None, self._reader.read_tokens(logits, targets), more))
        else:
            self._pending.append((copied(ids), copied(logits), copied(targets), more))
            self._numbers += logits.shape[-1] * rows
        self._rows += rows
        if self._rows >= BLOCK or self._numbers >= NUMBERS or not self._tried:
            self._read()
            self._tried = True  # the first batch is read at once: most mistakes are in all of them

    def close(self) -> None:
        """Close the epoch that is open, if any, and keep it."""
        self._read()
        if self._open is not None:
            self._lines.cut(self._before(self._open))
            if not self._open.empty:
                self._lines.append(self._open.number, self._open.line())
        self._open = None

    def trace(self) -> Trace:
        """What was recorded, the epoch that is open closed.

        Raises
        ------
        AssayError
            If nothing was.
        """
        self.close()
        found = self._lines.arrays()
        if not found:
            raise AssayError("The recorder has seen no batch; call it in the loop.")
        return Trace(self.ids, **found)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint of the training needs to go on in the middle of an epoch.

        Arrays are tensors where torch is loaded, for `torch.save`. What lies in a folder stays there.
        """
        self._read()
        now, count = self._open, self._before(self._open)
        lines = self._lines.arrays().items() if self._in_memory else ()
        return {
            "ids": _digest(self.ids),
            "kind": self._kind,
            "epochs": self._lines.epochs[:count],
            "marks": self._lines.marks[:count],
            "lines": {name: _stored(part[:count]) for name, part in lines},
            "number": None if now is None else now.number,
            "names": [] if now is None else now.names,
            "sums": None if now is None else _stored(now.sums),
            "hidden": None if now is None or now.hidden is None else _stored(now.hidden),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; what was recorded since is dropped.

        Raises
        ------
        AssayError
            If it is of other rows or settings, or the folder has not its epochs.
        """
        if not isinstance(state, dict) or not {"epochs", "kind", "marks", "lines", "number"} <= set(state):
            raise AssayError(f"The recorder's state is {state!r}; pass what state_dict() gave.")
        if state.get("ids") != _digest(self.ids):
            raise AssayError("The recorder's state is of other rows; give Recorder the same ids, in order.")
        if state["kind"] != self._kind:
            raise AssayError(
                f"The recorder's state is by {state['kind']}, and the recorder is for {self._kind}; give it "
                "the same settings."
            )
        epochs, marks, lines = list(state["epochs"]), list(state["marks"]), state["lines"]
        held = self._lines.epochs[: len(epochs)], self._lines.marks[: len(marks)]
        if not lines and held != (epochs, marks):
            raise AssayError(
                f"The recorder's state goes on after {len(epochs)} epochs, and they are not in its folder; "
                "give Recorder the folder that the training had."
            )
        self._pending, self._rows, self._numbers, self._open = [], 0, 0, None
        self._lines.cut(0 if lines else len(epochs))
        for at, epoch in enumerate(epochs if lines else []):
            self._lines.append(epoch, {name: numpy_of(part[at]) for name, part in lines.items()})
        if state["number"] is not None:
            self._open = OpenEpoch(state["number"], len(self.ids))
            self._open.names, self._open.sums = list(state["names"]), numpy_of(state["sums"]).copy()
            self._open.hidden = None if state["hidden"] is None else numpy_of(state["hidden"]).copy()
        self._resumed = True

    def skorch(self) -> Any:
        """A callback for a net of skorch, `NeuralNetClassifier(..., callbacks=[recorder.skorch()])`.

        The recorder's `ids` are those of all rows of X, in order; rows that skorch holds out stay nan.
        Outputs are read by the net's criterion: with `NLLLoss` a classifier gives probabilities.

        Raises
        ------
        AssayError
            If skorch is missing.
        """
        from ._skorch import callback

        return callback(self)

    def watch(self, trainer: Any, ids: Any = None) -> None:
        """Record what a `Trainer` of transformers trains; call it before `trainer.train()`.

        The outputs are those of the training's own passes; evaluation is not recorded, and gradients may be
        accumulated. A causal language model has the mean of its predicted tokens for each row, and as
        probability exp(-loss). Checkpoints carry the recorder's state: a training that resumes, resumes it.

        Parameters
        ----------
        trainer : transformers.Trainer
            In one process, with a data set that has a length and dictionaries as rows.
        ids : array-like, optional
            The keys of the data set's rows, in order, if they are not all of the recorder's.

        Raises
        ------
        AssayError
            If transformers is missing, or the trainer is not of that kind.
        """
        from ._trainer import watch

        watch(self, trainer, ids)

    @property
    def _in_memory(self) -> bool:
        return isinstance(self._lines, Memory)

    def _before(self, now: OpenEpoch | None) -> int:
        """How many lines stay when the epoch is closed: it takes the place of what follows them."""
        return sum(now is None or number < now.number for number in self._lines.epochs)

    def _turn(self, epoch: Any) -> None:
        now = self._open
        if not is_whole(epoch) or epoch < 0:
            raise AssayError(f"Recorder got the epoch {epoch!r}; it needs a whole number of at least 0.")
        if now is not None and epoch < now.number:
            raise AssayError(f"Recorder got epoch {epoch} after epoch {now.number}; epochs only grow.")
        self.close()
        if self._lines.epochs and epoch <= self._lines.epochs[-1] and not self._resumed:
            raise AssayError(
                f"Recorder got epoch {epoch}, which is closed (trace() and close() do so); take a new "
                "Recorder for another run."
            )
        self._resumed, self._open = False, OpenEpoch(int(epoch), len(self.ids))

    def _read(self) -> None:
        """Turn the batches that are kept into sums."""
        pending, self._pending, self._rows, self._numbers = self._pending, [], 0, 0
        plain = [batch for batch in pending if batch[1] is not None]
        if plain:
            ids, logits, targets = (joined([batch[k] for batch in plain]) for k in range(3))
            self._add(ids, self._reader.read(logits, numpy_of(targets)), [batch[3] for batch in plain])
        for ids, logits, found, more in pending:
            if logits is None:
                self._add(numpy_of(ids), found, [more])

    def _add(self, ids: Any, found: NDArray[Any], more: list[dict[str, Any]]) -> None:
        assert self._open is not None
        ids = numpy_of(ids)
        places = self.places(ids)
        if np.isinf(found[0]).any():
            raise AssayError(
                f"Recorder got outputs for the row {ids[np.isinf(found[0])][0].item()!r} whose loss is not "
                f"finite, in epoch {self._open.number}; lower the learning rate, clip the gradients, or drop "
                "the row if its target is missing."
            )
        parts = dict(zip(KINDS, found, strict=True))
        parts |= {name: numpy_of(joined([part[name] for part in more])) for name in more[0]}
        if self._hooks is not None and "lengths" in parts:
            parts["norms"] = self._hooks.norms_by(parts.pop("lengths"), parts["errors"])
        some = ~np.isnan(found[0])  # a sequence without a token to predict was not seen
        if not some.all():
            places, parts = places[some], {name: part[some] for name, part in parts.items()}
        self._open.add(places, parts)

    def _named(self, targets: Any, logits: Any) -> Any:
        """Labels as codes, for gradients."""
        if self._hooks is None or self._hooks.norms != "all" or self._reader.loss != "cross_entropy":
            return targets
        if len(logits.shape) != 2:
            return targets
        return self._reader.codes(numpy_of(targets), logits.shape[-1])

    def places(self, ids: NDArray[Any]) -> Positions:
        """Where these keys are among `ids`.

        Raises
        ------
        AssayError
            If one is unknown.
        """
        n = len(self.ids)
        if self._order is None and ids.dtype.kind in "iu":
            places = ids.astype(np.intp, copy=False)
            known = (places >= 0) & (places < n)
        else:
            order = np.arange(n) if self._order is None else self._order
            try:
                places = order[np.minimum(np.searchsorted(self.ids, ids, sorter=order), n - 1)]
            except TypeError as error:  # None among text, say
                raise AssayError(
                    f"Recorder got ids that are not of the kind of its own ({error})."
                ) from error
            known = self.ids[places] == ids
        if not np.all(known):
            strange = ids[~np.broadcast_to(known, ids.shape)][0]
            raise AssayError(
                f"Recorder got the id {strange.item()!r}, which is none of its {n} rows; give the "
                "recorder the ids of the table: Recorder(ids=data.ids)."
            )
        return places


def _digest(ids: NDArray[Any]) -> str:
    told = ids.astype(np.int64).tobytes() if ids.dtype.kind in "iu" else "\0".join(ids.tolist()).encode()
    return blake2b(told, digest_size=16).hexdigest()


def _stored(part: NDArray[Any]) -> Any:
    torch = sys.modules.get("torch")
    return part.copy() if torch is None else torch.from_numpy(part.copy())
