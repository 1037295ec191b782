"""Many rows: `python -m benchmarks.speed.large [ROWS]`: memory, and the share of a run that is not the game.

ROWS (100,000) and a tenth of it; 10 features, 500 rows that judge, Gaussian naive Bayes. `Banzhaf` asks for
plain refits, 1,024 coalitions; `Shapley` grows ten whole permutations in the model's twin. Each run has a
process of its own. Memory is what the peak grows by after the problem is made and a small run has compiled
everything.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
from sklearn.naive_bayes import GaussianNB

from assay import Banzhaf, Data, ModelGame, Problem, Shapley, Stop, Valuer, value
from assay._game import Game, ordered

from ._tables import facts, show

METHODS: dict[str, tuple[Valuer, int]] = {
    "Banzhaf": (Banzhaf(), 1024),
    "Shapley": (Shapley(design="permutations"), 1_000_010),
}
SHARE_BAR, MEMORY_BAR = 0.01, 1.5
MEGABYTE = 2**20


class Timed:
    """A game that adds up the seconds spent inside another, and what it was asked."""

    def __init__(self, game: Game) -> None:
        self._game, self.n, self.seconds, self.evals = ordered(game), game.n, 0.0, 0

    def __call__(self, coalitions):
        """Ask about coalitions, on the clock."""
        return self._timed(lambda: self._game(coalitions))

    def grow(self, orders, *, tolerance=0.0):
        """Grow orders, on the clock."""
        return self._timed(lambda: self._game.grow(orders, tolerance=tolerance))

    def _timed(self, ask):
        start = time.perf_counter()
        worths = ask()
        self.seconds += time.perf_counter() - start
        self.evals += worths.size
        return worths


def main() -> None:
    """Print the table, from one process for each run."""
    if len(sys.argv) == 3:
        return print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    facts()
    rows = []
    for name in METHODS:
        few, many = (_apart(name, n) for n in (most // 10, most))
        for told in (few, many):
            share = 1 - told["inside"] / told["seconds"]
            growth = told["bytes"] / max(few["bytes"], MEGABYTE)
            last = told is many
            rows.append(
                [
                    name,
                    f"{told['n']:,}",
                    f"{told['evals']:,}",
                    f"{told['seconds']:.2f}",
                    f"{share:.2%}",
                    ("PASS" if share < SHARE_BAR else "fail") + f" (bar {SHARE_BAR:.0%})" if last else "",
                    f"{told['bytes'] / MEGABYTE:.0f} MB",
                    f"{told['bytes'] / told['n']:,.0f}",
                    ("PASS" if growth < 10 * MEMORY_BAR else "fail") + " (O(n))" if last else "",
                ]
            )
    header = ("method", "rows", "evaluations", "seconds", "outside the game", "", "memory", "bytes a row", "")
    show("Many rows, Gaussian naive Bayes", header, rows)
    return None


def measured(name: str, n: int) -> dict[str, Any]:
    """One run on `n` rows."""
    method, evals = METHODS[name]
    value(_problem(name, 500), method, stop=Stop(evals=2000), n_jobs=1, progress=False)  # compiles
    asked = _problem(name, n)
    game: Any = asked.game
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    value(asked, method, stop=Stop(evals=evals), n_jobs=1, progress=False)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "n": n,
        "evals": game.evals,
        "seconds": seconds,
        "inside": game.seconds,
        "bytes": 1024 * (after - before),
    }


def _problem(name: str, n: int) -> Problem:
    """Two overlapping clouds, in a game that times itself."""
    rng = np.random.default_rng(0)
    train, valid = (_clouds(rng, size) for size in (n, 500))
    game = ModelGame(Problem(train, valid, GaussianNB()), refit=name == "Banzhaf")
    return Problem(train, game=Timed(game))


def _clouds(rng: np.random.Generator, n: int) -> Data:
    y = rng.integers(2, size=n)
    return Data(rng.normal(size=(n, 10)) + y[:, None] / 2, y)


def _apart(name: str, n: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.speed.large", name, str(n)]
    told = subprocess.run(command, capture_output=True, text=True)
    if told.returncode:
        sys.exit(f"{name} with {n} rows failed:\n{told.stderr[-2000:]}")
    return json.loads(told.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
