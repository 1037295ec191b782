"""Summary: what a run found and did, as one JSON document that the report and the command line read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from ..tables import PARTS
from .rounds import Rounds
from .session import START, Session
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
    session = loop.session
    steps = [r for _, r in sorted(session.records.items()) if r["expert"] not in (START, "extension")]
    return {
        **_setting(loop),
        **_proposed(session),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "finished",
        "error_rates": _error_rates(steps),
        "valued": len(session.store.values(session.run.id, 1)),
        "suspected": max((r["suspected"] for r in steps), default=0),
        "decoys": max((r["decoys"] for r in steps), default=0),
        "dropped_rows": sum(r["dropped"] for r in steps),
        "extended": extended,
        "rounds": [{k: v for k, v in step.items() if k not in ("served", "rates")} for step in steps],
    }


def _setting(loop: Rounds) -> dict[str, Any]:
    """What was asked for, and what it was asked of."""
    session, bench = loop.session, loop.bench
    run, roles = session.run, session.table.roles
    counts = Counter(session.parts(session.original).tolist())
    named = bench.score if isinstance(bench.score, str) else getattr(bench.score, "__name__", "score")
    return {
        "run": run.id,
        "table": session.table.name,
        "database": str(session.store.path),
        "target": roles.target,
        "key": list(roles.key),
        "seed": loop.seed,
        "started": run.started,
        "mode": session.mode,
        "model": repr(bench.model),
        "score": named,
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
        "versions": {name: version(name) for name in ("assay", "scikit-learn", "numpy", "pandas", "duckdb")},
    }


def _proposed(session: Session) -> dict[str, Any]:
    """What became of the proposals."""
    proposals = session.store.proposals(session.run.id)
    states = Counter(proposals["state"].tolist())
    refused = Counter(proposals.loc[proposals["state"] == "refused", "why"].tolist())
    return {
        "proposed": len(proposals),
        "accepted": states["applied"],
        "refused": states["refused"],
        "queued": states["queued"],
        "conflicts": states["conflict"],
        "refusals": [{"why": why, "count": count} for why, count in refused.most_common()],
    }


def _error_rates(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The share of training cells that the accept models hold for wrong before any repair, by column."""
    rates: Counter[str] = Counter()
    for step in steps:
        if step["round"] == 1:
            rates.update(step["rates"])
    return [{"column": column, "rate": rate} for column, rate in rates.most_common() if rate > 0]
