"""Roles: what each column of a table is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PARTS = ("train", "value", "gate", "final")


@dataclass(frozen=True)
class Roles:
    """What each column of a table is for.

    Parameters
    ----------
    key : tuple of str
        The columns that name a row; empty only where rows are numbered.
    target : str or None
        What the model predicts.
    features : tuple of str
        What it predicts from, in the order given or that of the table.
    group : str or None
        Rows with the same value stay in the same part of a split.
    part : str or None
        A column of the user's own that says train, value, gate or final.
    kinds : Mapping of str to str
        For every column: number, category, text, date, vector or boolean. A target of whole numbers,
        however they are stored, holds classes ("category") when at most 10 differ, and at most a fifth as
        many as there are rows; two different ones are always classes.
    why : Mapping of str to str
        For every column one short sentence: how its role and kind were guessed, or "given".
    """

    key: tuple[str, ...]
    target: str | None
    features: tuple[str, ...]
    group: str | None = None
    part: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)

    def role(self, column: str) -> str:
        """Return "key", "target", "feature", "group", "part" or, for a column left out, "ignored"."""
        if column in self.key:
            return "key"
        singles = {self.target: "target", self.group: "group", self.part: "part"}
        return singles.get(column) or ("feature" if column in self.features else "ignored")
