"""What the resume test kills: a run of `value` with a store."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from truth import two_clouds

from assay import Problem, Shapley, Stop, store, value

STOP = Stop(evals=500)


def problem_of(name: str) -> Problem:
    """Forty rows and a model: one that learns row by row where Assay can do that, or a tree."""
    model = DecisionTreeClassifier(max_depth=4) if name == "tree" else GaussianNB()
    return replace(two_clouds(40, 60, seed=2), model=model, score="neg_log_loss")


def bits(problem: Problem, memory=None) -> str:
    """The values and their errors, to the bit."""
    answer = value(problem, Shapley(), stop=STOP, seed=3, memory=memory, progress=False)
    assert answer.stderr is not None
    return answer.values.tobytes().hex() + answer.stderr.tobytes().hex()


def main() -> None:
    """For every line of stdin, a store and a model, start a worker, print its number, say when it is dead."""
    for line in sys.stdin:
        path, name = line.split()
        # A fork has imported everything already; nothing but the parent's prints may be on its stdout.
        worker = os.fork()
        if worker == 0:
            with store.open(path) as held:
                print("open", flush=True)
                print(bits(problem_of(name), held), flush=True)
            os._exit(0)
        print(worker, flush=True)
        os.waitpid(worker, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main()
