"""Migrations: the ledger's tables, one numbered step at a time.

Invariant: a released step is never changed; each runs in one transaction with its own record, so a file is
always at exactly one version.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from .._errors import AssayError
from .duckdb import Database

Migration = Callable[[Database], None]
MIGRATIONS: list[Migration] = []


def migrate(db: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the file to the newest version.

    Raises
    ------
    AssayError
        Where a newer Assay has written the file.
    """
    done = _version(db)
    if done > len(migrations):
        raise AssayError(
            f"{db.path} was written by a newer Assay (its tables are version {done}); upgrade assay."
        )
    for number, step in enumerate(migrations[done:], start=done + 1):
        with db.transaction():
            if number == 1:
                db.run("CREATE TABLE assay_migration (version BIGINT, name VARCHAR, at_utc VARCHAR)")
            step(db)
            db.run("INSERT INTO assay_migration VALUES (?, ?, ?)", number, step.__name__, now())


def now() -> str:
    """Return the moment in UTC, in ISO 8601 to the microsecond."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def _version(db: Database) -> int:
    if "assay_migration" not in db.tables():
        return 0
    return db.one("SELECT coalesce(max(version), 0) FROM assay_migration")


@MIGRATIONS.append
def m001_initial(db: Database) -> None:
    """Runs, values, proposals, worths, and the hash-chained ledger."""
    for statement in (
        """CREATE TABLE assay_table (
            table_name VARCHAR PRIMARY KEY, key_json VARCHAR NOT NULL, at_utc VARCHAR NOT NULL)""",
        """CREATE TABLE assay_order (
            table_name VARCHAR NOT NULL, row_key VARCHAR NOT NULL, position BIGINT NOT NULL)""",
        """CREATE TABLE assay_run (
            id BIGINT PRIMARY KEY, table_name VARCHAR NOT NULL, key_json VARCHAR NOT NULL,
            config_json VARCHAR NOT NULL, config_hash VARCHAR NOT NULL, seed BIGINT NOT NULL,
            started VARCHAR NOT NULL, finished VARCHAR, status VARCHAR NOT NULL, stop_reason VARCHAR,
            summary_json VARCHAR)""",
        """CREATE TABLE assay_round (
            run BIGINT NOT NULL, round BIGINT NOT NULL, state_json VARCHAR NOT NULL,
            at_utc VARCHAR NOT NULL)""",
        """CREATE TABLE assay_value (
            run BIGINT NOT NULL, round BIGINT NOT NULL, method VARCHAR NOT NULL, row_key VARCHAR NOT NULL,
            value DOUBLE PRECISION, stderr DOUBLE PRECISION, rank BIGINT NOT NULL)""",
        """CREATE TABLE assay_proposal (
            id BIGINT PRIMARY KEY, run BIGINT NOT NULL, round BIGINT NOT NULL, row_key VARCHAR NOT NULL,
            column_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, old_json VARCHAR NOT NULL,
            new_json VARCHAR NOT NULL, expert VARCHAR NOT NULL, confidence DOUBLE PRECISION,
            p_correct DOUBLE PRECISION, evidence_json VARCHAR NOT NULL, state VARCHAR NOT NULL,
            why VARCHAR NOT NULL)""",
        """CREATE TABLE assay_decision (
            proposal BIGINT NOT NULL, state VARCHAR NOT NULL, why VARCHAR NOT NULL, actor VARCHAR NOT NULL,
            at_utc VARCHAR NOT NULL)""",
        """CREATE TABLE assay_batch (
            id BIGINT PRIMARY KEY, run BIGINT, round BIGINT, table_name VARCHAR NOT NULL,
            kind VARCHAR NOT NULL, mode VARCHAR, about_json VARCHAR NOT NULL, n_edits BIGINT NOT NULL,
            last_hash VARCHAR NOT NULL, actor VARCHAR NOT NULL, at_utc VARCHAR NOT NULL,
            prev_hash VARCHAR NOT NULL, hash VARCHAR NOT NULL)""",
        """CREATE TABLE assay_edit (
            id BIGINT PRIMARY KEY, batch BIGINT NOT NULL, run BIGINT, table_name VARCHAR NOT NULL,
            row_key VARCHAR NOT NULL, column_name VARCHAR, op VARCHAR NOT NULL, mode VARCHAR NOT NULL,
            old_json VARCHAR, new_json VARCHAR, old_text VARCHAR, new_text VARCHAR, base_text VARCHAR,
            proposal BIGINT, row_hash_before VARCHAR, row_hash_after VARCHAR, reverts BIGINT,
            why VARCHAR NOT NULL, actor VARCHAR NOT NULL, at_utc VARCHAR NOT NULL, prev_hash VARCHAR NOT NULL,
            hash VARCHAR NOT NULL)""",
        """CREATE TABLE assay_worth (worth_key BLOB NOT NULL, width BIGINT NOT NULL, worths BLOB NOT NULL)""",
    ):
        db.run(statement)
