"""The errors that a user can cause: each is one sentence naming the object, the fault and the fix."""

from __future__ import annotations


class AssayError(ValueError):
    """What the user gave cannot be used as it is; nothing was computed or written."""


class StoreLocked(AssayError):
    """Another process holds the database file open for writing."""
