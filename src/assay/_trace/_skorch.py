"""The callback for skorch."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import clone

from .._errors import AssayError
from .._types import Labels, Positions
from .recorder import Recorder
from .trace import Trace


class Placed:
    """A data set whose items come with the places of their rows."""

    def __init__(self, data: Any, places: Positions) -> None:
        self.data, self.places = data, places

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: int) -> Any:
        return self.data[item], self.places[item]


class Batch(list):
    """A batch, (inputs, targets), that knows the places of its rows."""

    places: Positions


class Collate:
    """Collates items of `Placed` as they would be without it."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate

    def __call__(self, items: list[Any]) -> Batch:
        batch = Batch(self.collate([item for item, _ in items]))
        batch.places = np.array([place for _, place in items])
        return batch


def places_of(data: Any) -> Positions:
    """The places of a data set's rows in the one that it is a part of."""
    indices = getattr(data, "indices", None)
    return np.arange(len(data)) if indices is None else places_of(data.dataset)[np.asarray(indices)]


def callback(recorder: Recorder) -> Any:
    """See `Recorder.skorch`."""
    try:
        from skorch.callbacks import Callback
    except ImportError as error:
        raise AssayError("Recorder.skorch needs skorch; pip install skorch.") from error

    class Recording(Callback):
        """Records each training batch from the outputs that its step made."""

        def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
            vars(net).pop("get_iterator", None)
            make = net.get_iterator

            def get_iterator(data: Any, training: bool = False) -> Any:
                if not training:
                    return make(data, training=training)
                places = places_of(data)
                _check_rows(recorder, places)
                loader = make(Placed(data, places), training=training)
                loader.collate_fn = Collate(loader.collate_fn)
                return loader

            net.get_iterator = get_iterator

        def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
            vars(net).pop("get_iterator", None)
            recorder.close()

        def on_batch_end(
            self, net: Any, batch: Any = None, training: Any = False, y_pred: Any = None, **_: Any
        ) -> None:
            if training:
                _record(recorder, net, batch, y_pred)

    return Recording()


def _record(recorder: Recorder, net: Any, batch: Any, said: Any) -> None:
    import torch
    from skorch import NeuralNetClassifier

    outputs = (said[0] if isinstance(said, tuple) else said).detach()
    if isinstance(net.criterion_, torch.nn.NLLLoss) and isinstance(net, NeuralNetClassifier):
        outputs = torch.log(outputs + torch.finfo(outputs.dtype).eps)  # as skorch reads them
    targets = batch[1]
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        outputs, targets = outputs[:, 0], targets.reshape(len(targets))
    recorder(recorder.ids[batch.places], outputs, targets, epoch=len(net.history) - 1)


def _check_rows(recorder: Recorder, places: Positions) -> None:
    if len(places) and places.max() >= len(recorder.ids):
        raise AssayError(
            f"The net is trained on a table of at least {places.max() + 1} rows, and the recorder has "
            f"{len(recorder.ids)} ids; give it those of all rows of X, in order."
        )


def fit(
    net: Any,
    ids: Any,
    X: Any,
    y: Labels,
    epochs: int | None,
    seed: int,
    folder: str | PathLike[str] | None,
) -> Trace:
    """The trace of a copy of the net, trained on these rows."""
    import torch
    from skorch import NeuralNetRegressor

    numbers = isinstance(net, NeuralNetRegressor)
    binary = isinstance(net.criterion, type) and issubclass(net.criterion, torch.nn.BCEWithLogitsLoss)
    loss = "squared" if numbers else "binary" if binary else "cross_entropy"
    copy: Any = clone(net)
    recorder = Recorder(ids, folder, loss=loss)
    copy.set_params(callbacks=[*(copy.callbacks or []), callback(recorder)])
    if epochs is not None:
        copy.set_params(max_epochs=epochs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            copy.fit(X.copy(), y.copy())  # read-only arrays make tensors warn
        except AssayError:  # of the recorder, which says it best
            raise
        except (ValueError, TypeError, RuntimeError) as error:
            raise AssayError(
                f"The net {type(net).__name__} cannot be fitted: {error}; most nets want features as float32 "
                "and labels as codes from 0: Data(X.astype(np.float32), codes)."
            ) from error
    return recorder.trace()
