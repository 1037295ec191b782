"""Wrong labels by the area under the margin, judged by threshold samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import check_seed
from ..._problem import Data, Problem, is_torch
from ..._trace.source import traces_of
from ..._trace.trace import Trace
from ..._types import Floats
from ..._valuer import same_bits
from .threshold import PERCENTILE, areas, aum_cut, check_percentile, threshold_labels

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True, eq=False)
class AUMErrors:
    """Which rows are taken for wrong; by `aum_errors` and `aum_errors_of`.

    Parameters
    ----------
    ids : array of shape (n,)
        The keys of the rows.
    aum : array of shape (n,)
        The area under the margin, in logits: the mean over the runs in which the row kept its label.
    ahead : array of shape (n,)
        How far the area is above the cut of its run, the mean over the same runs.
    flagged : array of shape (n,), bool
        Whether it is below.
    cuts : tuple of float
        The cut of each run.
    """

    ids: NDArray[Any]
    aum: Floats
    ahead: Floats
    flagged: NDArray[np.bool_]
    cuts: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """A frame of `aum`, `ahead` and `flagged`, indexed by `id`."""
        import pandas as pd

        index = pd.Index(self.ids, name="id")
        return pd.DataFrame({name: getattr(self, name) for name in ("aum", "ahead", "flagged")}, index=index)


def aum_errors(train: Any, data: Data, *, seed: int = 0, percentile: float = PERCENTILE) -> AUMErrors:
    """Rows whose label is wrong, by two trainings that each set their own cut.

    In each training some rows are given to an additional class, other rows in each; the percentile of their
    areas under the margin is the cut. A row is judged by the trainings in which it kept its label.

    Parameters
    ----------
    train : estimator | callable
        An estimator whose training can be followed, or a function that takes `Data`, trains a new network on
        its labels (one class more than those of `data`) and returns the `Trace`.
    data : Data
        Rows with labels that are classes.
    seed : int
        Draws the threshold samples, and seeds an estimator that leaves its seed open.
    percentile : float
        Of the threshold samples' areas, 0..100: the lower, the fewer rows are flagged.

    Raises
    ------
    AssayError
        If labels are no classes, a training cannot be followed, or its trace lacks rows.

    Notes
    -----
    Two trainings. Source: Pleiss et al. (2020), "Identifying Mislabeled Data using the Area Under the Margin
    Ranking"; rows that were threshold samples in neither training are judged by the mean of both.
    """
    check_seed(seed)
    check_percentile(percentile)
    if not isinstance(data, Data) or data.y is None:
        raise AssayError("aum_errors needs labelled rows; pass assay.Data(X, y).")
    if Problem(data).target_kind == "number":
        raise AssayError("aum_errors is for classes, and labels are numbers.")
    estimator = callable(getattr(train, "fit", None))
    if is_torch(train):
        raise AssayError(
            "train is a torch module; pass a function that trains one, with an output more, on the Data it "
            "gets, and returns its assay.Trace: lambda data: assay.follow(module, data)."
        )
    if isinstance(train, type) or not (estimator or callable(train)):
        raise AssayError(f"train is {train!r}; pass an estimator, or a function from Data to an assay.Trace.")
    traces, masks, taken = [], [], np.zeros(len(data), bool)
    for number in range(2):
        labels, mask = threshold_labels(data.y, seed=2 * seed + number, without=taken)
        turned = Data(data.X, labels, ids=data.ids, groups=data.groups)
        trace = _followed(train, turned, seed, number) if estimator else train(turned)
        if not isinstance(trace, Trace):
            raise AssayError(f"train gave a {type(trace).__name__}; it needs to return an assay.Trace.")
        traces.append(trace.aligned(data.ids))
        masks.append(mask)
        taken = taken | mask
    return aum_errors_of(traces, masks, percentile=percentile)


def _followed(model: Any, data: Data, seed: int, number: int) -> Trace:
    with same_bits(None):
        rng = np.random.default_rng([seed, number])
        return traces_of(Problem(data, model=model), "aum_errors", rng)[0]


def aum_errors_of(
    traces: Sequence[Trace], masks: Sequence[Any], *, percentile: float = PERCENTILE
) -> AUMErrors:
    """The same by traces of trainings that you ran yourself, on labels of `threshold_labels`.

    Parameters
    ----------
    traces : sequence of Trace
        Of the same rows, in the same order; two are enough.
    masks : sequence of arrays of shape (n,), bool
        The threshold samples of each; no row may be one in all of them.
    percentile : float
        See `aum_errors`.

    Raises
    ------
    AssayError
        If traces are of other rows, or a row was a threshold sample in every training.

    Examples
    --------
    >>> margins = np.array([[-2.0, 4.0, -3.0, 5.0], [3.0, -1.0, -2.0, 6.0]])  # of one epoch each
    >>> p = 1 / (1 + np.exp(-margins))
    >>> traces = [Trace(np.arange(4), -np.log(q), m, q, 1 - q) for m, q in zip(margins[:, None], p[:, None])]
    >>> first, second = [True, False, False, False], [False, True, False, False]
    >>> aum_errors_of(traces, [first, second]).flagged
    array([False, False,  True, False])
    """
    if not traces or len(traces) != len(masks) or not all(isinstance(trace, Trace) for trace in traces):
        raise AssayError("aum_errors_of takes traces, and a mask of threshold samples for each of them.")
    ids = traces[0].ids
    if any(not np.array_equal(trace.ids, ids) for trace in traces):
        raise AssayError(
            "The traces are of other rows, or in another order; pass trace.aligned(ids) of each."
        )
    cuts = tuple(
        aum_cut(trace, mask, percentile=percentile) for trace, mask in zip(traces, masks, strict=True)
    )
    kept = ~np.stack([np.asarray(mask) for mask in masks])
    if not kept.any(axis=0).all():
        raise AssayError(
            f"{(~kept.any(axis=0)).sum()} row(s) were a threshold sample in every training, and none judges "
            "them; draw disjoint samples: threshold_labels(y, seed=1, without=mask)."
        )
    found = np.stack([areas(trace) for trace in traces])
    count = kept.sum(axis=0)
    aum = np.where(kept, found, 0).sum(axis=0) / count
    ahead = np.where(kept, found - np.array(cuts)[:, None], 0).sum(axis=0) / count
    return AUMErrors(ids, aum, ahead, ahead < 0, cuts)
