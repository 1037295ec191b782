"""The closed-domain expert: cells that should hold another one of the values that their column repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..._types import Floats
from ._ballot import clustered, misfit, wrong_side
from ._cooccurrence import Outlook, look
from ._dependency import Dependency, find_dependencies
from ._domain import Codes, Domain, context_codes, read_domains
from ._expert import Candidate, Expert
from ._proposals import Proposals, gather
from ._sentences import by_company, by_dependency, by_spelling

if TYPE_CHECKING:
    from ...tables import Table

_FLOOR = 0.05  # below this the expert abstains


class CategoryExpert(Expert):
    """Proposes values of a closed domain: categories, booleans, codes and names that repeat.

    It sees an error in four ways, the `kind` of a candidate. "dependency": another column settles this one,
    and the cell disagrees with the other rows of its group; where either side may be wrong, both are
    proposed. "missing": the same for an empty cell. "typo": a rare value near a frequent one.
    "cooccurrence": beside the other columns of the row, another value is far more probable. A cell has at
    most one candidate of each kind; the target is neither repaired nor consulted.

    Every candidate carries the numbers of all four, so that an accept model can weigh them: `p_old`, `p_new`,
    `log_odds` (other columns of the row; 0 where they say nothing), `pro`, `con`, `votes_for`,
    `votes_against`, `support`, `group`, `fd_strength`, `fd_share` (dependencies), `rival` (chance that the
    other side of the contradiction is wrong), `misfit` (how badly the new value suits what its column
    settles), `clustered` (share of rows of this kind that contradict too), `distance` (edits; -1 where none),
    `similarity`, `count_old`, `count_new`, `log_ratio`.

    Cost: a sort of the rows for each pair of columns, and O(rows x 64 x columns) for each closed column;
    memory O(rows x columns).
    """

    name: ClassVar[str] = "category"

    def propose(self, table: Table, rng: np.random.Generator) -> list[Candidate]:
        """Candidates in order of row, column and kind; `rng` is not drawn from."""
        study = _study(table)
        found: list[Candidate] = []
        for j, rival in enumerate(_rivals(study)):
            found.extend(_candidates(study, j, _doubts(study, j, rival)))
        place = {name: i for i, name in enumerate(table.frame.columns)}
        return sorted(found, key=lambda c: (c.row, place[c.column], c.kind))


@dataclass(frozen=True)
class _Study:
    """All that was found in a table; lists have one entry a domain."""

    table: Table
    domains: list[Domain]
    contexts: list[tuple[str, Codes]]
    into: list[list[Dependency]]
    outlooks: list[Outlook | None]
    proposals: list[Proposals]

    def others(self, *columns: int) -> tuple[list[str], list[Codes]]:
        """Names and codes of the contexts but for some columns."""
        names = {self.domains[j].column for j in columns}
        kept = [(name, codes) for name, codes in self.contexts if name not in names]
        return [name for name, _ in kept], [codes for _, codes in kept]


@dataclass(frozen=True)
class _Doubts:
    """What speaks against proposals though nothing speaks for the old value; (m,) each, 0..1.

    `rival`: the other side of the contradiction is wrong. `misfit`: the new value does not suit the cells
    that its column settles. `clustered`: rows of this kind nearly all contradict the rule.
    """

    rival: Floats
    misfit: Floats
    clustered: Floats


def _study(table: Table) -> _Study:
    domains = read_domains(table)
    study = _Study(table, domains, context_codes(table, domains), [], [], [])
    dependencies = find_dependencies(domains)
    for j, domain in enumerate(domains):
        study.into.append([d for d in dependencies if d.right == j])
        study.outlooks.append(look(domain, study.others(j)[1]) if domain.closed else None)
        study.proposals.append(gather(domains, study.into[j], study.outlooks[j], j))
    return study


def _rivals(study: _Study) -> list[Floats]:
    """For each proposal, how likely it is that the columns which speak for it are wrong instead, 0..1.

    A value that several columns agree on is doubted only if all of them are in doubt themselves.
    """
    n = len(study.table.frame)
    doubt = []
    for proposals in study.proposals:
        worst = np.zeros(n)
        np.maximum.at(worst, proposals.votes.rows, np.where(proposals.ruled, proposals.votes.confidence, 0.0))
        doubt.append(worst)
    rivals = []
    for j, proposals in enumerate(study.proposals):
        rows, new = proposals.votes.rows, proposals.votes.new
        rival = np.ones(len(rows))
        for rule in study.into[j]:
            left = study.domains[rule.left].codes[rows]
            speaks = rule.belief(left, new, proposals.held) > rule.belief(
                left, proposals.held, proposals.held
            )
            rival[speaks] *= doubt[rule.left][rows[speaks]]
        rival = rival / (rival + np.maximum(proposals.votes.confidence, 1e-9))
        rivals.append(np.where(proposals.votes.ayes > 0, rival, 0.0))
    return [_told_apart(study, j, rival) for j, rival in enumerate(rivals)]


def _told_apart(study: _Study, j: int, rival: Floats) -> Floats:
    """Replace the rival of a lone one-to-one contradiction by what its cluster and its row say."""
    votes, held, rival = study.proposals[j].votes, study.proposals[j].held, rival.copy()
    for place, rule in enumerate(study.into[j]):
        if not rule.one_to_one:
            continue
        left = study.domains[rule.left].codes[votes.rows]
        lone = (votes.best == place) & (votes.ayes == 1) & rule.contradicts(left, held)
        lone &= rule.paired(left) == votes.new
        if lone.any():
            contexts = study.others(rule.left, rule.right)[1]
            rival[lone] = 1 - wrong_side(study.domains, rule, contexts, votes.rows[lone])
    return rival


def _doubts(study: _Study, j: int, rival: Floats) -> _Doubts:
    proposals = study.proposals[j]
    rows, new = proposals.votes.rows, proposals.votes.new
    out_of = [d for into in study.into for d in into if d.left == j]
    amiss = misfit(study.domains, out_of, rows, new)
    nothing = _Doubts(rival, amiss, np.zeros(len(rows)))
    kinds = _confidences(proposals, nothing)
    flags = np.zeros(len(study.table.frame), dtype=bool)
    flags[rows[np.maximum(kinds["dependency"], kinds["typo"]) >= 0.5]] = True
    contexts = study.others(j, *(rule.left for rule in study.into[j]))[1]
    return _Doubts(rival, amiss, clustered(flags, contexts)[rows])


def _confidences(proposals: Proposals, doubts: _Doubts) -> dict[str, Floats]:
    """Confidence of each proposal as each kind; 0 where it is not of that kind."""
    votes, empty = proposals.votes, proposals.held < 0
    ruled = votes.confidence * (1 - doubts.rival)
    slip = proposals.slip * (1 - votes.con)
    agreed = 1 - (1 - ruled) * (1 - slip) * (1 - 0.5 * proposals.company)
    alone = proposals.company * (1 - votes.con) * (1 - np.where(votes.ayes > 0, doubts.rival, 0.0))
    kinds = {
        "missing": (empty & proposals.ruled, votes.confidence),
        "dependency": (~empty & proposals.ruled, np.where(ruled > _FLOOR, agreed, ruled)),
        "typo": (~empty & (proposals.slip > 0), agreed),
        "cooccurrence": (~empty & (proposals.company > 0), alone),
    }
    believed = (1 - doubts.misfit) * (1 - np.where(empty, 0.0, doubts.clustered))
    return {kind: np.where(where, confidence * believed, 0.0) for kind, (where, confidence) in kinds.items()}


def _candidates(study: _Study, j: int, doubts: _Doubts) -> Iterator[Candidate]:
    """Yield the best proposal of each kind for each cell of column `j`."""
    proposals, domain = study.proposals[j], study.domains[j]
    cells = study.table.frame[domain.column]
    for kind, confidence in _confidences(proposals, doubts).items():
        for at in _best(proposals.votes.rows, confidence):
            row = int(proposals.votes.rows[at])
            old = cells.iloc[row]
            yield Candidate(
                row=row,
                column=domain.column,
                old=old.item() if isinstance(old, np.generic) else old,
                new=domain.values[proposals.votes.new[at]],
                expert=CategoryExpert.name,
                kind=kind,
                confidence=float(confidence[at]),
                evidence={**_numbers(study, j, at, doubts), "why": _why(study, j, kind, at)},
            )


def _best(rows: NDArray[np.int64], confidence: Floats) -> list[int]:
    """Positions of the most confident entry of each row that reaches the floor."""
    worth = np.flatnonzero(confidence >= _FLOOR)
    order = worth[np.lexsort((worth, -confidence[worth], rows[worth]))]
    _, first = np.unique(rows[order], return_index=True)
    return order[first].tolist()


def _numbers(study: _Study, j: int, at: int, doubts: _Doubts) -> dict[str, Any]:
    """Evidence of one proposal as plain numbers."""
    proposals, domain = study.proposals[j], study.domains[j]
    votes, old, new = proposals.votes, int(proposals.held[at]), int(proposals.votes.new[at])
    count_old, count_new = int(domain.counts[old]) if old >= 0 else 0, int(domain.counts[new])
    rule = study.into[j][votes.best[at]] if votes.best[at] >= 0 else None
    return {
        "p_old": float(proposals.p_old[at]),
        "p_new": float(proposals.p_new[at]),
        "log_odds": float(proposals.log_odds[at]),
        "pro": float(votes.pro[at]),
        "con": float(votes.con[at]),
        "votes_for": int(votes.ayes[at]),
        "votes_against": int(votes.noes[at]),
        "support": int(votes.support[at]),
        "group": int(votes.size[at]),
        "fd_strength": rule.strength if rule else 0.0,
        "fd_share": rule.share if rule else 0.0,
        "rival": float(doubts.rival[at]),
        "misfit": float(doubts.misfit[at]),
        "clustered": float(doubts.clustered[at]),
        "distance": int(proposals.distance[at]),
        "similarity": float(proposals.slip[at]),
        "count_old": count_old,
        "count_new": count_new,
        "log_ratio": float(np.log((count_new + 1) / (count_old + 1))),
    }


def _why(study: _Study, j: int, kind: str, at: int) -> str:
    proposals, outlook = study.proposals[j], study.outlooks[j]
    if kind == "typo":
        return by_spelling(study.domains[j], proposals, at)
    if kind == "cooccurrence" and outlook is not None:
        return by_company(study.table, study.others(j)[0], outlook, proposals, at)
    return by_dependency(study.domains, study.into[j], proposals, at)
