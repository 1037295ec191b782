"""
Fifty rows to learn digits from
===============================

The rows of highest value are alike; rows that together serve every judge make a training set.
"""

# %%
# 900 digits, valued by what they do for 300 others.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import assay

X, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
X, y = X[order] / 16, y[order]
train, valid, test = (assay.Data(X[part], y[part]) for part in np.split(np.arange(len(y)), [900, 1200]))
problem = assay.Problem(train, valid)
valuation = assay.value(problem, assay.KNNShapley(per_valid=True), progress=False)

# %%
# Fifty by value, and fifty by coverage, beside fifty by chance.
top = assay.select(valuation, 50)
covering = assay.select(valuation, 50, strategy="coverage")
print(covering)


def accuracy(rows):
    """How well a model of these rows tells digits that it has not seen."""
    part = train.take(rows)
    return LogisticRegression(max_iter=500).fit(part.X, part.y).score(test.X, test.y)


by_chance = np.mean([accuracy(rows) for rows in covering.baselines["random"]])
print(f"top {accuracy(top.rows):.3f}, coverage {accuracy(covering.rows):.3f}, chance {by_chance:.3f}")
assert accuracy(top.rows) < by_chance < accuracy(covering.rows)

# %%
# How many of each digit there are among them.
for selection in (top, covering):
    print(selection.strategy, np.bincount(train.y[selection.rows], minlength=10))
assert np.bincount(train.y[covering.rows], minlength=10).min() > 0
