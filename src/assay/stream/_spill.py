"""Spill: the distances of some judges to all rows, on disk."""

from __future__ import annotations

import errno
import shutil
import tempfile
import threading
from typing import Any, Self

from .._errors import AssayError
from .._types import Floats

BYTES = 8  # of a distance
ROOM = 0.9  # of what is free on the disk may be taken


class Spill:
    """A file of shape (judges, n) without a name: it is gone with its process, however that ends.

    It is read and written, not mapped, so that none of it counts as memory of the process.

    Parameters
    ----------
    n : int
    folder : str, optional
        Where the file is; the system's folder for such files if None.
    """

    def __init__(self, n: int, folder: str | None) -> None:
        self._n, self._lock = n, threading.Lock()
        self._file: Any = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - `__exit__` closes it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, judge: int, start: int, distances: Floats) -> None:
        """Keep the distances of a judge to the rows from `start`."""
        left = distances.data.cast("B")
        with self._lock:
            self._file.seek(BYTES * (judge * self._n + start))
            try:
                while left:
                    left = left[self._file.write(left) :]
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                raise AssayError("The disk of Stream's scratch is full; name another: scratch=.") from error

    def read(self, judge: int, out: Floats) -> None:
        """Read the distances of a judge to all rows into `out` (n,)."""
        left = out.data.cast("B")
        with self._lock:
            self._file.seek(BYTES * judge * self._n)
            while left:
                left = left[self._file.readinto(left) :]


def most_judges(n: int, folder: str | None) -> int:
    """How many judges the disk has room for."""
    return int(ROOM * shutil.disk_usage(folder or tempfile.gettempdir()).free // (BYTES * n))
