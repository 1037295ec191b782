"""Gradients of the loss at every stage of an ensemble, and its leaves computed again from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._problem import Data
from .._types import Floats, Positions
from .read import read
from .targets import names_of, targets_of

CLOSE = 1e-5  # of the largest value of a tree: how near a leaf has to come to the model's
ROUNDED = 2e-6  # how far a mean gradient may be off, as libraries hold it in 32 bits
NOTHING = 1e-150  # a sum of second derivatives that moves no leaf


@dataclass(frozen=True, eq=False)
class Walk:
    """Rows on their way through the trees.

    Parameters
    ----------
    leaves : array of shape (trees, n)
        Where each row falls, as positions in `LeafGradients.values`.
    starts, scores : array of shape (n, outputs)
        Before the first tree, and after the last.
    means : array of shape (rounds, n, outputs)
        What the scores before each round stand for; for a forest, what no tree stands for: zeros.
    targets : array of shape (n, outputs)
    known : array of bool of shape (n,)
        Rows whose class the model knows; the loss of others is not defined.
    """

    leaves: NDArray[np.int32]
    starts: Floats
    scores: Floats
    means: Floats
    targets: Floats
    known: NDArray[np.bool_]


@final
class LeafGradients:
    """The leaves of a fitted ensemble of trees, and the gradients that made them.

    A leaf of boosting holds -eta sum(g) / (sum(h) + ridge), with g and h the first and second derivatives of
    the loss by the score before its round. All leaves are computed again from `train`, and have to be those
    of the model: they are not where it was fitted on other rows, with weights or with samples of the rows.
    Forests are ensembles of steps from 0, each 1 / trees long.

    Parameters
    ----------
    model : estimator | Booster
        Fitted: gradient boosting, with bins or without, a random forest or extra trees of scikit-learn; an
        estimator or Booster of LightGBM or XGBoost. Losses: log loss, squared error.
    train : Data
        The rows that it was fitted on, with labels, in any order (of a forest with bags: in the same).

    Attributes
    ----------
    eta, ridge : float
    loss : Loss
    values : array of shape (leaves,)
        What each leaf adds to its output, eta included.
    denominators : array of shape (leaves,)
        sum(h) + ridge; infinite where no row moves a leaf.
    counts : array of shape (leaves,)
        Training rows.
    outputs : int
        Scores of a row: tree s is of round s // outputs, and for the output s % outputs.
    train : Walk

    Raises
    ------
    AssayError
        If the model is not known, or its leaves are not what `train` gives; with the reason.

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingRegressor
    >>> train = Data([[0.0], [1.0], [2.0], [3.0]], [0.0, 0.1, 1.0, 1.1])
    >>> model = GradientBoostingRegressor(n_estimators=2).fit(train.X, train.y)
    >>> LeafGradients(model, train).gradients().shape
    (2, 4, 1)
    """

    def __init__(self, model: Any, train: Data) -> None:
        if train.y is None or train.y.ndim > 1:
            raise AssayError("LeafGradients needs one label a row; pass assay.Data(X, y).")
        self._ensemble = ensemble = read(model, train.y)
        self.eta, self.ridge, self.loss = ensemble.eta, ensemble.ridge, ensemble.loss
        self.outputs, self.values = ensemble.outputs, ensemble.values
        self.names = names_of(ensemble.name, self.loss, self.outputs, ensemble.classes, train.y)
        self.boosted = ensemble.weights is None
        if ensemble.weights is not None and ensemble.weights.shape[1] != len(train):
            raise self._strange("it was fitted on another number of rows")
        self.train = self.walk(train)
        self.counts = np.bincount(self.train.leaves.ravel(), minlength=len(self.values)).astype(float)
        self.denominators = np.full(len(self.values), np.inf)
        self._check()

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return len(self.train.leaves)

    def walk(self, rows: Data) -> Walk:
        """The way of `rows`, which have labels, through the trees."""
        targets, known = targets_of(self.loss, self.outputs, self.names, rows.y)
        try:
            found = self._ensemble.leaves(rows.X)
        except Exception as error:  # foreign code: any error means that the rows do not fit the trees
            raise AssayError(
                f"The fitted ensemble cannot read rows of {rows.X.shape[1]} columns ({error}); give the "
                "columns that it was fitted on."
            ) from error
        leaves = np.ascontiguousarray(found.T, dtype=np.int32)
        starts = scores = self._ensemble.start(rows.X)
        means = np.zeros((len(leaves) // self.outputs, len(rows), self.outputs))
        for number, mean in enumerate(means):
            if self.boosted:
                mean[:] = self.loss.mean(scores)
            stage = slice(number * self.outputs, (number + 1) * self.outputs)
            scores = scores + self.values[leaves[stage]].T
        return Walk(leaves, starts, scores, means, targets, known)

    def step(self, tree: int) -> tuple[Floats, Floats]:
        """First and second derivatives (n,) of the training rows that one tree was made of."""
        number, output = divmod(tree, self.outputs)
        mean = self.train.means[number, :, output]
        g, h = mean - self.train.targets[:, output], self.loss.hessian(mean)
        weights = self._ensemble.weights
        return (g, h) if weights is None else (g * weights[tree], h * weights[tree])

    def moves(self, tree: int) -> Floats:
        """What one more of each training row takes from its leaf of one tree: minus the leaf's derivative."""
        (g, h), leaves = self.step(tree), self.train.leaves[tree]
        return (self.eta * g + self.values[leaves] * h) / self.denominators[leaves]

    def gradients(self, walk: Walk | None = None) -> Floats:
        """First derivatives of the loss (rounds, n, outputs) before each round; of training rows if not
        said.

        Of a forest, those after the last tree, in every round. Rows whose class the model does not know
        have 0.
        """
        walk = self.train if walk is None else walk
        means = walk.means if self.boosted else np.broadcast_to(walk.scores, walk.means.shape)
        return (means - walk.targets) * walk.known[:, None]

    def hessians(self) -> Floats:
        """Second derivatives (rounds, n, outputs) of the training rows before each round."""
        return self.loss.hessian(self.train.means)

    def thirds(self) -> Floats:
        """Third derivatives (rounds, n, outputs) of the training rows before each round."""
        return self.loss.third(self.train.means)

    def last_gradients(self, walk: Walk) -> Floats:
        """First derivatives of the loss (n, outputs) after the last tree."""
        return (self.loss.mean(walk.scores) - walk.targets) * walk.known[:, None]

    def losses(self, walk: Walk) -> Floats:
        """The loss (n,) of rows; of rows whose class the model does not know, without their own term."""
        return self.loss.value(walk.scores, walk.targets)

    def _check(self) -> None:
        """Fill in the denominators; refuse leaves that are not those of the model."""
        unit = 1.0
        if self.loss.kind == "squared":
            unit = 1 + max(np.abs(self.train.targets).max(), np.abs(self.train.scores).max())
        for tree, leaves in enumerate(self.train.leaves):
            g, h = self.step(tree)
            here, local = np.unique(leaves, return_inverse=True)
            G, H = np.bincount(local, g), np.bincount(local, h) + self.ridge
            moved = (H > NOTHING) & ~self._ensemble.inert[here]
            here, G, H, held = here[moved], G[moved], H[moved], self.counts[here][moved]
            self.denominators[here] = H
            off = np.abs(-self.eta * G / H - self.values[here])
            largest = np.abs(self.values[here]).max(initial=0.0)
            if (off > CLOSE * largest + ROUNDED * unit * self.eta * held / H).any():
                raise self._strange(f"by up to {off.max() / max(largest, NOTHING):.1%} in tree {tree}")

    def _strange(self, how: str) -> AssayError:
        doubts, name = self._ensemble.doubts, self._ensemble.name
        why, fix = "as of other rows, of weighted rows or of rows that stopped it early", "pass it unfitted"
        if doubts:
            why, fix = f"because of {', '.join(doubts)}", "fit it without"
        return AssayError(
            f"The leaves of this {name} are not what the training rows give ({how}), perhaps {why}; {fix}."
        )


def order_of(train: Data) -> Positions:
    """An order of rows that does not depend on the one they are given in, but for copies."""
    words = np.ascontiguousarray(train.dense + 0.0).view(np.uint64)  # -0.0 is 0.0
    mixed = np.zeros(len(train), np.uint64)
    for column in words.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.lexsort((train.y, mixed))
