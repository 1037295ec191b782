"""
What a training shows
=====================

Turn one label in ten, follow a network, and look at the map of its training: the wrong labels lie below.
"""

# %%
# Digits, some of them under another's name.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import assay

X, y = load_digits(return_X_y=True)
X, y = X[:1000] / 16, y[:1000]
wrong = np.random.default_rng(0).choice(1000, 100, replace=False)
y[wrong] = (y[wrong] + 1) % 10
data = assay.Data(X, y)

# %%
# One training is enough for every score; `assay.Recorder` watches a loop of your own.
network = MLPClassifier((32,), learning_rate_init=0.003, max_iter=25, random_state=0)
trace = assay.follow(network, data, epochs=25)
problem = assay.Problem(data, trace=trace)
for name in ("Cartography", "AUM", "EL2N", "LearningTime", "Random"):
    found = np.isin(assay.value(problem, name).lowest(100), wrong).sum()
    print(f"{name}: {found} of 100 wrong labels are among the 100 lowest")

# %%
# The map: confident rows are above, rows that never convinced the network below. Open the file in a browser.
drawn = assay.training_map(trace)
drawn.save("training_map.html")
frame = drawn.to_frame().assign(wrong=np.isin(data.ids, wrong))
print(frame.groupby("region")["wrong"].agg(["sum", "size"]))

# %%
# Where to cut: rows that are given a class of their own show what a wrong label looks like.
flagged = assay.aum_errors(lambda turned: assay.follow(network, turned, epochs=25), data).flagged
print(f"{flagged.sum()} rows are flagged, {np.isin(np.flatnonzero(flagged), wrong).sum()} of them wrong")
