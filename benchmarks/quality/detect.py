"""Detection of wrong rows in real tables, beside cleanlab, pyDVL and OpenDataVal on the same rows.

Run: `python -m benchmarks.quality.detect [SEEDS]` after `make detect-data peers`; prints tables in Markdown.
A task is 1,000 rows (2,000 where people erred) of one table, some of them wrong, with 300 right ones that
judge. Results are kept in `.data/detect-results`, a line a task and method, so that a run can be broken off;
remove a file there to run its side again. The consensus was developed on seed 100, the figures are of seeds
from 0 on: other samples of the tables, other errors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay import (
    LAVA,
    ComplexityGap,
    Consensus,
    Data,
    DataOOB,
    KNNShapley,
    NormalizedMargin,
    Problem,
    SelfConfidence,
    Stop,
    Valuer,
    value,
)

from ._detect_tables import FOLDER, ROOT
from ._detect_tasks import NOISES, tasks
from ._run import markdown

RESULTS = FOLDER / "detect-results"
PEERS = ("cleanlab", "pydvl", "opendataval")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LEAST = Stop(evals=1)  # the first estimate: three repeats where a method is cross-fitted
AUTO = "auto (Consensus)"
BOOSTING = "SelfConfidence, boosting"  # a member for two classes only; slow for more


def _kernel() -> SelfConfidence:
    model = make_pipeline(StandardScaler(), Nystroem(n_components=200), LogisticRegression(max_iter=300))
    return SelfConfidence(model=model)


def _boosting() -> SelfConfidence:
    return SelfConfidence(model=HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8))


METHODS: dict[str, tuple[Callable[[], Valuer], Stop]] = {
    AUTO: (Consensus, LEAST),
    "KNNShapley": (KNNShapley, LEAST),
    "DataOOB": (DataOOB, Stop(evals=320)),
    "SelfConfidence": (SelfConfidence, LEAST),
    "NormalizedMargin": (NormalizedMargin, LEAST),
    "SelfConfidence, kernel": (_kernel, LEAST),
    BOOSTING: (_boosting, LEAST),
    "LAVA": (LAVA, LEAST),
    "ComplexityGap": (ComplexityGap, LEAST),
}


def ours(paths: list[Path]) -> None:
    """Run what is missing of Assay's side."""
    file = RESULTS / "assay.jsonl"
    known = (
        set(_lines(file)[["task", "method"]].itertuples(index=False, name=None)) if file.exists() else set()
    )
    for path in paths:
        task = np.load(path)
        problem = Problem(Data(task["X"], task["y"]), Data(task["V"], task["t"]))
        for name, (method, stop) in METHODS.items():
            if (path.stem, name) in known or (name == BOOSTING and len(np.unique(task["t"])) > 2):
                continue
            start = time.perf_counter()
            low = -value(problem, method(), stop=stop, progress=False).values
            line = {"task": path.stem, "method": name, "seconds": time.perf_counter() - start}
            line["ap"] = average_precision_score(task["wrong"], low)
            line["auroc"] = roc_auc_score(task["wrong"], low)
            with file.open("a") as kept:
                print(json.dumps(line), file=kept)


def peers(paths: list[Path]) -> None:
    """Run what is missing of the peers' sides, each in its own environment."""
    for peer in PEERS:
        python = ROOT / ".peers" / peer / "bin" / "python"
        if not python.exists():
            sys.exit(f"There is no environment of {peer}: make peers")
        command = [python, ROOT / "benchmarks" / "peers" / f"run_{peer}_detect.py", RESULTS / f"{peer}.jsonl"]
        subprocess.run([*command, *paths], env=os.environ | ONE_THREAD, stderr=subprocess.DEVNULL, check=True)


def _lines(file: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in file.read_text().splitlines()])


def results(paths: list[Path]) -> pd.DataFrame:
    """Every line about the tasks that all methods finished, with the parts of the task's name."""
    found = pd.concat([_lines(file) for file in sorted(RESULTS.glob("*.jsonl"))])
    found = found[found["task"].isin([path.stem for path in paths])].drop_duplicates(["task", "method"])
    everywhere = found[found["method"] != BOOSTING]
    counts = everywhere.groupby("task")["method"].nunique()
    found = found[found["task"].isin(counts.index[counts == everywhere["method"].nunique()])]
    found[["table", "noise", "seed"]] = found["task"].str.split(", ", expand=True)
    return found


def summary(found: pd.DataFrame) -> str:
    """A line a method: mean average precision of every noise and of all, with its interval over seeds."""
    lines = []
    for method, part in found.groupby("method"):
        by_noise = part.groupby("noise")[["ap"]].mean()["ap"]
        ap = part.groupby("seed")["ap"].mean()
        half = 1.96 * ap.std(ddof=1) / np.sqrt(len(ap)) if len(ap) > 1 else np.nan
        overall = f"{ap.mean():.3f} (± {half:.3f})"
        noises = [f"{by_noise[noise]:.3f}" for noise in NOISES]
        figures = [*noises, overall, f"{part['auroc'].mean():.3f}", f"{part['seconds'].median():.2f}"]
        lines.append((ap.mean(), [method, *figures]))
    lines.sort(key=lambda line: -line[0])
    header = ["method", *NOISES, "all: average precision", "AUROC", "seconds, median"]
    return markdown(header, [line for _, line in lines])


def by_task(found: pd.DataFrame) -> str:
    """A line a table and noise: auto beside the best of all others, picked with the truth in hand."""
    table = found.pivot_table("ap", ["noise", "table"], "method")
    lines = []
    for (noise, name), line in table.iterrows():
        others = line.drop(AUTO)
        ratio = line[AUTO] / others.max()
        seeds = found[(found["noise"] == noise) & (found["table"] == name) & (found["method"] == AUTO)]["ap"]
        half = 1.96 * seeds.std(ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else np.nan
        shown = f"{line[AUTO]:.3f} (± {half:.3f})"
        verdict = "" if ratio >= 0.98 else "behind"
        lines.append([noise, name, shown, others.idxmax(), f"{others.max():.3f}", f"{ratio:.2f}", verdict])
    header = ["noise", "table", "auto", "best other method", "its average precision", "ratio", "within 2%?"]
    return markdown(header, lines)


def main(seeds: int = 5) -> None:
    """Run what is missing, and print the tables."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    paths = tasks(range(seeds))
    ours(paths)
    peers(paths)
    found = results(paths)
    print(f"{found['task'].nunique()} tasks of {found['seed'].nunique()} seeds.\n")
    boosted = found[found["method"] == BOOSTING]
    beside = found[(found["method"] == AUTO) & found["task"].isin(boosted["task"])]
    found = found[found["method"] != BOOSTING]
    print(summary(found), by_task(found), sep="\n\n")
    print(f"\nTwo classes: auto {beside['ap'].mean():.3f}, {BOOSTING} {boosted['ap'].mean():.3f}.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
