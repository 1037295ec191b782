"""cleanlab's side of the dynamics benchmark, run by its own Python: `... OUT.jsonl TASK.npz ...`.

It gets the probabilities of networks that did not train on the row, as its documentation asks for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score


def line(path: Path) -> dict[str, object]:
    """Average precision of its scores, and what it flags, of one task."""
    with np.load(path) as task:
        y, chance, wrong = task["y"], task["chance"], task["wrong"]
    named = find_label_issues(y, chance)
    ap = {
        f"cleanlab, {name}": average_precision_score(
            wrong, -get_label_quality_scores(y, chance, method=method)
        )
        for name, method in (("self-confidence", "self_confidence"), ("margin", "normalized_margin"))
    }
    hits = int((named & wrong).sum())
    cut = {"precision": hits / max(int(named.sum()), 1), "recall": hits / int(wrong.sum())}
    return {"task": path.stem, "ap": ap, "cut": cut}


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w") as out:
        for name in sys.argv[2:]:
            print(json.dumps(line(Path(name))), file=out)
