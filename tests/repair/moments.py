"""Moments: what a run comes by, in order: its stages as people see them, its writing as the database does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assay.store.duckdb import Database


class Moments:
    """A progress that names every moment that a run comes by; `come` may be overridden to act on one."""

    def __init__(self) -> None:
        self._stage = "Start"
        self._counts: Counter[str] = Counter()
        self.seen: list[str] = []

    def come(self, moment: str) -> None:
        """Come by a moment."""
        self.seen.append(moment)

    @contextmanager
    def stage(self, text: str, total: float | None = None) -> Iterator[Moments]:
        """Begin a stage; what comes after its end and before the next one still counts as its own."""
        del total
        self._stage, self._counts = text, Counter()
        self._name("begun")
        yield self

    def advance(self, steps: float = 1, /) -> None:
        """Name an advance."""
        del steps
        self._name("advanced")

    def note(self, text: str) -> None:
        """Name a note."""
        del text
        self._name("noted")

    @contextmanager
    def watching(self) -> Iterator[Moments]:
        """See each table that rows are added to, and each commit from both sides."""
        transaction, insert = Database.transaction, Database.insert
        wrote = ""

        @contextmanager
        def watched(db: Database) -> Iterator[None]:
            nonlocal wrote
            wrote = "a record"
            with transaction(db):
                yield
                self._name(f"about to commit {wrote}")
            self._name(f"committed {wrote}")

        def watched_insert(db: Database, table: str, *columns: Any) -> None:
            nonlocal wrote
            insert(db, table, *columns)
            wrote = table
            self._name(f"rows in {table}")

        Database.transaction, Database.insert = watched, watched_insert
        try:
            yield self
        finally:
            Database.transaction, Database.insert = transaction, insert

    def _name(self, what: str) -> None:
        self._counts[what] += 1
        self.come(f"{self._stage} / {what} {self._counts[what]}")
