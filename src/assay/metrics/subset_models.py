"""Outputs of models on many random subsets of the rows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import joblib
import numpy as np
from sklearn.base import clone

from .._bar import bar
from .._errors import AssayError
from .._outputs import Output, Outputs, output_of
from .._parallel import each
from .._problem import Problem, is_torch
from .._training import Training
from .._types import Coalitions, Floats
from ._check import whole

BLOCK = 4  # subsets of one task: the weights of that many small networks stay in a cache
FLUSH_SECONDS = 5.0  # work that a killed process may lose


class SubsetModels:
    """What models trained on random subsets of the rows say of each validation row; kept, and carried on.

    Subset k, and the chance in its training, depend on `seed` and k alone: more subsets later leave the
    earlier ones as they are, whatever `n_jobs` was and however often a run was interrupted.

    Networks are trained four subsets at a time, each as it would be alone.

    Parameters
    ----------
    problem : Problem
        With labels, validation rows, and a model: any estimator of scikit-learn, or a `torch.nn.Sequential`
        of Linear, ReLU, Tanh and GELU, of which only the shape counts. It is never fitted in place.
    path : path, optional
        A .npz file. It is written on the way, and what it holds of the same problem and settings is not
        trained again.
    share : float
        Of the rows in each subset, between 0 and 1; every subset has floor(share n) rows, at least 1.
    output : "margin" | "log_loss" | "squared_error", optional
        log p / (1 - p) of the right class, log p, or minus the squared error: higher is better. If not given,
        the margin for classes and the squared error for numbers.
    training : Training, optional
        How networks are trained; for torch modules only.
    seed : int
        Of subsets, first weights and minibatches.

    Raises
    ------
    AssayError
        If something is missing or out of range, the model is another kind of network, or the file is of
        another problem.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from assay import Data, Problem
    >>> rows = Data([[0.0], [1.0], [2.0], [3.5]], [0.5, 1.5, 2.5, 3.0])
    >>> models = SubsetModels(Problem(rows, rows, Ridge())).grow(10, progress=False)
    >>> models.subsets.shape, models.outputs.shape
    ((10, 4), (10, 4))
    """

    def __init__(
        self,
        problem: Problem,
        *,
        path: str | Path | None = None,
        share: float = 0.5,
        output: Output | None = None,
        training: Training | None = None,
        seed: int = 0,
    ) -> None:
        self.problem, self.path = problem, None if path is None else Path(path)
        self.kind: Output = output_of(problem, output)
        self.seed = whole("SubsetModels", "seed", seed, 0)
        if not isinstance(share, (int, float)) or not 0 < share < 1:
            raise AssayError(f"SubsetModels: share is {share!r}; it needs a number between 0 and 1.")
        self.size = max(int(share * problem.n), 1)
        self._ask = self._asker(training)
        self.inits = training.inits if training is not None else 1
        assert problem.valid is not None
        self.members: Floats = np.zeros((0, self.inits, len(problem.valid)))
        if self.path is not None and self.path.exists():
            self.members = self._read(self.path)

    def __len__(self) -> int:
        return len(self.members)

    @property
    def subsets(self) -> Coalitions:
        """The rows of each subset, (s, n)."""
        return self._drawn(range(len(self)))

    @property
    def outputs(self) -> Floats:
        """What the models of each subset say of each validation row, (s, m); the mean over `inits`."""
        return self.members.mean(axis=1)

    def grow(self, count: int, *, n_jobs: int | None = None, progress: bool = True) -> SubsetModels:
        """Train until there are `count` subsets, and return itself.

        Parameters
        ----------
        count : int
            Subsets in all; those that are there count.
        n_jobs : int | None
            As in joblib: processes for estimators, threads for networks.
        progress : bool
            Show a bar on stderr, if that is a terminal.
        """
        whole("SubsetModels", "count", count, 1)
        found, last = [self.members], time.perf_counter()
        with bar("SubsetModels", max(count - len(self), 0), progress) as tell:
            try:
                for part in self._blocks(range(len(self), count), n_jobs):
                    found.append(part)
                    tell(len(part))
                    if time.perf_counter() - last > FLUSH_SECONDS:
                        found, last = self._keep(found), time.perf_counter()
            finally:
                self._keep(found)
        return self

    def _blocks(self, numbers: range, n_jobs: int | None) -> Iterator[Floats]:
        parts = ((numbers[i : i + BLOCK],) for i in range(0, len(numbers), BLOCK))
        if not is_torch(self.problem.model):
            tasks = ((self._drawn(part),) for (part,) in parts)
            yield from (found[:, None] for found in each(self._ask, tasks, n_jobs))
            return
        from ._train import one_thread

        with one_thread():
            yield from each(self._ask, parts, n_jobs, threads=True)

    def _asker(self, training: Training | None) -> Callable[..., Floats]:
        if not is_torch(self.problem.model):
            if training is not None:
                raise AssayError(
                    "SubsetModels: training is for torch modules, and this model fits itself; leave it out."
                )
            return Outputs(self.problem, self.kind, self.seed)
        if not isinstance(training, Training):
            raise AssayError(
                f"SubsetModels: training is {training!r}; a torch module needs to be told how it is trained: "
                "assay.metrics.Training(epochs=20)."
            )
        from ._ensemble import Ensemble

        return Ensemble(self.problem, self.kind, training, self.seed, self._drawn)

    def _drawn(self, numbers: range) -> Coalitions:
        subsets = np.zeros((len(numbers), self.problem.n), bool)
        for subset, number in zip(subsets, numbers, strict=True):
            rng = np.random.default_rng([self.seed, number, 0])
            subset[rng.choice(self.problem.n, self.size, replace=False)] = True
        return subsets

    @property
    def _key(self) -> str:
        """Names the problem and all settings: a file of another key holds other models."""
        p, model = self.problem, self.problem.model
        assert p.valid is not None
        shape = str(model) if is_torch(model) else clone(model)
        training = getattr(self._ask, "training", None)
        how = (self.kind, self.seed, self.size, None if training is None else astuple(training))
        found: Any = joblib.hash((p.train.X, p.train.y, p.valid.X, p.valid.y, shape, how))
        return found

    def _keep(self, found: list[Floats]) -> list[Floats]:
        if len(found) > 1:
            self.members = np.concatenate(found)
            if self.path is not None:
                part = self.path.with_name(f"{self.path.name}.part")
                with part.open("wb") as file:
                    np.savez(file, key=self._key, members=self.members, subsets=self.subsets)
                os.replace(part, self.path)  # a reader, or a kill, never meets half a file
        return [self.members]

    def _read(self, path: Path) -> Floats:
        try:
            with np.load(path, allow_pickle=False) as file:
                key, members = str(file["key"]), file["members"]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise AssayError(f"{path} is not a file of SubsetModels ({error}); name another.") from error
        if key != self._key:
            raise AssayError(
                f"{path} holds models of another problem or other settings; name another file, or remove it."
            )
        return members
