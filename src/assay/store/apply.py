"""Apply: accepted edits become one batch, each only if its cell and its row still are what they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .._errors import AssayError
from . import _values_in
from ._cell import is_missing
from ._edits import Batch, Edit, Mode
from ._rows import Row
from ._shape import Shape
from ._writer import Cell, Writer
from .duckdb import Database
from .overlay import check_view

Prepared = tuple[Edit, int, Cell | None, Cell | None]  # edit, place of its column, old and new cell


def apply_edits(
    db: Database, shape: Shape, edits: Sequence[Edit], mode: Mode, about: dict[str, Any]
) -> tuple[Batch, list[Edit]]:
    """Write a batch, inside a transaction; return what became of it and the edits that were made.

    Raises
    ------
    AssayError
        Where an edit names no column or holds a value of another type, or live overlay edits stand in the way
        of one in place: nothing is written.
    """
    check_mode(db, shape, mode)
    prepared = _prepare(db, shape, edits)
    writer = Writer(db, shape, [edit.row for edit in edits], about)
    started = {key: writer.hash(row) for key, row in writer.rows.items()}
    made, conflicts = [], []
    for edit, i, old, new in prepared:
        reason = _obstacle(writer.rows.get(edit.row), started, edit, i, old)
        if reason is not None:
            conflicts.append(replace(edit, why=reason))
            continue
        _make(writer, edit, i, new, mode)
        made.append(edit)
    writer.finish()
    return Batch(writer.id, len(made), tuple(conflicts)), made


def check_mode(db: Database, shape: Shape, mode: Mode) -> None:
    """Refuse a mode that the table or its ledger do not allow now.

    Raises
    ------
    AssayError
        For an unknown mode, a taken name, or an edit in place under live overlay edits: they would fall off.
    """
    if mode not in ("overlay", "in_place"):
        raise AssayError(f"'{mode}' is no mode; write 'overlay' or 'in_place'.")
    if mode == "overlay":
        return check_view(db, shape)
    live = db.one(
        """SELECT count(*) FROM assay_edit WHERE id IN (
               SELECT max(id) FROM assay_edit WHERE table_name = ? AND mode = 'overlay'
               GROUP BY row_key, column_name)
           AND (op = 'drop' OR (op = 'set' AND new_text IS DISTINCT FROM base_text))""",
        shape.name,
    )
    if live:
        raise AssayError(
            f"Table '{shape.name}' has {live} live overlay repairs; revert them before repairing in place."
        )
    return None


def _prepare(db: Database, shape: Shape, edits: Sequence[Edit]) -> list[Prepared]:
    """Return the edits with their values as cells, all values of a column at once."""
    columns: dict[int, list[int]] = {}
    for place, edit in enumerate(edits):
        if edit.op not in ("set", "drop", "restore") or (edit.op == "set") == (edit.column is None):
            raise AssayError(f"Edit of row {edit.row}: '{edit.op}' with column {edit.column!r} is no edit.")
        if edit.column is not None:
            columns.setdefault(shape.index(edit.column), []).append(place)
    prepared: list[Prepared] = [(edit, -1, None, None) for edit in edits]
    for i, places in columns.items():
        new = _values_in.cells(db, shape.columns[i], [edits[place].new for place in places])
        old = _values_in.cells(db, shape.columns[i], [edits[place].old for place in places])
        for place, new_cell, old_cell in zip(places, new, old, strict=True):
            if isinstance(new_cell, AssayError):
                raise new_cell
            prepared[place] = (edits[place], i, old_cell if isinstance(old_cell, Cell) else None, new_cell)
    return prepared


def _obstacle(row: Row | None, started: dict[str, str], edit: Edit, i: int, old: Cell | None) -> str | None:
    """Return what stands in the way of an edit, None where nothing does."""
    if row is None:
        return "The row is no longer in the table."
    if not row.unique:
        return "Two rows now have this key."
    if edit.op == "restore":
        return None if row.where != "table" else "The row is in the table."
    if row.where != "table":
        return "The row is in quarantine."
    if edit.row_hash != started[edit.row]:
        return "The row was changed after it was read."
    if edit.op == "set" and not _still(row.texts[i], edit.old, old):
        return "The cell no longer holds the old value."
    return None


def _still(text: str | None, given: Any, old: Cell | None) -> bool:
    """A frame shows NULL and NaN alike, so either stands for the other; the row's hash tells them apart."""
    if is_missing(given):
        return text is None or text == "nan"
    return old is not None and text == old.text


def _make(writer: Writer, edit: Edit, i: int, new: Cell | None, mode: Mode) -> None:
    about: dict[str, Any] = {"proposal": edit.proposal, "why": edit.why}
    if edit.op == "drop":
        return writer.drop(edit.row, mode, **about)
    if edit.op == "restore":
        where: Mode = "overlay" if writer.rows[edit.row].where == "hidden" else "in_place"
        return writer.restore(edit.row, where, **about)
    assert new is not None
    return writer.set(edit.row, i, new, mode, **about)
