"""The recorder in transformers' `Trainer`."""

from __future__ import annotations

from collections.abc import Mapping
from os import path
from typing import Any

import numpy as np

from .._errors import AssayError
from .recorder import Recorder

PLACE = "assay_place"  # the column that carries the place of a row among the recorder's ids
STATE = "assay_trace.pt"  # in the folder of a checkpoint


class Placed:
    """A data set whose items have their place as one more column."""

    def __init__(self, data: Any, places: Any) -> None:
        self.data, self.places = data, places

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: int) -> dict[str, Any]:
        found = self.data[item]
        if not isinstance(found, Mapping):
            raise AssayError(
                f"Recorder.watch got a row that is {type(found).__name__}; rows need to be dictionaries."
            )
        return {**found, PLACE: int(self.places[item])}


class Collate:
    """Collates as it was done before, and keeps the places."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        import torch

        if any(PLACE not in row for row in rows):  # of evaluation
            return self.collate(rows)
        places = torch.tensor([row[PLACE] for row in rows])
        batch = self.collate([{name: part for name, part in row.items() if name != PLACE} for row in rows])
        batch[PLACE] = places
        return batch


def watch(recorder: Recorder, trainer: Any, ids: Any) -> None:
    """See `Recorder.watch`."""
    _check(trainer)
    ids = recorder.ids if ids is None else np.asarray(ids)
    if len(ids) != len(trainer.train_dataset):
        raise AssayError(
            f"The trainer's data set has {len(trainer.train_dataset)} rows, and there are {len(ids)} ids; "
            "name its rows in order: recorder.watch(trainer, ids=...)."
        )
    places = recorder.places(ids)
    if trainer.args.remove_unused_columns:
        trainer._set_signature_columns_if_needed()
        trainer._signature_columns.append(PLACE)
    trainer.train_dataset = Placed(trainer.train_dataset, places)
    trainer.data_collator = Collate(trainer.data_collator)
    callback = _callback(recorder)
    trainer.add_callback(callback)
    _wrap_loss(recorder, trainer, callback)
    train = trainer.train

    def resumable(resume_from_checkpoint: Any = None, *args: Any, **named: Any) -> Any:
        callback.checkpoint = resume_from_checkpoint
        return train(resume_from_checkpoint, *args, **named)

    trainer.train = resumable


def _wrap_loss(recorder: Recorder, trainer: Any, callback: Any) -> None:
    compute, shifts = trainer.compute_loss, _shifts(trainer)

    def compute_loss(model: Any, inputs: Any, return_outputs: bool = False, **named: Any) -> Any:
        places = inputs.pop(PLACE, None)
        if places is None or not model.training:  # evaluation
            return compute(model, inputs, return_outputs=return_outputs, **named)
        labels, mask = inputs.get("labels"), inputs.get("attention_mask")
        loss, outputs = compute(model, inputs, return_outputs=True, **named)
        logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs[1]
        if labels is None:
            raise AssayError(
                "Recorder.watch found no labels in the batch; name them 'labels' in the data set."
            )
        if shifts:
            logits, labels = logits[:, :-1], labels[:, 1:]
        recorder(recorder.ids[places.cpu().numpy()], logits, labels, epoch=callback.epoch, mask=mask)
        return (loss, outputs) if return_outputs else loss

    trainer.compute_loss = compute_loss


def _callback(recorder: Recorder) -> Any:
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint

    class Recording(TrainerCallback):
        """Keeps the epoch, and the recorder's state in each checkpoint."""

        epoch, checkpoint = 0, None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            given = self.checkpoint
            found = get_last_checkpoint(args.output_dir) if given is True else given
            place = path.join(found, STATE) if found else ""
            if path.exists(place):
                recorder.load_state_dict(torch.load(place, weights_only=True))

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.epoch = int((state.epoch or 0) + 1e-6)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            place = path.join(args.output_dir, f"checkpoint-{state.global_step}")
            if path.isdir(place):
                torch.save(recorder.state_dict(), path.join(place, STATE))

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            recorder.close()

    return Recording()


def _shifts(trainer: Any) -> bool:
    """Whether the network predicts, at each token, the next one."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as known

    model = trainer.model
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    name = type(model).__name__
    return name in known.values() or name.endswith("ForCausalLM")


def _check(trainer: Any) -> None:
    try:
        from transformers import Trainer
    except ImportError as error:
        raise AssayError("Recorder.watch needs transformers; pip install 'assay[text]'.") from error
    if not isinstance(trainer, Trainer):
        raise AssayError(f"Recorder.watch got {type(trainer).__name__}; pass a transformers.Trainer.")
    if isinstance(trainer.train_dataset, Placed):
        raise AssayError("The trainer is watched already; one recorder is enough.")
    if not hasattr(trainer.train_dataset, "__len__"):
        raise AssayError(
            "The trainer's data set has no length, so that rows have no place; give it as a list."
        )
    if trainer.args.world_size > 1:
        raise AssayError(
            "The trainer runs in several processes, and Recorder.watch knows one; use one process."
        )
