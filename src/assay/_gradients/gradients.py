"""What every source of gradients can do, whatever the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Floats
from .features import Features
from .moments import Moments

Of = Literal["loss", "margin", "probability"]
Curvature = Literal["gauss_newton", "hessian"]


class Gradients(ABC):
    """Abstract: the gradients, by its parameters, of one trained model for single rows.

    `penalty` and all curvatures belong to the *sum* of the losses of the rows, not to their mean.
    """

    linear: ClassVar[bool] = False  # outputs are linear in the parameters
    classes: Any = None  # sorted, where labels are classes

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A name of the model and its loss: equal names mean equal gradients."""

    @property
    def checkpoints(self) -> Iterator[Gradients]:
        """The gradients at each kept moment of the training; those of the trained model alone by default."""
        yield self

    @property
    def rates(self) -> Floats:
        """The learning rate of each checkpoint."""
        return np.ones(1)

    @property
    @abstractmethod
    def widths(self) -> Sequence[int]:
        """Parameters of each layer of `rows`."""

    @property
    def penalty(self) -> Floats:
        """What the regulariser adds to the diagonal of the curvature, (p,)."""
        return np.zeros(sum(self.widths))

    @property
    def idle(self) -> Floats:
        """Directions (k, p), of length 1 and orthogonal, that change neither outputs nor penalty."""
        return np.zeros((0, sum(self.widths)))

    @abstractmethod
    def rows(self, data: Any, *, of: Of = "loss") -> Features:
        """The gradient of each row's loss, of its margin or of its probability of the last class.

        The margin is log(p / (1 - p)) of the label's probability p; for numbers, the prediction.
        """

    @abstractmethod
    def losses(self, data: Any) -> Floats:
        """The loss of each row, (n,)."""

    def probabilities(self, data: Any) -> Floats:
        """The probability of the last class of each row, (n,); for numbers, the prediction.

        Raises
        ------
        AssayError
            If this source does not know them.
        """
        raise AssayError(
            f"{type(self).__name__} has no probabilities, which this target compares; take another target."
        )

    @abstractmethod
    def roots(self, data: Any) -> list[Features]:
        """Gradients of C functions of each row whose squares sum to the Gauss-Newton matrix of its loss."""

    @abstractmethod
    def product(self, data: Any, vectors: Floats, curvature: Curvature = "gauss_newton") -> Floats:
        """The curvature of the summed loss, without the penalty, times vectors (q, p): (q, p)."""

    @abstractmethod
    def along(self, data: Any, vector: Floats) -> Floats:
        """The product of each row's loss gradient with one vector (p,), (n,): no gradient is kept."""

    @abstractmethod
    def attacked(self, data: Any) -> Any:
        """The rows moved as far across the decision boundary as an attacker would, labels kept."""

    @abstractmethod
    def flops(self, data: Any) -> int:
        """Operations on floats of `rows`."""

    def moments(self, data: Any) -> Moments | None:
        """What Adam remembered here, in the layout of `rows(data)`; None where it is not known."""
        del data
        return None

    def weights(self, data: Any) -> Floats:
        """How often each training row counts, (n,): class weights."""
        return np.ones(len(data))


def fingerprint(told: str, parameters: Mapping[str, NDArray[Any]]) -> str:
    """A digest of parameters by name and of what else decides gradients."""
    digest = blake2b(told.encode(), digest_size=16)
    for name, array in parameters.items():
        digest.update(
            f"{name} {array.dtype.str} {array.shape} ".encode() + np.ascontiguousarray(array).tobytes()
        )
    return digest.hexdigest()
