"""Arrays on disk that grow by rows: one .npy a name, and a JSON that says how many rows count.

The JSON is replaced whole after each block, so that a run that is killed leaves the rows before it; what was
written of the block is overwritten by the next.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .._errors import AssayError

VERSION = 1
CATALOGUE = "features.json"


class Shelf:
    """A folder of arrays with the same number of rows.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    key : dict
        What the arrays were made from; a folder of another key is refused.

    Raises
    ------
    AssayError
        If the folder holds arrays of another key, or cannot be read.
    """

    def __init__(self, folder: Path, key: dict[str, Any]) -> None:
        self.folder = folder
        fresh = {"version": VERSION, "key": key, "rows": 0, "arrays": {}}
        try:
            self._catalogue = json.loads((folder / CATALOGUE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            self._catalogue = fresh
        except (OSError, ValueError) as error:
            raise AssayError(
                f"{str(folder / CATALOGUE)!r} cannot be read: {error}; take another folder."
            ) from error
        kept = self._catalogue.get("key", {})
        if self._catalogue.get("version") != VERSION or kept != key:
            other = ", ".join(name for name in key if kept.get(name) != key[name]) or "format"
            raise AssayError(
                f"The folder {str(folder)!r} keeps features of another {other}; take another folder."
            )

    @property
    def rows(self) -> int:
        """Rows that count."""
        return self._catalogue["rows"]

    @property
    def layout(self) -> Any:
        """What was said of the arrays when the first rows came."""
        return self._catalogue.get("layout")

    def append(self, arrays: dict[str, NDArray[Any]], layout: Any = None) -> None:
        """Add rows, the same number to each array.

        Raises
        ------
        AssayError
            If an array has another shape or type than the rows before.
        """
        known, rows = self._catalogue["arrays"], self.rows
        for name, array in arrays.items():
            shape, kind = [*array.shape[1:]], array.dtype.str
            if rows and known.get(name) != {"shape": shape, "dtype": kind}:
                raise AssayError(
                    f"The array {name} kept in {str(self.folder)!r} is of {known.get(name)}, and the new "
                    f"rows are of shape {shape} and type {kind}; rows of one folder need to be alike."
                )
            known[name] = {"shape": shape, "dtype": kind}
            self._write(name, np.ascontiguousarray(array), rows)
        self._catalogue["rows"] = rows + len(next(iter(arrays.values())))
        if layout is not None:
            self._catalogue["layout"] = layout
        writing = self.folder / (CATALOGUE + ".new")
        writing.write_text(json.dumps(self._catalogue, indent=1), encoding="utf-8")
        os.replace(writing, self.folder / CATALOGUE)

    def _write(self, name: str, array: NDArray[Any], rows: int) -> None:
        path = self.folder / f"{name}.npy"
        with path.open("r+b" if path.exists() and rows else "w+b") as file:
            header = {
                "descr": npy.dtype_to_descr(array.dtype),
                "fortran_order": False,
                "shape": (rows + len(array), *array.shape[1:]),
            }
            npy.write_array_header_1_0(file, header)  # numpy leaves room in it for a longer first axis
            start = file.tell()
            file.seek(start + rows * array[:1].nbytes)
            file.write(array.tobytes())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str) -> NDArray[Any]:
        """The rows that count of an array, mapped into memory."""
        about = self._catalogue["arrays"][name]
        shape = (self.rows, *about["shape"])
        path = self.folder / f"{name}.npy"
        try:
            with path.open("rb") as file:
                npy.read_magic(file)
                npy.read_array_header_1_0(file)
                start = file.tell()
            return np.memmap(path, np.dtype(about["dtype"]), "r", start, shape)
        except (OSError, ValueError) as error:
            raise AssayError(
                f"{str(path)!r} is damaged: {error}; delete the folder and make it again."
            ) from error
