"""Features: the columns of a block as numbers, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .._errors import AssayError
from ..tables._arrow import from_arrow
from ._rows import Rows


@dataclass(frozen=True)
class Features:
    """How blocks become numbers.

    Parameters
    ----------
    names : tuple of str
        The columns that are read.
    encoder : object with `transform(frame)`, optional
        Fitted already; makes numbers of columns that are none.
    dtype : dtype
        float32 where all columns are, else float64.
    """

    names: tuple[str, ...]
    encoder: Any
    dtype: Any

    @classmethod
    def of(cls, rows: Rows, names: Sequence[str] | None, others: set[str], encoder: Any) -> Features:
        """The columns `names`, or all but `others`.

        Raises
        ------
        AssayError
            A column is not there, or holds no numbers and there is no encoder.
        """
        if encoder is not None and not callable(getattr(encoder, "transform", None)):
            raise AssayError(f"Stream.encoder is {encoder!r}; pass a fitted assay.tables.Encoder.")
        there = rows.schema.names
        chosen = tuple(name for name in there if name not in others) if names is None else tuple(names)
        if isinstance(names, str) or not chosen:
            raise AssayError(f"Stream.features is {names!r}; name at least one column, in a list.")
        if absent := [name for name in chosen if name not in there]:
            raise AssayError(f"Stream.features names {absent[0]!r}, which is no column; there are {there}.")
        types = [rows.schema.field(name).type for name in chosen]
        if encoder is None and (texts := [n for n, t in zip(chosen, types, strict=True) if not is_number(t)]):
            raise AssayError(
                f"Stream.features holds columns without numbers ({', '.join(map(repr, texts))}); leave "
                "them out, or pass encoder=assay.tables.Encoder(roles).fit(some rows)."
            )
        small = encoder is None and all(kind == pa.float32() for kind in types)
        return cls(chosen, encoder, np.dtype(np.float32 if small else np.float64))

    def columns(self, batch: pa.RecordBatch, start: int) -> NDArray[Any]:
        """The block whose first row is `start` as (d, rows); finite."""
        if self.encoder is None:
            out = np.empty((len(self.names), len(batch)), self.dtype)
            for place, name in enumerate(self.names):
                column = batch.column(name)
                if column.null_count:
                    where = start + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
                    raise AssayError(f"column {name!r} is missing in row {where}; fill it in.")
                out[place] = column.to_numpy(zero_copy_only=False)
        else:
            encoded = self.encoder.transform(from_arrow(pa.Table.from_batches([batch])))
            out = np.ascontiguousarray(np.asarray(encoded, float).T)
        if not np.isfinite(out).all():
            row = int(np.argmin(np.isfinite(out).all(axis=0)))
            place = int(np.argmin(np.isfinite(out[:, row])))
            what = repr(self.names[place]) if self.encoder is None else "of codes"
            raise AssayError(f"column {what} is missing or infinite in row {start + row}; fill it in.")
        return out


def is_number(kind: Any) -> bool:
    """Whether an Arrow type holds numbers or booleans."""
    types = pa.types
    return any(
        is_one(kind) for is_one in (types.is_floating, types.is_integer, types.is_boolean, types.is_decimal)
    )
