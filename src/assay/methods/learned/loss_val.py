"""Values learned by the loss: weights of rows that are trained together with a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._gradients.torch_gradients import one_thread, require_torch
from ..._numbers import is_number, is_whole
from ..._problem import Problem
from ..._spread import mean_of_runs
from ..._training import Training, optimizer_of
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._known import scaled
from ._sinkhorn import costs, loss_val, potentials
from ._trained import Trained, trained_of

USUAL = Training(optimizer="adam", rate=0.003, inits=3)


@final
@dataclass(eq=False, kw_only=True)
class LossVal(Valuer):
    """The weights of rows that a network learns together with its own; their mean is 1.

    In each minibatch the loss is (sum_i w_i l_i / sum_i w_i) x OT**2. l_i is the loss of row i (log loss, or
    squared error), OT the entropic cost of the transport from the batch's rows, weighing w_i, to all judging
    rows, weighing alike: the least of <P, C> + epsilon KL(P | w x 1 / m), with C = |x - z|**2 / 2 of features
    in standard deviations of the training rows. The network goes down the first factor, the weights down the
    logarithm of both: their directions are those of the product, their lengths have no units. So a row loses
    weight while its loss is above the mean, or while it lies farther from the judging rows than others do.
    Values are means over `training.inits` networks, standard errors the spread between them.

    The network is that of the problem, if its model is a torch module: a copy, whose weights are drawn anew.
    A linear estimator is trained as one linear layer, and two hidden layers stand in for any other.

    Mended against the published code, which takes no model but its own: masses are divided by their sums,
    without which the two sides of a transport differ and the loss has its minimum where all weights are 0;
    weights stay above 0; only the rows of a batch move, by plain steps: Adam with one state for all rows
    moves those that were not seen, and each by nearly as much as any other, whatever its loss; logarithms
    of probabilities come from logits; the transport is taken to a tolerance; 20 epochs and 3 networks
    instead of one; one seed decides everything.

    Costs a training for each network, and O(batch x judging rows) for each of some dozen passes of a
    transport in each step.

    Parameters
    ----------
    training : Training
        How the network is trained.
    rate : float
        The learning rate of the logarithms of the weights, above 0.
    regularisation : float
        epsilon, in mean costs between training and judging rows; above 0.
    hidden : int
        Units of each of the two hidden layers that stand in for a model, at least 1.

    Source: Wibiral, Belaid, Rabus and Scherp (2024), "LossVal: Efficient Data Valuation for Neural Networks".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, LossVal, Problem, value
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = X[:, 0] > 0
    >>> y[[3, 35]] = ~y[[3, 35]]  # wrong labels
    >>> problem = Problem(Data(X, y), Data(X + 0.01, X[:, 0] > 0))
    >>> sorted(value(problem, LossVal()).lowest(2).tolist())
    [3, 35]
    """

    training: Training = USUAL
    rate: float = 0.1
    regularisation: float = 0.1
    hidden: int = 64
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID

    def __post_init__(self) -> None:
        if not isinstance(self.training, Training):
            raise AssayError(
                f"LossVal.training is {self.training!r}; pass assay.metrics.Training(epochs=20)."
            )
        for name in ("rate", "regularisation"):
            given = getattr(self, name)
            if not is_number(given) or given <= 0:
                raise AssayError(f"LossVal.{name} is {given!r}; it needs a number above 0.")
        if not is_whole(self.hidden) or self.hidden < 1:
            raise AssayError(f"LossVal.hidden is {self.hidden!r}; it needs a whole number of at least 1.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the mean over the networks so far after each."""
        self.__post_init__()
        require_torch("LossVal")
        if problem.n < 2:
            raise AssayError("LossVal needs at least 2 rows: weights are shares of what all rows weigh.")
        with one_thread():
            trained, space = trained_of(problem, self.hidden), Space.of(problem, self.regularisation)
        weights: list[Floats] = []
        for one in rng.spawn(self.training.inits):
            with one_thread():
                weights.append(self._weights(trained, space, one))
            yield self._mean(np.stack(weights), trained.why)

    def _weights(self, trained: Trained, space: Space, rng: np.random.Generator) -> Floats:
        """The weights (n,) that one network ends with."""
        import torch

        from ..._gradients._torch_check import passed

        how, network, n = self.training, trained.fresh(rng), len(trained.targets)
        logs, g = torch.zeros(n, dtype=torch.float64), None
        optimizer = optimizer_of(how, network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))  # for dropout
            for _ in range(how.epochs):
                order = rng.permutation(n)
                for at in range(0, n, how.batch):
                    rows = torch.as_tensor(order[at : at + how.batch])
                    optimizer.zero_grad()
                    losses = trained.loss(passed(network, trained.inputs[rows]), trained.targets[rows])
                    shares = torch.softmax(logs[rows], dim=0)
                    (shares.to(losses.dtype) * losses).sum().backward()
                    optimizer.step()
                    slope, g = space.slope(_finite(losses.detach().double()), logs[rows], rows, g)
                    logs[rows] -= self.rate * len(rows) * slope
                logs -= logs.mean()
        return n * torch.softmax(logs, dim=0).numpy()

    def _mean(self, weights: Floats, why: str) -> Valuation:
        done, inits = len(weights), self.training.inits
        values, stderr = mean_of_runs(weights) if done > 1 else (weights[0], None)
        status = Status.exact if done == inits else Status.running
        draws = 0 if stderr is None else done
        return Valuation(values, stderr, evals=done, draws=draws, status=status, share=done / inits, why=why)


@dataclass(frozen=True, eq=False)
class Space:
    """Where rows are carried: features of training and judging rows in standard deviations, and epsilon."""

    X: Any
    Z: Any
    epsilon: float

    @classmethod
    def of(cls, problem: Problem, regularisation: float) -> Space:
        """The space of a problem."""
        import torch

        assert problem.valid is not None
        by = problem.train.dense
        X, Z = scaled(by, by), scaled(problem.valid.dense, by)
        mean = ((X.mean(axis=0) - Z.mean(axis=0)) ** 2 + X.var(axis=0) + Z.var(axis=0)).sum() / 2
        return cls(torch.as_tensor(X), torch.as_tensor(Z), regularisation * (float(mean) or 1.0))

    def slope(self, losses: Any, logs: Any, rows: Any, start: Any = None) -> tuple[Any, Any]:
        """The gradient of the logarithm of the loss by those of the weights of a batch's rows.

        Also the potential of the judging rows, near which that of the next batch is: its `start`.
        """
        import torch

        f, g = potentials(costs(self.X[rows], self.Z), torch.log_softmax(logs, dim=0), self.epsilon, start)
        logs = logs.clone().requires_grad_()
        return torch.autograd.grad(loss_val(losses, logs.exp(), f, g).log(), logs)[0], g


def _finite(losses: Any) -> Any:
    if not bool(losses.isfinite().all()):
        raise AssayError("LossVal: the network's loss is not finite; lower the rate of LossVal.training.")
    return losses
