"""guess_roles: what each column is for, as given or else as its name and cells suggest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from .._errors import AssayError
from ._check import check_key, check_target
from ._kinds import KINDS, distinct, guess_kind, is_identifier, is_whole
from ._number import as_number
from ._roles import PARTS, Roles

_TARGETS = ("target", "label", "y", "class")
_GROUP = re.compile(r"groups?|.*_groups?|group_.*")
_ID = re.compile(r"(?:.*[_\-. ])?(?i:id|key|uuid|guid)|.*[a-z](?:Id|ID|Key)")
_FEW = 10  # whole numbers with at most this many different values are classes


def guess_roles(
    frame: pd.DataFrame,
    *,
    key: str | Sequence[str] | None = None,
    target: str | None = None,
    features: Iterable[str] | None = None,
    group: str | None = None,
    part: str | None = None,
    kinds: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    number_rows: bool = False,
) -> Roles:
    """Work out what each column is for; whatever is given is taken as given, and checked.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its columns have different names of type str.
    key : str or sequence of str, optional
        Else the first column called id, key, uuid or `*_id` whose values are all there and all differ, else
        the first other such column of integers or names; never one of floating-point numbers.
    target : str, optional
        Else a column called target, label, y or class; else none.
    features : iterable of str, optional
        Else every column that is left, but for those with no value, one value, or another name in each row.
    group : str, optional
        Else a column called group, `group_*` or `*_group`; else none.
    part : str, optional
        Else a column called part that holds nothing but train, value, gate and final.
    kinds : Mapping of str to str, optional
        Overrides the kind of the columns named; see `Roles`.
    ignore : iterable of str
        Columns to leave out.
    number_rows : bool
        Do without a key: rows are numbered from 0.

    Returns
    -------
    Roles

    Raises
    ------
    AssayError
        A column is not there, is given two roles, or is no use for its role: a key with repeated or missing
        values, a target with missing values or a single one, a feature without any value.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": [1, 2, 3], "size": [2.5, 3.5, 4.5], "kind": ["a", "b", "a"]})
    >>> roles = guess_roles(frame, target="kind")
    >>> roles.key, roles.target, roles.features
    (('id',), 'kind', ('size',))
    """
    guess = _Guess(frame, kinds or {})
    keys = _names(key) or ()
    chosen = _names(features)
    for role, columns in {
        "key": keys,
        "target": _names(target),
        "features": chosen,
        "group": _names(group),
        "part": _names(part),
        "ignore": _names(ignore),
    }.items():
        guess.give(role, columns or ())
    target, group, part = target or guess.target(), group or guess.group(), part or guess.part()
    keys = keys or (() if number_rows else guess.key())
    check_key(frame, keys)
    guess.kind_of_target(target)
    check_target(frame, target, guess.kinds)
    return Roles(keys, target, guess.features(chosen), group, part, guess.kinds, guess.why)


def _names(given: str | Iterable[str] | None) -> tuple[str, ...] | None:
    return (given,) if isinstance(given, str) else None if given is None else tuple(given)


class _Guess:
    """One reading of a frame: the roles taken so far, the kind of each column, and why."""

    def __init__(self, frame: pd.DataFrame, kinds: Mapping[str, str]) -> None:
        self.cells = {str(column): cells for column, cells in frame.items()}
        self.taken: dict[str, str] = {}
        self.why: dict[str, str] = {}
        for column, kind in kinds.items():
            self._must_exist(column, "kinds")
            if kind not in KINDS:
                raise AssayError(
                    f"kind {kind!r} of column {column!r} is unknown: choose one of {', '.join(KINDS)}"
                )
        guessed = {column: guess_kind(cells) for column, cells in self.cells.items()}
        self.kinds = {column: kind for column, (kind, _) in guessed.items()} | dict(kinds)
        self.clues = {column: clue for column, (_, clue) in guessed.items()}
        self.clues |= {column: f"kind given as {kind}" for column, kind in kinds.items()}
        self.given_kinds = set(kinds)

    def give(self, role: str, columns: tuple[str, ...]) -> None:
        """Take the user's word for it that `columns` have this role."""
        for column in columns:
            self._must_exist(column, role)
            if column in self.taken:
                raise AssayError(
                    f"column {column!r} is given as {self.taken[column]} and as {role}: give it one role only"
                )
            if role != "ignore" and not self.cells[column].count():
                raise AssayError(f"column {column!r}, given as {role}, has no value in any row: leave it out")
            self._take(column, role, "left out as told" if role == "ignore" else f"given as {role}")

    def key(self) -> tuple[str, ...]:
        unique = [c for c in self._free() if self.kinds[c] in ("number", "category")]
        unique = [c for c in unique if is_identifier(self.cells[c])]
        named = [c for c in unique if _ID.fullmatch(c)]
        if unique:
            column = (named or unique)[0]
            self._take(column, "key", "key by its name" if named else "key, as its values all differ")
            return (column,)
        raise AssayError(
            "no column can be the key, as none holds another integer or name in every row: name one or more"
            " columns with key=, or number the rows with number_rows=True"
        )

    def target(self) -> str | None:
        for column in self._free():
            if column.lower() in _TARGETS:
                return self._take(column, "target", "target by its name")
        return None

    def group(self) -> str | None:
        for column in self._free():
            if _GROUP.fullmatch(column.lower()) and self.cells[column].count():
                return self._take(column, "group", "group by its name")
        return None

    def part(self) -> str | None:
        for column in self._free():
            if column.lower() == "part" and set(self.cells[column].tolist()) <= set(PARTS):
                return self._take(column, "part", "part, as it says train, value, gate or final")
        return None

    def features(self, given: tuple[str, ...] | None) -> tuple[str, ...]:
        chosen = []
        for column in self._free():
            useless = self._useless(column) if given is None else "not among the features given"
            self.why[column] = f"left out: {useless}" if useless else f"feature; {self.clues[column]}"
            if not useless:
                chosen.append(column)
        return tuple(chosen) if given is None else given

    def kind_of_target(self, target: str | None) -> None:
        """Make a target of few whole numbers one of classes: see `Roles`."""
        if target is None or target in self.given_kinds or self.kinds[target] != "number":
            return
        cells = self.cells[target]
        few = max(2, min(_FEW, len(cells) // 5))
        if is_whole(cells) and distinct(as_number(cells)) <= few:
            self.kinds[target] = "category"
            self.why[target] += ", few and whole: classes"

    def _useless(self, column: str) -> str:
        cells = self.cells[column]
        if not cells.count():
            return "no value in any row"
        if distinct(cells) == 1 and cells.count() == len(cells):
            return "the same value in every row"
        names = self.kinds[column] == "category" or (self.kinds[column] == "number" and _ID.fullmatch(column))
        return "another name in each row" if names and is_identifier(cells) else ""

    def _free(self) -> list[str]:
        return [column for column in self.cells if column not in self.taken]

    def _take(self, column: str, role: str, why: str) -> str:
        self.taken[column] = role
        self.why[column] = why if role == "ignore" else f"{why}; {self.clues[column]}"
        return column

    def _must_exist(self, column: str, role: str) -> None:
        if column in self.cells:
            return
        near = difflib.get_close_matches(str(column), self.cells, n=1, cutoff=0.5)
        known = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, self.cells))}"
        raise AssayError(f"no column {column!r} in the table (given as {role}): {known}")
