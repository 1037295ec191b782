"""What goes into an edit and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["overlay", "in_place"]
Op = Literal["set", "drop", "restore"]


@dataclass(frozen=True)
class Edit:
    """One change of one cell, or of one row.

    Parameters
    ----------
    row : str
        The canonical row key.
    column : str, optional
        The column of the cell; None for "drop" and "restore".
    old, new : Any
        The cell as it was read and as it shall be; a `new` of None makes it missing. NaN is a missing value
        except for a `new` among floats.
    op : {"set", "drop", "restore"}
        drop = quarantine: the row leaves the repaired table, never the ledger.
    proposal : int, optional
        The proposal that it carries out.
    row_hash : str
        The hash of the row as it was read (`Store.row_hashes`).
    why : str
        One sentence.
    """

    row: str
    column: str | None
    old: Any
    new: Any
    op: Op = "set"
    proposal: int | None = None
    row_hash: str = ""
    why: str = ""


@dataclass(frozen=True)
class Batch:
    """What became of a batch of edits.

    Parameters
    ----------
    id : int
        The number of the batch in the ledger.
    applied : int
        How many edits were made.
    conflicts : tuple of Edit
        Those that were not: someone else changed the cell or row. `why` says what stood in the way.
    """

    id: int
    applied: int
    conflicts: tuple[Edit, ...] = ()
