"""pyDVL's side of `error`, run in an environment of its own: `python -m benchmarks.quality.error_pydvl`.

Reads one task in JSON a line from stdin: game, budget, seeds, samplers to leave out. Writes for each sampler
its mean evaluations and mean squared error. A sampler stops after the sample in which the budget is reached,
so it may spend more than is asked; one of a fixed length may spend less. Calls are counted by the utility.
A sampler that left a row without any sample has no error: a value of 0 is no estimate.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from pydvl.utils.status import Status
from pydvl.valuation import samplers as s
from pydvl.valuation.dataset import Dataset
from pydvl.valuation.methods import ShapleyValuation
from pydvl.valuation.samplers import stratified
from pydvl.valuation.stopping import StoppingCriterion
from pydvl.valuation.utility.base import UtilityBase

from .games import GAMES, Known

MOST_MSR = 500  # sample reuse takes a second for about 1,000 values: more would run for hours


class Counting(UtilityBase):
    """A game as a utility that counts its calls."""

    def __init__(self, game: Known) -> None:
        self.game, self.calls = game, [0]  # a list, so that copies count together

    def __call__(self, sample: Any) -> float:
        """Worth of the sample's subset."""
        self.calls[0] += 1
        coalition = np.zeros((1, self.game.n), bool)
        if sample is not None:
            coalition[0, np.asarray(sample.subset, int)] = True
        return float(self.game(coalition)[0])


class Spent(StoppingCriterion):
    """Stop once the utility was called `budget` times."""

    def __init__(self, utility: Counting, budget: int) -> None:
        super().__init__()
        self.utility, self.budget = utility, budget

    def _check(self, result: Any) -> Status:
        self._converged = np.full(len(result), False)
        return Status.Converged if self.utility.calls[0] >= self.budget else Status.Pending

    def completion(self) -> float:
        """Share of the budget spent."""
        return min(1.0, self.utility.calls[0] / self.budget)


def candidates(n: int, budget: int) -> dict[str, Callable[[int], Any]]:
    """Samplers by name, as functions of the seed; those of a fixed length are given the budget's."""
    each = max(1, budget // (2 * n))  # samples for each index, at two calls a sample
    random, endless = s.RandomIndexIteration, stratified.RandomSizeIteration
    some: dict[str, Callable[[int], Any]] = {
        "permutation": lambda seed: s.PermutationSampler(seed=seed),
        "antithetic permutation": lambda seed: s.AntitheticPermutationSampler(seed=seed),
        "uniform": lambda seed: s.UniformSampler(index_iteration=random, seed=seed),
        "antithetic": lambda seed: s.AntitheticSampler(index_iteration=random, seed=seed),
        "stratified": lambda seed: s.StratifiedSampler(
            stratified.ConstantSampleSize(1), endless, index_iteration=s.SequentialIndexIteration, seed=seed
        ),
        "variance-reduced": lambda seed: s.VRDSSampler(each, seed=seed),
        "Owen": lambda seed: s.OwenSampler(s.UniformOwenStrategy(max(1, each // 2), seed=seed), seed=seed),
        "antithetic Owen": lambda seed: s.AntitheticOwenSampler(
            s.UniformOwenStrategy(max(1, each // 4), seed=seed), seed=seed
        ),
    }
    if budget <= MOST_MSR:
        some["sample reuse"] = lambda seed: s.MSRSampler(seed=seed)
    return some


def run(game: Known, sampler: Any, budget: int) -> tuple[int, float]:
    """Evaluations and mean squared error of one run."""
    utility = Counting(game)
    rows = np.arange(game.n)
    valuation = ShapleyValuation(utility, sampler, Spent(utility, budget), progress=False)
    valuation.fit(Dataset(rows[:, None].astype(float), np.zeros(game.n)))
    result, values = valuation.result, np.zeros(game.n)
    values[np.asarray(result.indices, int)] = result.values
    if len(result.indices) < game.n or np.min(result.counts) == 0:
        return utility.calls[0], np.inf
    return utility.calls[0], float(np.mean((np.nan_to_num(values) - game.shapley) ** 2))


def answer(task: dict[str, Any], games: dict[str, Known]) -> dict[str, list[float]]:
    """Mean evaluations and mean squared error over the seeds, by sampler."""
    name = task["game"]
    game = games[name] = games.get(name) or GAMES[name]()
    found: dict[str, list[float]] = {}
    for sampler, made in candidates(game.n, task["budget"]).items():
        if sampler in task["without"]:
            continue
        try:
            runs = [run(game, made(seed), task["budget"]) for seed in range(task["seeds"])]
        except Exception as error:  # some refuse small budgets
            print(f"{name}, {sampler}: {error!r}", file=sys.stderr)
            continue
        found[sampler] = np.mean(runs, axis=0).tolist()
    return found


def main(lines: Iterable[str]) -> None:
    """Answer one task a line."""
    warnings.simplefilter("ignore")
    logging.disable()
    games: dict[str, Any] = {}
    for line in lines:
        print(json.dumps(answer(json.loads(line), games)), flush=True)


if __name__ == "__main__":
    main(sys.stdin)
