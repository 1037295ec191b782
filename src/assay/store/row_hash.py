"""Row hash: what a row was when it was read, so that an edit can tell whether it still is."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from json import dumps

from ._column import Column


class RowHasher:
    """Hashes rows of one table.

    Parameters
    ----------
    columns : sequence of Column
        The table's columns: their names and types are part of every hash.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        shape = dumps([[column.name, column.type] for column in columns])
        self._start = blake2b(shape.encode(), digest_size=16)

    def hash(self, texts: Sequence[str | None]) -> str:
        """Return the hash of a row whose cells have these exact texts, in the columns' order."""
        digest = self._start.copy()
        digest.update(dumps(texts).encode())
        return "b2:" + digest.hexdigest()
