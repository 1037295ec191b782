"""TRAK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._curvature.empirical import MOST, Empirical
from ..._errors import AssayError
from ..._gradients.features import Features
from ..._gradients.gradients import Gradients
from ..._gradients.kept import KeptGradients
from ..._gradients.sketch import alike, sketch_error, sketched
from ..._gradients.source import gradients_of
from ..._numbers import is_number, is_whole
from ..._problem import Data, Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer

LOG_LOSSES = ("logistic", "softmax", "cross_entropy", "binary")
LEAST = 1e-6  # of p (1 - p): what is divided by its root stays exact
SHARE = 3.0  # of what a row adds to the curvature, the damping of its sum where none is given
PROJECTION = 4_096  # numbers a row that are kept where neither rows nor parameters are few


@final
@dataclass(eq=False, kw_only=True)
class TRAK(Valuer):
    """What a row's presence takes off the loss of each validation row, by a linear model of the margins.

    The margin f = log(p / (1 - p)) of the label's probability p is taken to be linear in the parameters, with
    gradients φ, and the model to be a logistic regression on Φ. A row's presence then raises the margin of
    query q by tau = φ_q' (Φ' diag(p (1 - p)) Φ + n damping)⁻¹ φ_i (1 - p_i), and takes (1 - p_q) tau off its
    loss, log(1 + exp(-f)): these are the values, in nats. For numbers f is the prediction, and the regression
    one by least squares: 1 - p becomes 2 (y - f), and p (1 - p) becomes 2. The model's own ridge counts. For
    linear models of two classes or of numbers this is `Influence`. The weights p (1 - p), which the paper
    leaves out, put values into units of the loss, and foretell models on other rows better.

    With several checkpoints, best of models trained on different halves of the rows
    (`TorchGradients(checkpoints=...)`), φ_q' (..)⁻¹ φ_i, 1 - p_i and 1 - p_q are averaged, each by itself.

    No projection is made up to 20,000 rows, or parameters: the rows' products K say the same, exactly, as
    Φ (Φ'Φ + λ)⁻¹ = (K + λ)⁻¹ Φ. Cost a checkpoint: n² / 2 products of gradients from their factors,
    n³ / 3 + 2 n² m multiplications, 8 n² bytes.

    Parameters
    ----------
    damping : float, optional
        Added to the curvature of the mean loss. If not given, three times what a row adds to it on average.
    projection : int, optional
        Sketch φ to so many numbers first, at least 1. If not given, 4,096 where there are more than 20,000
        rows of more than 20,000 parameters, else none.

    Source: Park, Georgiev, Ilyas, Leclerc and Madry (2023), "TRAK: Attributing Model Behavior at Scale".

    Examples
    --------
    >>> from assay import TRAK, Data, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), TRAK()).lowest(1)
    array([2])
    """

    damping: float | None = None
    projection: int | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        if self.damping is not None and not (is_number(self.damping) and self.damping >= 0):
            raise AssayError(f"TRAK.damping is {self.damping!r}; it needs to be a number, at least 0.")
        if self.projection is not None and not (is_whole(self.projection) and self.projection >= 1):
            raise AssayError(
                f"TRAK.projection is {self.projection!r}; it needs to be an integer, at least 1."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        self.__post_init__()
        gradients, problem = gradients_of(problem, "TRAK")
        assert problem.valid is not None
        seed, note, count = int(rng.integers(2**32)), "", 0
        scores, pulls, slopes = np.zeros((problem.n, len(problem.valid))), 0.0, 0.0
        for each in gradients.checkpoints:
            train, query = (each.rows(data, of="margin") for data in (problem.train, problem.valid))
            pull, bend = pulls_of(each, problem.train, train)
            pulls, slopes = pulls + pull, slopes + pulls_of(each, problem.valid, query)[0]
            weight = each.weights(problem.train)
            half = np.sqrt(weight * np.maximum(bend, LEAST))
            found, note = self._products(train.scaled(half), query, each.penalty, seed)
            scores += found * (weight / half)[:, None]
            count += 1
        scores *= (pulls / count)[:, None] * (slopes / count) / count  # type: ignore[index]
        note = f"{note}; {count} checkpoint{'s' if count > 1 else ''}"
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact, why=note)

    def _products(self, train: Features, query: Features, penalty: Floats, seed: int) -> tuple[Floats, str]:
        """φ_q' (Φ'Φ + penalty + n damping)⁻¹ φ_i, (n, m), and what they rest on."""
        size = self.projection
        if size is None and min(len(train), train.width) > MOST:
            size = PROJECTION
        if size is None or size >= train.width:
            metric = Empirical(train, self.damping, penalty, share=SHARE)
            return metric.of_rows(query), metric.note
        train, query = alike(train, query)
        few = sketched(train, size, seed)
        metric = Empirical(few, self.damping, share=SHARE)
        note = (
            f"sketched to {size:,} numbers, products to within {sketch_error(train, few):.2g} of the lengths"
        )
        return metric.of_rows(sketched(query, size, seed)), f"{note}; {metric.note}"


def pulls_of(gradients: Gradients, data: Data, margins: Features) -> tuple[Floats, Floats]:
    """How fast each row's loss falls with its margin, and its second derivative, both (n,).

    1 - p and p (1 - p) of log loss, 2 (y - f) and 2 of squared error.

    Raises
    ------
    AssayError
        If the loss is no function of the margin.
    """
    source = gradients.gradients if isinstance(gradients, KeptGradients) else gradients
    loss = getattr(source, "loss", None)
    if loss in LOG_LOSSES:
        wrong = -np.expm1(-gradients.losses(data))
        return wrong, wrong * (1 - wrong)
    if loss != "squared":
        raise AssayError(
            f"TRAK knows log losses and squared error, and the loss of {type(source).__name__} is {loss!r}; "
            "take Influence or TracIn, which take any."
        )
    slopes = gradients.rows(data)
    both, lengths, squares = slopes.rowdot(margins), margins.rowdot(margins), slopes.rowdot(slopes)
    if (squares * lengths - both**2 > 1e-4 * squares * lengths).any():
        raise AssayError(
            "TRAK needs a loss that falls with one number a row, and the squared error of several outputs "
            "does not; take Influence, or a model of one output."
        )
    return -both / np.maximum(lengths, np.finfo(float).tiny), np.full(len(both), 2.0)
