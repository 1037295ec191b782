"""Truth to test against: enumeration of every coalition, and problems small enough for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, groupby, permutations
from math import comb

import numpy as np
from scipy.optimize import linprog, minimize
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from assay import Data, Memory, Needs, Problem, TableGame, Valuer


def bits_of(n: int) -> np.ndarray:
    """Every coalition of n rows, (2**n, n) bool; line b holds row i where bit i of b is set."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def semivalue(worths: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Enumerate: sum over sizes s of weights[s] x the mean gain of joining a coalition of s others."""
    n = len(worths).bit_length() - 1
    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for s in range(n):
            for members in combinations(others, s):
                b = sum(1 << j for j in members)
                values[i] += weights[s] / comb(n - 1, s) * (worths[b | 1 << i] - worths[b])
    return values


def by_size(n: int, method: str, **how: float) -> np.ndarray:
    """The mass w[s] of joining s others, by the definitions of the papers, without logarithms."""
    s = np.arange(n)
    binomial = np.array([comb(n - 1, k) for k in s], float)
    if method == "Shapley":
        return np.full(n, 1 / n)
    if method == "Banzhaf":
        return binomial / 2 ** (n - 1)
    if method == "WeightedBanzhaf":
        return binomial * how["p"] ** s * (1 - how["p"]) ** (n - 1 - s)
    if method == "LeaveOneOut":
        return (s == n - 1).astype(float)
    assert method == "BetaShapley"
    alpha, beta = how["alpha"], how["beta"]  # the others join by p drawn from Beta(beta, alpha)
    p, weights = np.polynomial.legendre.leggauss(60)
    p, weights = (p + 1) / 2, weights / 2
    density = p ** (beta - 1) * (1 - p) ** (alpha - 1)
    mass = binomial * (p[:, None] ** s * (1 - p[:, None]) ** (n - 1 - s) * (density * weights)[:, None]).sum(
        0
    )
    return mass / mass.sum()


def shapley(worths: np.ndarray) -> np.ndarray:
    """Shapley values by enumeration."""
    n = len(worths).bit_length() - 1
    return semivalue(worths, by_size(n, "Shapley"))


def banzhaf(worths: np.ndarray) -> np.ndarray:
    """Banzhaf values by enumeration."""
    n = len(worths).bit_length() - 1
    return semivalue(worths, by_size(n, "Banzhaf"))


def leave_one_out(worths: np.ndarray) -> np.ndarray:
    """What the full coalition loses without each row."""
    n = len(worths).bit_length() - 1
    return np.array([worths[-1] - worths[2**n - 1 - (1 << i)] for i in range(n)])


def owen(worths: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Owen values: the mean gain over every order in which groups stay together."""
    n = len(worths).bit_length() - 1
    orders = [o for o in permutations(range(n)) if len(list(groupby(groups[list(o)]))) == len(set(groups))]
    values = np.zeros(n)
    for order in orders:
        bits = 0
        for i in order:
            values[i] += (worths[bits | 1 << i] - worths[bits]) / len(orders)
            bits |= 1 << i
    return values


def least_core(worths: np.ndarray) -> np.ndarray:
    """The least core by one linear program over all coalitions, and its point nearest to equal shares."""
    n = len(worths).bit_length() - 1
    rows, gains = bits_of(n)[1:-1].astype(float), worths[1:-1] - worths[0]
    whole = worths[-1] - worths[0]
    if n == 1:
        return np.array([whole])
    bounds = [(None, None)] * (n + 1)
    cost, total = np.append(np.zeros(n), 1.0), np.append(np.ones(n), 0.0)[None]
    lp = linprog(cost, -np.c_[rows, np.ones(len(rows))], -gains, total, [whole], bounds, method="highs")
    least = lp.x[-1] + 1e-9
    found = minimize(
        lambda x: ((x - whole / n) ** 2).sum(),
        lp.x[:n],
        jac=lambda x: 2 * (x - whole / n),
        method="SLSQP",
        constraints=[
            {"type": "eq", "fun": lambda x: x.sum() - whole, "jac": lambda x: np.ones(n)},
            {"type": "ineq", "fun": lambda x: rows @ x + least - gains, "jac": lambda x: rows},
        ],
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    return found.x


def ame(worths: np.ndarray) -> np.ndarray:
    """The average marginal effect: the others are in by a probability of .2, .4, .6 or .8."""
    n = len(worths).bit_length() - 1
    masses = [by_size(n, "WeightedBanzhaf", p=p) for p in (0.2, 0.4, 0.6, 0.8)]
    return semivalue(worths, np.mean(masses, axis=0))


def delta(worths: np.ndarray) -> np.ndarray:
    """Shapley of coalitions up to a quarter of the rows."""
    n = len(worths).bit_length() - 1
    mass = (np.arange(n) <= min(n // 4, n - 1)).astype(float)
    return semivalue(worths, mass / mass.sum())


TRUTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Shapley": shapley,
    "BetaShapley": lambda v: semivalue(v, by_size(len(v).bit_length() - 1, "BetaShapley", alpha=4, beta=1)),
    "Banzhaf": banzhaf,
    "WeightedBanzhaf": lambda v: semivalue(v, by_size(len(v).bit_length() - 1, "WeightedBanzhaf", p=0.8)),
    "LeaveOneOut": leave_one_out,
    "AME": ame,
    "DeltaShapley": delta,
    "GroupTesting": shapley,
    "KernelShapley": shapley,
    "LeastCore": least_core,
    "OwenValue": shapley,  # where every row is a group of its own
}


def random_game(n: int, seed: int) -> TableGame:
    """A game of independent normal worths."""
    return TableGame(np.random.default_rng(seed).normal(size=2**n))


def of_game(game: TableGame) -> Problem:
    """The problem of valuing the players of `game`."""
    return Problem(Data(np.zeros((game.n, 1))), game=game)


def two_clouds(n: int = 20, m: int = 30, seed: int = 0, *, text: bool = False, model=None) -> Problem:
    """Two clouds of points, one class each; the labels of the first three rows are wrong."""
    rng = np.random.default_rng(seed)
    names = np.array(["lo", "hi"]) if text else np.array([0, 1])
    y, v = np.arange(n) % 2, np.arange(m) % 2
    X = rng.normal(size=(n, 2)) + 3 * y[:, None]
    X_valid = rng.normal(size=(m, 2)) + 3 * v[:, None]
    y[:3] = 1 - y[:3]
    return Problem(Data(X, names[y]), Data(X_valid, names[v]), GaussianNB() if model is None else model)


FOLLOWED = {
    "": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "GraNd": LogisticRegression(),
    "HiddenStateDrift": MLPClassifier((4,), solver="sgd", max_iter=10, random_state=0),
}


def suited(method: Valuer, **how) -> Problem:
    """Two clouds, with a model that `method` can work with."""
    if Needs.TREES in method.needs:
        return two_clouds(**how, model=GradientBoostingClassifier(n_estimators=5, random_state=0))
    if Needs.TRACE in method.needs:
        return two_clouds(**how, model=FOLLOWED.get(type(method).__name__, FOLLOWED[""]))
    return two_clouds(**how, model=LogisticRegression() if Needs.GRADIENTS in method.needs else None)


class Notebook(Memory):
    """A memory in a dictionary."""

    def __init__(self) -> None:
        self.lines: dict[bytes, np.ndarray] = {}

    def recall(self, keys, width):
        """Known worths, nan elsewhere."""
        blank = np.full(width, np.nan)
        return np.array([self.lines.get(key, blank) for key in keys]).reshape(len(keys), width)

    def remember(self, keys, worths):
        """Keep them."""
        self.lines.update(zip(keys, worths.copy(), strict=True))


def prefixes_of(order: np.ndarray) -> np.ndarray:
    """All n + 1 prefixes of an order, as coalitions."""
    return np.array([np.isin(np.arange(len(order)), order[:s]) for s in range(len(order) + 1)])
