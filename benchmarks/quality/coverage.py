"""Are standard errors honest: how often 95% intervals hold the truth, `python -m benchmarks.quality.coverage
[SEEDS]`.

Three games of 12 rows, every coalition enumerated; SEEDS (200) runs of each sampled method that asks a
game, at 600 evaluations, with every design it takes. The share is over rows and seeds. Semivalues are
enumerated from their sizes' laws as textbooks have them, not from the library's. The bar is 90% to 98%.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import betabinom, binom
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier

from assay import REGISTRY, AssayError, Data, ModelGame, Needs, Problem, Stop, TableGame, Valuer, value
from assay.methods.semivalue._family import DESIGNS

from ._run import markdown

N, EVALS, SEEDS = 12, 600, 200
LOW, HIGH, WIDE = 0.90, 0.98, 1.959964
SIZES = np.arange(N)
EVEN = np.full(N, 1 / N)
LAWS: dict[str, tuple[dict[str, object], np.ndarray]] = {  # settings, law of the size of the coalition joined
    "AME": ({}, np.mean([binom.pmf(SIZES, N - 1, p) for p in (0.2, 0.4, 0.6, 0.8)], axis=0)),
    "Banzhaf": ({}, binom.pmf(SIZES, N - 1, 0.5)),
    "BetaShapley": ({"alpha": 4.0, "beta": 1.0}, betabinom.pmf(SIZES, N - 1, 1, 4)),
    "DeltaShapley": ({"lower": 1, "upper": 4}, np.isin(SIZES, range(1, 5)) / 4),
    "GroupTesting": ({}, EVEN),
    "KernelShapley": ({}, EVEN),
    "OwenValue": ({}, EVEN),  # no groups
    "Shapley": ({}, EVEN),
    "WeightedBanzhaf": ({"p": 0.7}, binom.pmf(SIZES, N - 1, 0.7)),
}


def bits() -> np.ndarray:
    """Every coalition, (2**N, N); line b holds row i where bit i of b is set."""
    return (np.arange(2**N)[:, None] >> np.arange(N) & 1).astype(bool)


def games() -> dict[str, TableGame]:
    """Worths drawn at random; the airport, where a coalition costs its longest runway; 3-NN on iris."""
    rng, every = np.random.default_rng(0), bits()
    X, y = load_iris(return_X_y=True)
    rows = rng.permutation(150)
    train, valid = (Data(np.asarray(X)[part], np.asarray(y)[part]) for part in (rows[:N], rows[N:]))
    iris = ModelGame(Problem(train, valid, KNeighborsClassifier(3)))
    return {
        "random": TableGame(rng.normal(size=2**N)),
        "airport": TableGame((every * np.sqrt(1 + np.arange(N))).max(axis=1)),
        "3-NN on iris": TableGame(iris(every)),
    }


def truth(game: TableGame, law: np.ndarray) -> np.ndarray:
    """The semivalue (N,): what a row adds to `law[s]` / C(N - 1, s) of each coalition of s others."""
    every, number = bits(), np.arange(2**N)
    sizes = every.sum(axis=1)
    share = law / binom.pmf(SIZES, N - 1, 0.5) / 2 ** (N - 1)
    values = np.empty(N)
    for i in range(N):
        without = number[~every[:, i]]
        values[i] = share[sizes[without]] @ (game.worths[without | 1 << i] - game.worths[without])
    return values


def variants(name: str) -> Iterator[tuple[str, Valuer]]:
    """A method with every design that it takes, and as it is by default if that is none of them."""
    make: Callable[..., Valuer] = REGISTRY[name]
    settings = LAWS[name][0]
    designed = hasattr(make(**settings), "design")
    if name == "AME" or not designed:
        yield name, make(**settings)
    for design in DESIGNS if designed else ():
        if design != "exact":
            yield f"{name}, {design}", make(**(settings | {"design": design}))


def reason(name: str) -> str:
    """Why a method is left out; empty if it is not."""
    method = REGISTRY[name]()
    if Needs.GAME not in method.needs:
        return "asks no game"
    if name == "LeaveOneOut":
        return "exact"
    return "" if name in LAWS else "no semivalue, so not enumerated here"


def covered(game: TableGame, method: Valuer, law: np.ndarray, seeds: int) -> float | str:
    """Share of intervals that hold the truth; a word where there are none."""
    problem, true, held = Problem(Data(np.zeros((N, 1))), game=game), truth(game, law), []
    for seed in range(seeds):
        try:
            found = value(problem, method, stop=Stop(evals=EVALS), seed=seed, progress=False)
        except AssayError:
            return "refused"
        if found.stderr is None:
            return "exact"
        held.append(np.abs(found.values - true) <= WIDE * found.stderr + 1e-12)
    return float(np.mean(held))


def table(seeds: int) -> str:
    """Return the table in Markdown; a design that cannot read a method refuses it."""
    every = games()
    names = [name for name in REGISTRY if not reason(name)]
    cases = [(label, method, LAWS[name][1]) for name in names for label, method in variants(name)]
    tasks = (
        delayed(covered)(game, method, law, seeds) for _, method, law in cases for game in every.values()
    )
    found: Any = Parallel(n_jobs=2)(tasks)
    rows = []
    for number, (label, *_) in enumerate(cases):
        shares = found[number * len(every) : (number + 1) * len(every)]
        sound = all(isinstance(share, str) or LOW <= share <= HIGH for share in shares)
        cells = [share if isinstance(share, str) else f"{share:.1%}" for share in shares]
        rows.append([label, *cells, "PASS" if sound else "fail"])
    return markdown(("method, design", *every, f"{LOW:.0%} to {HIGH:.0%}"), rows)


def main() -> None:
    """Print the table, and what is not in it."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    print(f"\nassay {version('assay')}, {seeds} seeds, {EVALS} evaluations of {2**N:,} coalitions\n")
    print(table(seeds))
    for name in REGISTRY:
        if why := reason(name):
            print(f"\n{name}: {why}.")


if __name__ == "__main__":
    main()
