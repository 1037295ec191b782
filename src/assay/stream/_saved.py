"""Saved: the sum over the judges that are done, so that a run that was killed carries on."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from .._types import Floats


class Saved:
    """A file next to what is written; it is replaced whole, and ignored where it belongs to another run.

    Parameters
    ----------
    path : Path
    key : str
        What the run depends on.
    n : int
    """

    def __init__(self, path: Path, key: str, n: int) -> None:
        self._path, self._key = path, key
        self.done, self.total = 0, np.zeros(n)
        try:
            with path.open("rb") as file, np.load(file) as kept:
                if str(kept["key"]) == key:
                    self.done, self.total = int(kept["done"]), kept["total"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # there is none, or the machine died as it was written

    def add(self, done: int, part: Floats) -> None:
        """Add a group's sum, and save."""
        self.total += part
        self.done = done
        writing = self._path.with_name(self._path.name + ".new")
        with writing.open("wb") as file:
            np.savez(file, key=self._key, done=done, total=self.total)
        os.replace(writing, self._path)

    def remove(self) -> None:
        """Take the file away: the run is over."""
        self._path.unlink(missing_ok=True)
