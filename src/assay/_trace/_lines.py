"""Closed epochs, in memory or in a folder."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .trace import MEASURES

META, IDS, BLOCKS = "meta.json", "ids.npy", "epochs.f16"
FORMAT = 1
LARGEST, SMALLEST = 65504.0, 2.0**-24  # of float16, above 0
SYNC = 10.0  # seconds between two waits for the disk; blocks carry a checksum for a power cut in between

Line = dict[str, NDArray[Any]]  # measure -> (n,), or (n, k) for hidden states


class Memory:
    """Lines in memory, as they were computed, in float32."""

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.marks: list[int] = []  # none: states hold the lines themselves
        self._lines: list[Line] = []

    def cut(self, count: int) -> None:
        """Keep the first `count` lines."""
        del self.epochs[count:], self._lines[count:]

    def append(self, epoch: int, line: Line) -> None:
        """Add the line of an epoch."""
        self.epochs.append(epoch)
        self._lines.append(line)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Each measure as (epochs, n, ...)."""
        names = self._lines[0] if self._lines else {}
        return {name: np.stack([line[name] for line in self._lines]) for name in names}


class Folder:
    """Lines on disk: one file of blocks of float16, a block an epoch, and one that says which of them count.

    The block is written before the file that says so is replaced: a run that is killed loses what it had not
    closed. After a power cut, trailing blocks whose checksum is wrong are dropped.

    Raises
    ------
    AssayError
        If the folder holds something else, or the trace of other rows.
    """

    def __init__(self, path: Path, ids: NDArray[Any] | None = None, kind: str = "") -> None:
        self.path, self._synced = path, 0.0
        if (path / META).exists():
            self._meta = _read(path)
            self._told = (path / META).read_bytes()
            self.ids = _ids(path)
            if ids is not None and not np.array_equal(ids, self.ids):
                raise AssayError(
                    f"The folder {path} holds the trace of {len(self.ids)} other rows; give Recorder the "
                    "same ids in the same order, or another folder."
                )
            held = self._meta.get("kind", kind)
            if kind and held != kind:
                raise AssayError(
                    f"The folder {path} holds a trace by {held}, and the recorder is for {kind}; "
                    "give it the same settings, or another folder."
                )
            self._drop_torn()
            return
        check_unused(path, missing=ids is None)
        assert ids is not None
        self.ids = ids
        self._meta: dict[str, Any] = {"format": FORMAT, "widths": {}, "epochs": [], "crc": []}
        if kind:
            self._meta["kind"] = kind
        try:
            path.mkdir(parents=True, exist_ok=True)
            np.save(path / IDS, ids, allow_pickle=False)
            self._write_meta()
        except OSError as error:
            raise AssayError(
                f"The folder {path} cannot be written ({error.strerror}); give one that can."
            ) from error

    @property
    def epochs(self) -> list[int]:
        """The numbers of the epochs, one a line."""
        return self._meta["epochs"]

    @property
    def marks(self) -> list[int]:
        """What tells the lines apart from those of another run: their checksums."""
        return self._meta["crc"]

    def cut(self, count: int) -> None:
        """Keep the first `count` lines."""
        self._check_own()
        if count < len(self.epochs):
            self._meta |= {name: self._meta[name][:count] for name in ("epochs", "crc")}
            self._write_meta()
            part = self.path / f"{BLOCKS}.part"
            with open(part, "wb") as file:
                if count:
                    self._blocks().tofile(file)
            os.replace(part, self.path / BLOCKS)  # who has mapped the longer file keeps what was in it

    def append(self, epoch: int, line: Line) -> None:
        """Add the line of an epoch."""
        widths = {name: 0 if part.ndim == 1 else part.shape[1] for name, part in line.items()}
        if self.epochs and widths != self._meta["widths"]:
            raise AssayError(
                f"The folder {self.path} holds {', '.join(self._meta['widths'])}, and the recorder keeps "
                f"{', '.join(widths)} of these widths; give it the same settings, or another folder."
            )
        block = np.concatenate([halved(name, part).ravel() for name, part in line.items()])
        place = self.path / BLOCKS
        with open(place, "r+b" if place.exists() else "w+b") as file:
            file.seek(len(self.epochs) * block.nbytes)
            file.write(block.data)
            file.flush()
            due = time.monotonic() - self._synced > SYNC
            if due:
                os.fsync(file.fileno())
        self._meta |= {"widths": widths, "epochs": [*self.epochs, epoch]}
        self._meta["crc"] = [*self._meta["crc"], crc32(block.data)]
        self._write_meta(wait=due)
        if due:
            self._synced = time.monotonic()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Each measure as (epochs, n, ...), mapped from disk."""
        self._check_own()
        if not self.epochs:
            return {}
        blocks, found, at, n = self._blocks(), {}, 0, len(self.ids)
        for name, width in self._meta["widths"].items():
            size = n * max(width, 1)
            part = blocks[:, at : at + size]
            found[name] = part.reshape(len(blocks), n, width) if width else part
            at += size
        return found

    def _blocks(self) -> NDArray[Any]:
        size = len(self.ids) * sum(max(width, 1) for width in self._meta["widths"].values())
        return np.memmap(self.path / BLOCKS, np.float16, mode="r", shape=(len(self.epochs), size))

    def _drop_torn(self) -> None:
        count = len(self.epochs)
        while count:
            try:
                if crc32(np.ascontiguousarray(self._blocks()[count - 1]).data) == self._meta["crc"][-1]:
                    break
            except (ValueError, FileNotFoundError):  # the file is too short
                pass
            count -= 1
            self._meta |= {name: self._meta[name][:count] for name in ("epochs", "crc")}

    def _check_own(self) -> None:
        """Refuse to go on where another recorder has written since."""
        if (self.path / META).read_bytes() != self._told:
            raise AssayError(
                f"Another recorder has written to the folder {self.path} since this one was made; read it by "
                "Trace.load, or make a new Recorder."
            )

    def _write_meta(self, *, wait: bool = True) -> None:
        part = self.path / f"{META}.part"
        self._told = json.dumps(self._meta).encode()
        with open(part, "wb") as file:
            file.write(self._told)
            file.flush()
            if wait:
                os.fsync(file.fileno())
        os.replace(part, self.path / META)


def check_unused(path: Path, *, missing: bool = False) -> None:
    """Refuse a path where something else than a trace is, or, if a trace has to be there, that is new."""
    if missing or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise AssayError(f"The folder {path} holds no trace; give one that a Recorder wrote, or a new one.")


def _read(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads((path / META).read_text(encoding="utf-8"))
        fits = meta["format"] == FORMAT and set(meta["widths"]) <= set(MEASURES)
    except (ValueError, KeyError, TypeError):
        fits, meta = False, {}
    if not fits or not (path / IDS).exists():
        raise AssayError(f"The folder {path} holds a trace that this version cannot read; record it anew.")
    return meta


def _ids(path: Path) -> NDArray[Any]:
    try:
        return np.load(path / IDS)
    except (ValueError, EOFError) as error:
        raise AssayError(f"The folder {path} has a broken file {IDS}; record the trace anew.") from error


def halved(name: str, part: NDArray[Any]) -> NDArray[np.float16]:
    """In float16: what is too large becomes its largest number; a margin never becomes 0."""
    half = np.clip(part, -LARGEST, LARGEST).astype(np.float16)
    if name == "margins":
        lost = (half == 0) & (part != 0)
        half[lost] = np.copysign(SMALLEST, part[lost])
    return half
