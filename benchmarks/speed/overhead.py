"""What Assay adds to an arbitrary estimator: `python -m benchmarks.speed.overhead [EVALS]`.

A decision tree of depth 4, which does not learn row by row, on breast cancer (200 rows judged by 200),
whole permutations, one job on every side. EVALS (4,000) evaluations a side, three rounds in turn; rates are
each side's best. The share is of the wall time of `value`: the tree's `fit`, and its `predict` with the
comparison of labels.
"""

from __future__ import annotations

import sys
import time

from sklearn.tree import DecisionTreeClassifier

from assay import ModelGame, Shapley, Stop, value

from ..peers._models import MODELS
from ._data import breast_cancer, problem
from ._sides import Run, bare, ours, peers
from ._tables import facts, show, times, verdict

SHARE_BAR, RATE_BAR, ROUNDS = 0.95, 1.3, 3


class Clock:
    """Seconds spent inside methods of classes, which are put back as they were at the end."""

    def __init__(self, *methods: tuple[type, str]) -> None:
        self.seconds, self._plain = 0.0, [(kind, name, getattr(kind, name)) for kind, name in methods]

    def __enter__(self) -> Clock:
        """Start the clock at every call."""
        for kind, name, plain in self._plain:
            setattr(kind, name, self._timed(plain))
        return self

    def __exit__(self, *error: object) -> None:
        """Put the methods back."""
        for kind, name, plain in self._plain:
            setattr(kind, name, plain)

    def _timed(self, plain):
        def call(*args, **how):
            start = time.perf_counter()
            try:
                return plain(*args, **how)
            finally:
                self.seconds += time.perf_counter() - start

        return call


def main() -> None:
    """Print the tables."""
    evals = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    facts()
    parts = breast_cancer()
    asked = problem(parts, MODELS["tree"])
    orders = max(2, evals // asked.n)
    rounds: dict[str, list[Run]] = {"bare clone-fit-score": [], "pyDVL, 1 job": [], "ours, 1 job": []}
    with peers(*parts) as others:
        for _ in range(ROUNDS):
            rounds["bare clone-fit-score"].append(bare(asked, orders))
            theirs = others.run("pydvl", method="shapley", model="tree", batches=orders, n_jobs=1)
            rounds["pyDVL, 1 job"].append(theirs)
            rounds["ours, 1 job"].append(
                ours(asked, Shapley(design="permutations"), evals, n_jobs=1, whole=True)
            )
    best = {name: max(runs, key=lambda run: run.rate) for name, runs in rounds.items()}
    found, rows = best["ours, 1 job"], []
    for name, run in best.items():
        ratio = found.rate / run.rate
        judged = verdict(ratio, RATE_BAR) if name.startswith("pyDVL") else ""
        rows.append([name, f"{run.evals:,}", f"{run.seconds:.2f}", f"{run.rate:,.0f}", times(ratio), judged])
    show("A tree of depth 4", ("who", "evaluations", "seconds", "evaluations/s", "ours is", ""), rows)
    share = max(_share(asked, evals) for _ in range(ROUNDS))
    print(f"\nOf our time inside the model's fit and score: {share:.1%}, {verdict(share, SHARE_BAR)}")


def _share(asked, evals: int) -> float:
    value(asked, Shapley(design="permutations"), stop=Stop(evals=1), n_jobs=1, progress=False)
    with Clock((DecisionTreeClassifier, "fit"), (ModelGame, "_scored")) as clock:
        start = time.perf_counter()
        value(asked, Shapley(design="permutations"), stop=Stop(evals=evals), n_jobs=1, progress=False)
        return clock.seconds / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
