"""Summary: what a run found and did, as one JSON document that the report and the command line read."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from ..tables import PARTS
from .rounds import Rounds
from .session import START
from .suspects import NEIGHBOURS

VALUED_BY = f"KNNShapley(k={NEIGHBOURS})"


def summarise(loop: Rounds, extended: int) -> dict[str, Any]:
    """Everything but the final measurements.

    Parameters
    ----------
    loop : Rounds
        After its last round.
    extended : int
        Cells of rows that judged, repaired after the last judgement.
    """
    session, bench = loop.session, loop.bench
    run, roles = session.run, session.table.roles
    steps = [r for _, r in sorted(session.records.items()) if r["expert"] not in (START, "extension")]
    proposals = session.store.proposals(run.id)
    states = Counter(proposals["state"].tolist())
    refused = Counter(proposals.loc[proposals["state"] == "refused", "why"].tolist())
    counts = Counter(session.parts(session.original).tolist())
    return {
        "run": run.id,
        "table": session.table.name,
        "database": str(session.store.path),
        "target": roles.target,
        "key": list(roles.key),
        "seed": loop.seed,
        "started": run.started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "finished",
        "mode": session.mode,
        "model": repr(bench.model),
        "score": bench.score if isinstance(bench.score, str) else getattr(bench.score, "__name__", "score"),
        "method": VALUED_BY,
        "method_why": "exact, in one pass over all pairs of training and judging rows",
        "parts": {part: counts[part] for part in PARTS},
        "columns": [
            {
                "name": str(c),
                "role": roles.role(c),
                "kind": roles.kinds.get(c, ""),
                "why": roles.why.get(c, ""),
            }
            for c in session.original.frame.columns
        ],
        "error_rates": _error_rates(loop),
        "valued": len(session.store.values(run.id, 1)),
        "suspected": max((r["suspected"] for r in steps), default=0),
        "decoys": max((r["decoys"] for r in steps), default=0),
        "proposed": len(proposals),
        "accepted": states["applied"],
        "refused": states["refused"],
        "queued": states["queued"],
        "conflicts": states["conflict"],
        "dropped_rows": sum(r["dropped"] for r in steps),
        "extended": extended,
        "refusals": [{"why": why, "count": count} for why, count in refused.most_common()],
        "rounds": [{k: v for k, v in step.items() if k != "served"} for step in steps],
    }


def _error_rates(loop: Rounds) -> list[dict[str, Any]]:
    """The share of training cells that the accept models hold for wrong, by column, before any repair."""
    proposals = loop.session.store.proposals(loop.session.run.id)
    rows = len(loop.session.store.values(loop.session.run.id, 1))
    if not len(proposals) or not rows:
        return []
    wrong: Counter[str] = Counter()
    for column, p in zip(proposals["column"].tolist(), proposals["p_correct"].tolist(), strict=True):
        wrong[str(column)] += p
    return [{"column": column, "rate": expected / rows} for column, expected in wrong.most_common()]
