"""Why: one sentence for people about one candidate of the closed-domain expert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._cooccurrence import Outlook
from ._dependency import Dependency
from ._domain import Domain
from ._proposals import Proposals

if TYPE_CHECKING:
    from ...tables import Table


def by_dependency(
    domains: Sequence[Domain], into: Sequence[Dependency], proposals: Proposals, at: int
) -> str:
    """Say how many rows of the group hold the new value, and how many other columns agree."""
    votes = proposals.votes
    rule = into[votes.best[at]]
    cause, effect = domains[rule.left], domains[rule.right]
    row, new = votes.rows[at], votes.new[at]
    given, told = (
        f"{cause.column} = {cause.texts[cause.codes[row]]}",
        f"{effect.column} = {effect.texts[new]}",
    )
    text = f"{votes.support[at]} of {votes.size[at]} other rows with {given} have {told}"
    if rule.one_to_one and rule.partner[new] == cause.codes[row]:
        text += ", and the two columns name each other one to one"
    others = int(votes.ayes[at]) - 1
    return text + (f"; {others} more column{'s agree' if others > 1 else ' agrees'}" if others > 0 else "")


def by_spelling(domain: Domain, proposals: Proposals, at: int) -> str:
    """Say how near and how much more frequent the right spelling is."""
    old, new, edits = proposals.held[at], proposals.votes.new[at], int(proposals.distance[at])
    rare, often = _times(int(domain.counts[old])), _times(int(domain.counts[new]))
    apart = (
        f"{edits} edit{'s' if edits > 1 else ''} away" if edits else "the same but for case, blanks or marks"
    )
    return f"{domain.texts[old]!r} occurs {rare}; {domain.texts[new]!r}, {apart}, {often}"


def by_company(table: Table, names: Sequence[str], outlook: Outlook, proposals: Proposals, at: int) -> str:
    """Name the two other cells of the row that speak loudest, and how much more probable the new value is."""
    row, domain = proposals.votes.rows[at], outlook.domain
    old, new = outlook.slot[proposals.held[at]], outlook.slot[proposals.votes.new[at]]
    gains = [
        weight * float(np.subtract(*outlook.lifts(np.array([row]), context)[0, [new, old]]))
        if weight
        else 0.0
        for context, weight in enumerate(outlook.weights)
    ]
    loudest = [context for context in np.argsort(gains)[::-1][:2] if gains[context] > 0]
    cells = " and ".join(f"{names[c]} = {table.frame[names[c]].iloc[row]}" for c in loudest)
    texts = domain.texts[proposals.votes.new[at]], domain.texts[proposals.held[at]]
    ratio = np.exp(min(proposals.log_odds[at], 20.0))
    return (
        f"beside {cells or 'the rest of the row'}, {texts[0]} is {ratio:,.0f} times as probable as {texts[1]}"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
