"""Newton steps of two-class logistic regression from the optimum over all rows to one without a row."""

from __future__ import annotations

import math

import numpy as np

from ._newton import _compiled, margins, polish, write


@_compiled
def without(places, state, penalty, V, probable, answers):
    """Write the answers (k, m, 2) of the minima over all rows but one; `state` holds the minimum over all.

    From a Newton step without the row, until the gap is certain. In the end `state` is as it was.
    """
    w, P, h, u = state.w.copy(), state.P.copy(), state.h.copy(), np.empty(len(state.w))
    z = np.empty(V.shape[1])
    for i in range(len(places)):
        place = places[i]
        x = state.X[:, place].copy()
        margin, reach = 0.0, 0.0
        for j in range(len(w)):
            u[j] = (P[j] * x).sum()
            reach += u[j] * x[j]
            margin += w[j] * x[j]
        a, y = state.a[place], state.y[place]
        e = math.exp(-abs(margin))
        wrong = e / (1.0 + e) if y * margin >= 0 else 1.0 / (1.0 + e)
        share = 1.0 / (1.0 - min(h[place] * reach, 0.999))
        for j in range(len(w)):
            state.w[j] = w[j] - y * a * wrong * share * u[j]
            for c in range(len(w)):
                state.P[j, c] = P[j, c] + h[place] * share * u[j] * u[c]
        state.a[place], state.h[:], state.tally[2] = 0.0, h, 0.0
        state.h[place] = 0.0
        polish(state, penalty)
        margins(V, state.w, len(z), z)
        write(z, probable, answers[i])
        state.a[place] = a
    state.w[:], state.P[:], state.h[:] = w, P, h
