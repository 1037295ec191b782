"""What collecting gradients would cost, before it is done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import AssayError
from .._problem import Data
from .gradients import Gradients

PILOT = 256  # rows, a batch


@dataclass(frozen=True)
class FeatureForecast:
    """What the gradients of rows are expected to cost, for all checkpoints.

    Parameters
    ----------
    rows : int
        Rows.
    parameters : int
        Numbers of one gradient.
    bytes : int
        Kept as features, in memory or on disk.
    dense_bytes : int
        Were gradients multiplied out.
    flops : int
        Operations on floats.
    seconds : float
        On this machine, now.
    """

    rows: int
    parameters: int
    bytes: int
    dense_bytes: int
    flops: int
    seconds: float

    def __str__(self) -> str:
        kept, dense = (f"{size / 2**20:,.1f} MiB" for size in (self.bytes, self.dense_bytes))
        return (
            f"Gradients of {self.rows:,} rows by {self.parameters:,} parameters: about {kept} as features "
            f"({dense} multiplied out), "
            f"{self.flops / 1e9:,.1f} GFLOP, {self.seconds:.2g} s."
        )


def plan_features(gradients: Gradients, data: Any) -> FeatureForecast:
    """What `gradients.rows(data)` would cost, from the first 256 rows.

    Parameters
    ----------
    gradients : Gradients
    data : Data | tuple of arrays (inputs, targets)

    Returns
    -------
    FeatureForecast
        It prints as a sentence.

    Raises
    ------
    AssayError
        If `data` is of another type.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, LinearGradients, plan_features
    >>> model = LinearGradients(np.ones((1, 11)), "squared", np.zeros(11))
    >>> plan_features(model, Data(np.ones((1000, 10)), np.ones(1000))).bytes
    96000
    """
    if not isinstance(gradients, Gradients):
        raise AssayError(
            f"plan_features.gradients is {gradients!r}; pass assay.TorchGradients(module), for example."
        )
    rows = len(data) if isinstance(data, Data) else len(data[1]) if isinstance(data, tuple) else 0
    if not rows:
        raise AssayError(f"plan_features takes assay.Data or (inputs, targets), not {type(data).__name__}.")
    few = min(PILOT, rows)
    pilot = data.take(np.arange(few)) if isinstance(data, Data) else tuple(side[:few] for side in data)
    gradients.rows(pilot)  # what is prepared once is not of the cost a row
    start = time.perf_counter()
    features = gradients.rows(pilot)
    seconds = time.perf_counter() - start
    times = rows / few * len(gradients.rates)
    itemsize = features.take(slice(0, 1)).dense().itemsize
    return FeatureForecast(
        rows,
        features.width,
        round(features.nbytes * times),
        round(features.width * itemsize * few * times),
        round(gradients.flops(pilot) * times),
        seconds * times,
    )
