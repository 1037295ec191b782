"""
Exact shares of a small game
============================

The Shapley values of the airport game are known in closed form; sampling comes within its own
standard errors.
"""

# %%
# Rows are planes, and a coalition pays for the longest runway that it needs.
import numpy as np

import assay

lengths = np.array([1.0, 2.0, 4.0])
members = np.arange(8)[:, None] >> np.arange(3) & 1
game = assay.TableGame(-(members * lengths).max(axis=1))
problem = assay.Problem(assay.Data(np.zeros((3, 1))), game=game)

# %%
# Each stretch of the runway is shared by those who need it.
known = -np.array([1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2 + 2])
method = assay.Shapley(design="permutations")  # by itself it would take all eight coalitions, and be exact
valuation = assay.value(problem, method, stop=assay.Stop(stderr=0.01), progress=False)
print(valuation.values.round(3), "known:", known.round(3))
print(valuation.status.value)

assert valuation.stderr is not None
assert (np.abs(valuation.values - known) < 4 * valuation.stderr).all()
