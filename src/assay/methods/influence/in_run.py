"""In-run Shapley values, recorded while somebody's own loop trains a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from ..._errors import AssayError
from ..._gradients.torch_gradients import require_torch
from ..._numbers import check_seed, is_whole
from ..._types import Floats, Labels, Positions
from ..._valuation import Status, Valuation
from ._tape import Rows, Tape, joined, rows_of, taken


@dataclass(frozen=True)
class _Step:
    """A step whose second half is known once the next one has looked at the judges."""

    places: Positions
    rows: Rows
    factors: list[float]


@final
class InRun:
    """Records what each row's part of every step takes off the judges' loss, while a network is trained.

    `step` takes the place of the forward pass, `backward` and `optimizer.step` of a plain loop: rows that
    judge pass the network with the batch, one backward pass gives what belongs to each row, and products
    are taken of factors, never of gradients. Values are Shapley values, added up over the steps, of the
    decrease of the judges' loss by a step: to first order, rate g_i' g_q / batch, or to second order. There
    the mean of the judges' gradients before and after the step takes the place of g_q. It differs from the
    product with the Hessian by what is of third order in the rate, costs no further pass, and shares out the
    decrease itself to that order.

    For plain SGD on the mean loss of the batch, weight decay aside (what it does is nobody's). With momentum
    or Adam, it is the value of plain steps along the path that is taken.

    Parameters
    ----------
    module : torch.nn.Module
        In training; not copied. Its parameters must belong to Linear, convolution, embedding or norm modules;
        batch norms are refused, as rows would not be apart.
    loss : str | callable
        As of `TorchGradients`: "cross_entropy", "binary", "squared", or f(outputs, targets) -> (n,).
    n : int
        How many training rows there are.
    valid : Data | (inputs, targets) | Dataset | DataLoader
        The m rows that judge.
    judges : int, optional
        How many of them are drawn, anew for each step: values are unbiased. All if not given.
    order : 1 | 2
        See above.
    classes : array-like, optional
        Sorted, where labels of `valid` are not codes.
    seed : int
        Of the judges that are drawn.

    Raises
    ------
    AssayError
        If torch is missing, a setting is out of range, or the module has parameters of other kinds.

    Source: Wang, Mittal, Song and Jia (2024), "Data Shapley in One Training Run".

    Examples
    --------
    >>> import torch
    >>> from assay import Data, InRun
    >>> X, y = torch.tensor([[0.0], [0.2], [1.0], [1.2]]), torch.tensor([0, 0, 1, 0])
    >>> net = torch.nn.Linear(1, 2)
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    >>> with InRun(net, n=4, valid=(X, torch.tensor([0, 0, 1, 1]))) as run:
    ...     for _ in range(20):
    ...         _ = run.step(X, y, range(4), optimizer)
    >>> run.valuation().lowest(1)
    array([3])
    """

    def __init__(
        self,
        module: Any,
        loss: str | Callable[[Any, Any], Any] = "cross_entropy",
        *,
        n: int,
        valid: Any,
        judges: int | None = None,
        order: int = 2,
        classes: Labels | Sequence[Any] | None = None,
        seed: int = 0,
    ) -> None:
        require_torch("InRun")
        check_seed(seed)
        check_settings("InRun", judges, order)
        if not is_whole(n) or n < 1:
            raise AssayError(f"InRun.n is {n!r}; it needs to be the number of training rows.")
        self._tape = Tape(module, loss)
        dtype = next(module.parameters()).dtype
        names = None if classes is None else np.asarray(classes)
        self._inputs, self._targets = rows_of(valid, dtype, names, numbers=loss == "squared")
        self._count, self._order, self._rng = judges, order, np.random.default_rng(seed)
        self._scores: Floats = np.zeros((n, len(self._targets)))
        self._pending: _Step | None = None
        self.steps = 0

    def __enter__(self) -> Self:
        """Start to record."""
        self._tape.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Judge the last step, and leave the module as it was."""
        try:
            if kind is None and self._pending is not None:
                chosen = self._drawn()
                self._close(self._tape.passed(*self._judges(chosen)), chosen)
        finally:
            self._tape.close()

    def step(self, inputs: Any, targets: Any, rows: Any, optimizer: Any) -> float:
        """One step on a batch; gives its mean loss.

        Parameters
        ----------
        inputs, targets : tensors, of b rows
        rows : sequence of int
            Their positions among the training rows, (b,).
        optimizer : torch.optim.Optimizer
            Its gradients are set, not added to.

        Raises
        ------
        AssayError
            If positions do not fit, a loss is not finite, or it is called outside of `with`.
        """
        places = self._places(rows, len(targets))
        chosen = self._drawn()
        x, y = self._judges(chosen)
        passed = self._tape.passed(joined(inputs, x), joined(targets, y))
        size = len(places)
        batch, judging = passed.take(slice(0, size)), passed.take(slice(size, None))
        self._tape.fill(batch, size)
        self._close(judging, chosen)
        half = 1.0 if self._order == 1 else 0.5
        step = _Step(places, batch, [half * rate / size for rate in self._tape.rates(optimizer)])
        self._add(step, judging, chosen)
        self._pending = None if self._order == 1 else step
        optimizer.step()
        self.steps += 1
        return float(self._tape.losses[:size].mean())

    def valuation(self) -> Valuation:
        """The values of what was recorded: the sum over all steps that are closed.

        `per_valid` are those to each judge; where judges are drawn, weighted by how rarely they are.
        """
        why = f"{self.steps} steps, order {self._order}"
        return Valuation(
            self._scores.mean(axis=1),
            per_valid=self._scores.copy(),
            status=Status.exact,
            method="InRun",
            why=why,
        )

    def _places(self, rows: Any, size: int) -> Positions:
        places = np.asarray(rows)
        n = len(self._scores)
        fits = places.shape == (size,) and places.dtype.kind in "iu" and size > 0
        if not fits or places.min() < 0 or places.max() >= n:
            raise AssayError(
                f"InRun.step: rows has shape {places.shape}; it needs the positions, 0 to {n - 1}, of the "
                f"{size} rows of the batch."
            )
        return places

    def _drawn(self) -> Positions:
        m = len(self._targets)
        if self._count is None or self._count >= m:
            return np.arange(m)
        return self._rng.choice(m, self._count, replace=False)

    def _judges(self, chosen: Positions) -> tuple[Any, Any]:
        if len(chosen) == len(self._targets):
            return self._inputs, self._targets
        return taken(self._inputs, chosen), taken(self._targets, chosen)

    def _close(self, judging: Rows, chosen: Positions) -> None:
        if self._pending is not None:
            self._add(self._pending, judging, chosen)
            self._pending = None

    def _add(self, step: _Step, judging: Rows, chosen: Positions) -> None:
        found = step.rows.gram(judging, step.factors) * (len(self._targets) / len(chosen))
        if len(np.unique(step.places)) == len(step.places):
            self._scores[step.places[:, None], chosen] += found
        else:  # drawn with replacement
            np.add.at(self._scores, (step.places[:, None], chosen), found)


def check_settings(name: str, judges: Any, order: Any) -> None:
    """Refuse settings that are out of range.

    Raises
    ------
    AssayError
        Naming the setting.
    """
    if judges is not None and not (is_whole(judges) and judges >= 1):
        raise AssayError(f"{name}.judges is {judges!r}; it needs a whole number of at least 1, or None.")
    if order not in (1, 2):
        raise AssayError(f"{name}.order is {order!r}; it needs to be 1 or 2.")
