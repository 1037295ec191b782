"""Error per evaluation on games of known Shapley values: KernelShapley beside every sampler of pyDVL.

Run: `python -m benchmarks.quality.error [SEEDS [BUDGET ...]]` after `make peers`; prints a table in Markdown.
Errors are root mean squares over players and seeds, at equal numbers of calls of the game. pyDVL's best is
the least error among its samplers, picked for each game and budget with the truth in hand; Assay's is one
method with its defaults. Coverage is the share of 95% intervals (1.96 standard errors) that hold the truth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from assay import Data, Problem, Stop, value
from assay.methods.semivalue.kernel_shapley import KernelShapley

from ._run import markdown
from .games import GAMES, Known

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / ".peers" / "pydvl" / "bin" / "python"
BUDGETS = (0, 500, 2000, 8000)  # 0 stands for ten evaluations a player
HOPELESS = 2.0  # a sampler this many times worse than pyDVL's best is not run at the larger budgets
EXACT = 1e-9  # error, relative to the spread of the values, that is no more than rounding
HEADER = (
    "game",
    "evaluations",
    "pyDVL's best sampler",
    "its error",
    "Assay's error",
    "ratio",
    "coverage",
    "seconds a run",
)


def ours(game: Known, budget: int, seeds: int) -> tuple[float, float, float]:
    """Root mean square error, coverage (nan if exact), and processor seconds a run."""
    problem = Problem(Data(np.zeros((game.n, 1))), game=game)
    errors, hits, start = [], [], time.process_time()
    for seed in range(seeds):
        found = value(problem, KernelShapley(), stop=Stop(evals=budget), seed=seed, progress=False)
        assert found.evals <= budget
        errors.append(found.values - game.shapley)
        if found.stderr is not None:
            hits.append(np.abs(errors[-1]) <= 1.96 * found.stderr)
    seconds = (time.process_time() - start) / seeds
    return float(np.sqrt(np.mean(np.square(errors)))), float(np.mean(hits)) if hits else np.nan, seconds


class Peer:
    """pyDVL in its own environment, asked one task at a time."""

    def __init__(self) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        call = [str(PEER), "-m", "benchmarks.quality.error_pydvl"]
        self.process = subprocess.Popen(
            call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def best(self, game: str, budget: int, seeds: int, without: set[str]) -> tuple[str, float, set[str]]:
        """The sampler of least error, that error, and the samplers that are far worse."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        task = {"game": game, "budget": budget, "seeds": seeds, "without": sorted(without)}
        print(json.dumps(task), file=self.process.stdin, flush=True)
        found = {
            name: np.sqrt(square) for name, (_, square) in json.loads(self.process.stdout.readline()).items()
        }
        name = min(found, key=found.__getitem__)
        return name, found[name], {one for one, error in found.items() if error > HOPELESS * found[name]}


def rows(seeds: int, budgets: tuple[int, ...]) -> Iterator[tuple[list[str], float]]:
    """Lines of the table, with the ratio of the errors."""
    peer = Peer()
    for name, make in GAMES.items():
        game, without = make(), set[str]()
        spread = float(game.shapley.std())
        for budget in sorted({budget or 10 * game.n for budget in budgets}):
            sampler, theirs, worse = peer.best(name, budget, seeds, without)
            without |= worse if budget >= 500 else set()
            error, coverage, seconds = ours(game, budget, seeds)
            exact, both = error < EXACT * spread, max(error, theirs) < EXACT * spread
            ratio = 1.0 if both else error / theirs
            shown = "both exact" if both else "exact" if exact else f"{ratio:.2f}"
            covered = "" if exact or np.isnan(coverage) else f"{coverage:.1%}"
            figures = [f"{theirs:.5f}", f"{error:.5f}", shown, covered, f"{seconds:.2f}"]
            yield [name, f"{budget:,}", sampler, *figures], ratio


def table(seeds: int, budgets: tuple[int, ...] = BUDGETS) -> str:
    """Return the table in Markdown; with 20 seeds it takes most of an hour, nearly all of it pyDVL's.

    Parameters
    ----------
    seeds : int
        Seeds 0 to `seeds` - 1 are run, on both sides.
    budgets : tuple of int
        Evaluations; 0 stands for ten a player.
    """
    lines, ratios = [], []
    for line, ratio in rows(seeds, budgets):
        print(*line, sep=" | ", file=sys.stderr, flush=True)
        lines.append(line)
        ratios.append(ratio)
    half = sum(ratio <= 0.5 for ratio in ratios)
    summary = f"At most half on {half} of {len(ratios)} lines; the largest ratio is {max(ratios):.2f}."
    return f"{markdown(HEADER, lines)}\n\n{summary}"


if __name__ == "__main__":
    if not PEER.exists():
        sys.exit(f"{PEER} is not there; run `make peers` first.")
    given = [int(word) for word in sys.argv[1:]]
    print(table(given[0] if given else 20, tuple(given[1:]) or BUDGETS))
