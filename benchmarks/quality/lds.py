"""Which attributions foretell nets trained on other rows: the linear datamodeling score.

`python -m benchmarks.quality.lds NET [METHOD ...]`, NET one of digits, mnist, mnist-linear (a single layer).
Truth is 100 nets, each trained on a random half of the rows as the net was. Damping is chosen on rows held
out of training and queries, never on what is reported. Nets are kept in `.data/lds`, and carried on where a
run was broken off.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

import assay
from assay import Data, Problem, TorchGradients, Valuer, value
from assay.metrics import SubsetModels, Training, linear_datamodeling_score
from assay.metrics._network import Networks

from ..peers._net import Net, State, module
from ..speed._nets import FOLDER, net
from ._run import markdown

SUBSETS, PART = 100, 10
TRAININGS = {  # as the net itself was trained
    "digits": Training(epochs=30, optimizer="adam", rate=1e-3, inits=5),
    "mnist": Training(epochs=50, optimizer="sgd", rate=0.01, momentum=0.9),
    "mnist-linear": Training(epochs=20, optimizer="sgd", rate=0.01),
}
DAMPINGS = (None, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # that are tried; None is the method's own


@dataclass(frozen=True)
class Case:
    """A net, its rows, and nets trained on halves of them."""

    name: str

    @cached_property
    def net(self) -> Net:
        """The rows and the net trained on all of them."""
        return Net.load(net(self.name))

    @property
    def queries(self) -> int:
        """Validation rows that judge; those after them choose settings."""
        return len(self.net.V)

    @cached_property
    def problem(self) -> Problem:
        """All rows; the validation rows are the queries, then those held out."""
        n = self.net
        valid = Data(np.concatenate([n.V, n.H]), np.concatenate([n.t, n.u]))
        return Problem(Data(n.X, n.y), valid, module(n.final))

    @cached_property
    def truth(self) -> SubsetModels:
        """Nets trained on random halves."""
        path = FOLDER / "lds" / f"{self.name}-truth.npz"
        path.parent.mkdir(exist_ok=True)
        models = SubsetModels(self.problem, path=path, training=TRAININGS[self.name], seed=0)
        return models.grow(SUBSETS, n_jobs=2)

    def states(self, count: int) -> list[dict[str, Any]]:
        """Parameters of nets trained on other random halves, for methods that take several."""
        import torch

        path = FOLDER / "lds" / f"{self.name}-states.npz"
        arrays: dict[str, np.ndarray] = dict(np.load(path)) if path.exists() else {}
        models = SubsetModels(self.problem, training=replace(TRAININGS[self.name], inits=1), seed=1)
        for k in range(0, count, PART):
            if f"{k}/0.weight" not in arrays:
                for number, state in enumerate(_states(models, range(k, k + PART)), start=k):
                    arrays |= {f"{number}/{name}": value for name, value in state.items()}
                np.savez(path.with_suffix(".part.npz"), **arrays)  # type: ignore[arg-type]
                path.with_suffix(".part.npz").rename(path)
        return [
            {name: torch.from_numpy(arrays[f"{k}/{name}"]) for name in self.net.final} for k in range(count)
        ]

    def score(self, scores: np.ndarray, *, held_out: bool = False) -> Any:
        """The score of attributions (n, m + h), on the queries, or on the rows held out."""
        part = slice(self.queries, None) if held_out else slice(self.queries)
        return linear_datamodeling_score(scores[:, part], self.truth.subsets, self.truth.outputs[:, part])


def _states(models: SubsetModels, numbers: range) -> list[State]:
    networks: Networks = models._ask.networks(numbers)  # type: ignore[attr-defined]
    found: list[State] = [{} for _ in numbers]
    for k, (weight, bias) in enumerate(zip(networks.weights, networks.biases, strict=True)):
        for state, w, b in zip(found, weight.numpy(), bias.numpy(), strict=True):
            state |= {f"{2 * k}.weight": w.T.copy(), f"{2 * k}.bias": b[0].copy()}
    return found


def candidates(case: Case) -> Iterator[tuple[str, Problem, list[Valuer]]]:
    """Yield (name, problem, settings to choose from)."""
    plain, net = case.problem, case.net
    for solver in ("exact", "ekfac", "kfac", "cg", "empirical_fisher"):
        if solver != "exact" or case.name != "mnist":
            yield f"Influence {solver}", plain, [assay.Influence(solver=solver, damping=d) for d in DAMPINGS]
    known: dict[str, Any] = dict(assay.REGISTRY)
    yield "DataInf", plain, [known["DataInf"](damping=d) for d in DAMPINGS]
    for count in (1, 10, 50):
        states = [_torch(net.final)] if count == 1 else case.states(count)
        several = replace(plain, gradients=TorchGradients(plain.model, checkpoints=states))
        yield f"TRAK, {count}", several, [assay.TRAK(damping=d) for d in DAMPINGS[:4]]
        if count == 1:
            yield (
                "TRAK, 1, sketched to 2,048",
                several,
                [assay.TRAK(damping=d, projection=2048) for d in DAMPINGS],
            )
    along = TorchGradients(plain.model, checkpoints=[_torch(s) for s in net.along], rates=list(net.rates))
    for name in ("TracIn", "GradDot", "GradCos", "RepresenterPoints"):
        yield name, replace(plain, gradients=along), [known[name]()]
    if case.name != "digits":  # whose recipe, Adam, it does not go through
        yield "ExactUnrolled", plain, [known["ExactUnrolled"](training=TRAININGS[case.name])]


def _torch(state: State) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def main(name: str, asked: list[str]) -> None:
    """Print one line a method."""
    case = Case(name)
    print(markdown(["method", "chosen", "score (95%)", "seconds"], []), flush=True)
    for method, problem, settings in candidates(case):
        if not settings or (asked and not any(method.startswith(word) for word in asked)):
            continue
        found = []
        for setting in settings:
            start = time.perf_counter()
            scores = np.asarray(value(problem, setting, n_jobs=2, progress=False).per_valid)
            seconds = time.perf_counter() - start
            found.append((case.score(scores, held_out=True).value, setting, scores, seconds))
        _, chosen, scores, seconds = max(found, key=lambda line: line[0])
        best = case.score(scores)
        told = f"{best.value:.3f} ({best.low:.3f} to {best.high:.3f})"
        print(f"| {method} | {getattr(chosen, 'damping', None)} | {told} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
