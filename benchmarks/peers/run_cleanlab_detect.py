"""cleanlab's side of the detection benchmark; see `_detect`. Probabilities are cross-fitted in 5 folds."""

from __future__ import annotations

from functools import partial

import numpy as np
from _detect import TREES, main
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

MODELS = {
    "logistic": LogisticRegression(max_iter=1000),
    "forest": RandomForestClassifier(TREES, random_state=0),
}


def values(task, model, score):
    """Label quality scores; those of `issues` come with the rows that `find_label_issues` names first."""
    key = f"chance of {model}"
    if key not in task:  # one cross-fit for all scores
        task[key] = cross_val_predict(MODELS[model], task["X"], task["y"], cv=5, method="predict_proba")
    _, codes = np.unique(task["y"], return_inverse=True)
    if score != "issues":
        return get_label_quality_scores(codes, task[key], method=score)
    named = find_label_issues(codes, task[key])
    return get_label_quality_scores(codes, task[key], method="self_confidence") - named


if __name__ == "__main__":
    scores = {"self-confidence": "self_confidence", "margin": "normalized_margin", "issues": "issues"}
    main(
        {
            f"cleanlab {name}, {model}": partial(values, model=model, score=score)
            for model in MODELS
            for name, score in scores.items()
        }
    )
