"""Shared: what every worker reads and none changes reaches each of them once.

Workers of this machine map one file into memory, so that its arrays are there once for all of them. Another
executor (Ray) may bring a `share` of its own; where there is neither, the thing travels with every task.
"""

from __future__ import annotations

import mmap
import os
import pickle
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import cloudpickle
from joblib.externals.loky.backend import resource_tracker
from joblib.parallel import LokyBackend, MultiprocessingBackend, get_active_backend

from ._errors import AssayError

LOOK_SECONDS = 0.5  # how soon a worker sees that its parent was killed
ALIGNED = 64  # bytes: arrays start where a cache line does


def abroad() -> bool:
    """Whether the user's executor has workers beyond this process and its children."""
    backend = _backend()
    local = isinstance(backend, (LokyBackend, MultiprocessingBackend))
    return not local and not getattr(backend, "supports_sharedmem", False)  # not every executor says


@dataclass(frozen=True)
class Shared:
    """A thing, ready to be read by the workers of the executor in use; its file goes when this goes.

    Parameters
    ----------
    read : callable
        Travels with a task; called by the worker, it returns the thing.
    """

    read: Callable[[], Any]

    @classmethod
    def of(cls, thing: Any) -> Shared:
        """Share `thing`; functions of one's own may be part of it.

        Raises
        ------
        AssayError
            If it does not pickle.
        """
        backend = _backend()
        if hasattr(backend, "share"):
            return cls(backend.share(thing))
        if not isinstance(backend, (LokyBackend, MultiprocessingBackend)):
            return cls(partial(_itself, thing))
        folder = tempfile.mkdtemp(prefix="assay-")
        resource_tracker.register(folder, "folder")  # removes it where this process is killed
        shared = cls(partial(_mapped, folder))
        weakref.finalize(shared, _remove, folder)
        try:
            _write(thing, Path(folder))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise AssayError(f"{thing!r} cannot be sent to workers ({error}); pass n_jobs=1.") from error
        return shared


def executor() -> type:
    """The kind of executor that work goes to now; what was shared with one is not there for another."""
    return type(_backend())


def _backend() -> Any:
    return get_active_backend()[0]


def _itself(thing: Any) -> Any:
    return thing


def _write(thing: Any, folder: Path) -> None:
    buffers: list[pickle.PickleBuffer] = []
    frame = cloudpickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    spans = []
    with (folder / "arrays").open("wb") as file:
        file.write(bytes(ALIGNED))  # an empty file cannot be mapped
        for buffer in buffers:
            raw = buffer.raw()
            file.write(bytes(-file.tell() % ALIGNED))
            spans.append((file.tell(), file.tell() + raw.nbytes))
            file.write(raw)
    (folder / "frame").write_bytes(pickle.dumps((frame, spans)))


@lru_cache(maxsize=1)
def _mapped(folder: str) -> Any:
    """What `_write` wrote; a worker keeps the last one that it read."""
    _follow()
    frame, spans = pickle.loads((Path(folder) / "frame").read_bytes())
    with (Path(folder) / "arrays").open("rb") as file:
        arrays = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return pickle.loads(frame, buffers=[arrays[start:stop] for start, stop in spans])


@cache
def _follow() -> None:
    """End this worker soon after a parent that was killed, which could not end it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    resource_tracker.unregister(folder, "folder")
