"""
Which rows made a prediction
============================

Influence of every training row on one prediction of a logistic regression, checked by fitting without them.
"""

# %%
# Digits, a model, and one row that it is asked about.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import assay

X, y = load_digits(return_X_y=True)
train, valid = assay.Data(X[:1000] / 16, y[:1000]), assay.Data(X[1000:1200] / 16, y[1000:1200])
model = LogisticRegression(C=1.0, max_iter=1000)
valuation = assay.value(assay.Problem(train, valid, model), assay.Influence(), progress=False)

# %%
# The judge with the largest loss, and the rows that did most for it and against it, in nats.
fitted = model.fit(train.X, train.y)
loss = -np.log(fitted.predict_proba(valid.X)[np.arange(200), valid.y])
judge = int(loss.argmax())
scores = valuation.per_valid[:, judge]
order = np.argsort(scores)
for row in [*order[:3], *order[-3:]]:
    print(f"row {row}, a {train.y[row]}: {scores[row]:+.4f} nats for a {valid.y[judge]}")

# %%
# What leaving out the row that helped most really does: the loss rises by about its score.
row = order[-1]
rest = np.delete(np.arange(1000), row)
without = LogisticRegression(C=1.0, max_iter=1000).fit(train.X[rest], train.y[rest])
rise = -np.log(without.predict_proba(valid.X[[judge]])[0, valid.y[judge]]) - loss[judge]
print(f"foretold {scores[row]:+.4f}, measured {rise:+.4f}")
assert abs(rise - scores[row]) < 0.1 * abs(rise)
