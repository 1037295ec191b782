"""Exact Shapley values of the rows within a threshold, and their private release."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._numbers import is_number
from ..._problem import Problem
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._labels import Labels
from ._ranking import in_blocks
from ._space import Metric, Space, check_metric
from ._threshold import Counts, Within, counted, usual


@final
@dataclass(eq=False, kw_only=True)
class ThresholdKNNShapley(Valuer):
    """Exact Shapley values of the rows within a threshold of a judge; O(m n d) time, and nothing is sorted.

    A coalition is worth the share of hits among its rows at a distance of at most `threshold`, and 1 / the
    number of classes where it has none there. For numbers: minus the squared difference between the label and
    the mean of those rows' labels; none predicts 0. The worth is averaged over the m validation rows (and
    over the labels, where rows have several). A row beyond the threshold is worth 0 to that judge.

    With `epsilon` and `delta`, values are released privately. The hits and the misses within the threshold,
    each judge's, get normal noise and are rounded; a row's value is made of its own features and label and of
    these counts less itself. Whatever the owners of all other rows learn from their values together is then
    (epsilon, delta)-differentially private for adding or removing one row: it moves one count of every judge
    and label by 1, so that the noise is that of the analytic Gaussian mechanism for a vector which moves by
    the root of judges times labels. A row's own value is for its owner's eyes only: it shows her row. Not
    private are the validation rows, the set of classes, and `threshold`, which hence has to be given and must
    not be chosen by looking at the training rows. Replacing a row by another is removing one and adding one,
    and further releases add up. Who knows the seed can take the noise off, and the default of 0 is public:
    give `value` a secret one, such as `seed=secrets.randbits(128)`.

    Parameters
    ----------
    threshold : float, optional
        The largest distance that counts, above 0; for cosine in 0..2. If not given, the median, over at most
        100 validation rows, of the distance to the tenth nearest row.
    metric : "euclidean" | "cosine" | "manhattan"
        What distance means. A row of zeros is at a right angle to every other.
    epsilon : float, optional
        The privacy of the release, above 0; smaller is more private. With `delta`.
    delta : float, optional
        The chance that privacy is lost, above 0 and well below 1 / n. With `epsilon`.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: Wang, Zhu, Wang, Jia and Mittal (2023), "Threshold KNN-Shapley: A Linear-Time and Privacy-Friendly
    Approach to Data Valuation"; the noise by Balle and Wang (2018), "Improving the Gaussian Mechanism for
    Differential Privacy". Rows beyond the threshold add nothing to any coalition, so that counts of those
    within suffice: two for each judge, not three.

    Examples
    --------
    >>> from assay import Data, Problem, ThresholdKNNShapley, value
    >>> train = Data([[0.0], [1.0], [9.0]], ["a", "b", "b"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), ThresholdKNNShapley(threshold=2.0)).values
    array([ 0.5, -0.5,  0. ])
    """

    threshold: float | None = None
    metric: Metric = "euclidean"
    epsilon: float | None = None
    delta: float | None = None
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_metric("ThresholdKNNShapley", self.metric)
        for name, most in (("threshold", math.inf), ("epsilon", math.inf), ("delta", 1.0)):
            _check_positive(name, getattr(self, name), most)
        if (self.epsilon is None) != (self.delta is None):
            raise AssayError("ThresholdKNNShapley has one of epsilon and delta; pass both, or neither.")
        if self.epsilon is not None and self.threshold is None:
            raise AssayError(
                "ThresholdKNNShapley.threshold is not given, and one found in the rows would not be private; "
                "pass a distance that was chosen without them."
            )

    @property
    def crossfits(self) -> bool:
        """Not where values are private: a row that judges others would show in their values."""
        return self.epsilon is None

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        space, labels = Space.of(problem.train, problem.valid, self.metric), Labels.of(problem)
        threshold = usual(space) if self.threshold is None else float(self.threshold)
        counts = None
        if self.epsilon is not None and self.delta is not None:
            counts = self._private_counts(Within(space, threshold), labels, rng)
        classes = problem.classes
        guess = 0.0 if classes is None else 1.0 / len(classes)
        block = Counts(Within(space, threshold), labels, guess, counts, self.per_valid)
        yield from in_blocks(block, problem.n, len(space.points), self.per_valid)

    def _private_counts(self, within: Within, labels: Labels, rng: np.random.Generator) -> Any:
        from ._gaussian import noise_multiplier

        assert self.epsilon is not None
        assert self.delta is not None
        if labels.numbers:
            raise AssayError(
                "ThresholdKNNShapley.epsilon is given, and the labels are numbers, which no noise hides "
                "without a bound on them; turn them into classes, or leave epsilon and delta out."
            )
        counts = counted(within, labels)
        moved = math.sqrt(counts.shape[0] * counts.shape[1])
        noise = moved * noise_multiplier(self.epsilon, self.delta) * rng.standard_normal(counts.shape)
        return np.maximum(np.round(counts + noise), 0.0)


def _check_positive(name: str, given: Any, most: float) -> None:
    if given is None:
        return
    if not is_number(given) or not 0 < given < most:
        bounds = "above 0" if most == math.inf else f"above 0 and below {most:g}"
        raise AssayError(f"ThresholdKNNShapley.{name} is {given!r}; it needs to be a number {bounds}.")
