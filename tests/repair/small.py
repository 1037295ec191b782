"""Small dirty tables of which the truth is known: a whole run on one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from moments import Moments
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from assay import store, tables
from assay._progress import Progress
from assay.repair import improve, step
from assay.repair.arms import BOTH, DROP, NOTHING, REPAIR
from assay.repair.gain import ERROR
from assay.repair.gate import Verdict
from assay.store import Store
from assay.tables import Table

NAME, TARGET, SEED = "people", "sport", 3
TURNED = {"row": "run", "run": "row"}
SHARES = {"train": 0.55, "value": 0.1, "gate": 0.2, "final": 0.15}


def truth(n: int = 700, seed: int = SEED) -> pd.DataFrame:
    """Return the table without an error: height and town tell the sport but for a little noise."""
    rng = np.random.default_rng([seed, 7])
    height = rng.normal(66, 4, n).round()
    weight = (2.2 * (height - 66) + 150 + rng.normal(0, 25, n)).round(1)
    town = rng.choice(["Ashford", "Brigham", "Colwyn"], n, p=[0.4, 0.35, 0.25])
    place = 1.5 * (town == "Ashford") - 1.5 * (town == "Colwyn")
    lean = 1.5 * (height - 66) / 4 + (weight - 150) / 60 + place - 0.2 + rng.normal(0, 0.15, n)
    sizes = [int(share * n) for share in SHARES.values()]
    parts = np.repeat(list(SHARES), [*sizes[:-1], n - sum(sizes[:-1])])
    return pd.DataFrame(
        {
            "id": np.arange(100, 100 + n),
            "height": [f"{inches:g}" for inches in height],
            "weight": weight,
            "town": town,
            TARGET: np.where(lean > 0, "row", "run"),
            "part": rng.permutation(parts),
        }
    )


def dirty(true: pd.DataFrame, seed: int = SEED) -> pd.DataFrame:
    """Return the table with a fifth of the train labels turned, a seventh of the heights in centimetres as
    "165.1cm", and an eighth of the towns without one of their letters.
    """
    rng = np.random.default_rng([seed, 8])
    frame, n = true.copy(), len(true)
    train = np.flatnonzero(frame["part"] == "train")
    wrong = rng.choice(train, round(0.2 * len(train)), replace=False)
    frame.loc[wrong, TARGET] = frame.loc[wrong, TARGET].map(TURNED)
    metric, misspelt = rng.permutation(n)[: n // 7], rng.permutation(n)[: n // 8]
    frame.loc[metric, "height"] = [f"{float(cell) * 2.54:g}cm" for cell in frame.loc[metric, "height"]]
    letters = rng.integers(1, 5, len(misspelt))
    towns = zip(frame.loc[misspelt, "town"], letters, strict=True)
    frame.loc[misspelt, "town"] = [town[:at] + town[at + 1 :] for town, at in towns]
    return frame


def table(frame: pd.DataFrame, **roles: Any) -> Table:
    """Return a frame as the table `people`, with the roles that a person would give."""
    given = {"key": "id", "target": TARGET, "part": "part"} | roles
    loaded = tables.load(frame, **given)
    return Table(NAME, loaded.frame, loaded.roles)


def settings(**other: Any) -> dict[str, Any]:
    """Return what runs here are asked for; a forest, since the label expert that checks it is a fast one."""
    model = RandomForestClassifier(8, min_samples_leaf=12, max_features=None)
    return {"model": model, "rounds": 2} | other


def eventful(held: Store, people: Table, progress: Progress, **other: Any) -> dict[str, Any]:
    """Run `improve` with a gate that says repair, drop, repair and drop, and then nothing, in this order.

    So cells are written and rows left out, whatever the experts find.
    """

    def decide(_arms: Any, *, error: float) -> Verdict:
        question = round(np.log2(ERROR / error))
        return Verdict([REPAIR, DROP, BOTH, NOTHING][min(question, 3)], f"verdict {question}")

    asked = {"model": DecisionTreeClassifier(max_depth=4), "rounds": 2} | other
    with mock.patch.object(step, "decide", decide), threadpool_limits(1):
        return improve(held, people, progress=progress, **asked)


def leaves(document: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the place of each leaf of a JSON document, and the leaf."""
    if not isinstance(document, dict | list):
        yield place, document
        return
    for name, part in document.items() if isinstance(document, dict) else enumerate(document):
        yield from leaves(part, f"{place}/{name}")


class Traces(NamedTuple):
    """All that a run leaves behind but what depends on the clock, on the file's name and on the mode."""

    summary: dict[str, Any]
    frames: dict[str, pd.DataFrame]
    rounds: list[dict[str, Any]]

    def check(self, other: Traces) -> None:
        """Check that `other` is the same, to the last bit."""
        mine, others = (dict(leaves([them.summary, them.rounds])) for them in (self, other))
        differing = sorted(mine.items() ^ others.items(), key=str)
        assert not differing, differing
        for name, frame in self.frames.items():
            pd.testing.assert_frame_equal(frame, other.frames[name], check_exact=True, obj=name)


def traces(held: Store) -> Traces:
    """Return what the only run of a store has left in it."""
    (run,) = held.runs(NAME)
    assert run.summary is not None
    clocked = ("started", "finished", "seconds", "database", "mode")
    rounds = sorted({state["round"] for state in held.rounds(run.id)} - {0})
    frames = {f"values of round {number}": held.values(run.id, number) for number in rounds}
    frames |= {
        "proposals": held.proposals(run.id),
        "ledger": held.ledger(NAME).drop(columns=["at", "mode", "hash"]),
        "batches": held.batches(NAME).drop(columns=["at", "mode"]),
        "repaired table": held.read(NAME),
    }
    kept = {name: fact for name, fact in run.summary.items() if name not in clocked}
    return Traces(kept, frames, held.rounds(run.id))


def adopted(path: Path, frame: pd.DataFrame) -> Store:
    """Return an open store at `path` with the frame as its table."""
    held = store.open(path)
    held.adopt(NAME, frame, ["id"])
    return held


@cache
def uninterrupted() -> tuple[Traces, list[str]]:
    """Return what an eventful run on the dirty table leaves that nothing disturbs, and its moments."""
    people, moments = table(dirty(truth())), Moments()
    with TemporaryDirectory() as folder, adopted(Path(folder) / "d.duckdb", people.frame) as held:
        with moments.watching():
            eventful(held, people, moments)
        return traces(held), moments.seen
