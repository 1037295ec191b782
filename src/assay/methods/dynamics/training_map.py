"""The map of a dataset by how training went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import check_seed
from ..._problem import Problem
from ..._trace.trace import Trace
from ..._types import Floats
from ..._valuer import same_bits
from ._runs import Runs, mean_seen, right, spread_seen

if TYPE_CHECKING:
    import altair
    import pandas as pd


@final
@dataclass(frozen=True, eq=False)
class TrainingMap:
    """Where each row lies on the map of a training; by `training_map`.

    Parameters
    ----------
    ids : array of shape (n,)
        The keys of the rows.
    confidence : array of shape (n,)
        The mean over the epochs of the probability of the row's label, 0..1.
    variability : array of shape (n,)
        The standard deviation of the same, 0..0.5.
    correctness : array of shape (n,)
        The share of the epochs in which the row was predicted right, 0..1.
    """

    ids: NDArray[Any]
    confidence: Floats
    variability: Floats
    correctness: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def region(self) -> NDArray[np.str_]:
        """Of each row: "ambiguous", "easy" or "hard".

        The third of the rows of the largest variability is ambiguous. Of the others, those in the upper half
        of the confidence of all rows are easy, those in the lower half hard. So a row that is in the paper's
        third of the most variable and also in its third of the most, or least, confident is ambiguous; and
        one that is in none of its thirds goes with the nearer. Rows that tie at a border share a region:
        they are not ambiguous, and not easy.
        """
        ambiguous = self.variability > np.quantile(self.variability, 2 / 3)
        easy = self.confidence > np.median(self.confidence)
        return np.where(ambiguous, "ambiguous", np.where(easy, "easy", "hard"))

    def to_frame(self) -> pd.DataFrame:
        """A frame of `confidence`, `variability`, `correctness` and `region`, indexed by `id`."""
        import pandas as pd

        names = ("confidence", "variability", "correctness", "region")
        return pd.DataFrame({name: getattr(self, name) for name in names}, pd.Index(self.ids, name="id"))

    def plot(self) -> altair.HConcatChart:
        """The map as an interactive altair chart: pointing at a row tells its id, dragging lists rows.

        Above 5,000 rows it draws 5,000 at random, always the same, and says so; `to_frame` has all of them.
        """
        from ._map_chart import chart

        return chart(self)

    def save(self, path: str | Path) -> None:
        """Write the plot as one HTML file (1 MB and more) that opens without a network.

        Raises
        ------
        AssayError
            If the file cannot be written.
        """
        from ._map_chart import page

        try:
            Path(path).write_text(page(self), encoding="utf-8")
        except OSError as error:
            raise AssayError(f"The map cannot be written to {str(path)!r}: {error}.") from error


def training_map(source: Problem | Trace | Sequence[Trace], *, seed: int = 0) -> TrainingMap:
    """How sure a training was of each row's label, how much that changed, and how often it was right.

    Rows of high confidence are easy; rows of low confidence and low variability are hard, and among them are
    the wrong labels; rows of high variability are ambiguous. Epochs in which a row was not seen do not count;
    several traces are averaged.

    Parameters
    ----------
    source : Problem | Trace | sequence of Trace
        One or several recorded trainings, or a problem with such traces or with a model to follow.
    seed : int
        Of the training, where a model is followed.

    Raises
    ------
    AssayError
        If labels are numbers, traces are of other rows, or a row was never seen.

    Notes
    -----
    Source: Swayamdipta et al. (2020), "Dataset Cartography: Mapping and Diagnosing Datasets with Training
    Dynamics". There the three regions are thirds of the table that may overlap; see `TrainingMap.region`.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Trace, training_map
    >>> p = np.array([[0.8, 0.1, 0.1], [0.9, 0.1, 0.9]])  # of two epochs and three rows
    >>> trace = Trace(np.arange(3), -np.log(p), np.log(p / (1 - p)), p, np.sqrt(2) * (1 - p))
    >>> drawn = training_map(trace)
    >>> drawn.region
    array(['easy', 'hard', 'ambiguous'], dtype='<U9')
    >>> drawn.to_frame().loc[2, ["confidence", "variability", "correctness"]].tolist()
    [0.5, 0.4, 0.5]
    """
    check_seed(seed)
    runs = _runs(source, seed)
    return TrainingMap(
        runs.traces[0].ids,
        runs.mean("probabilities", mean_seen),
        runs.mean("probabilities", spread_seen),
        runs.mean("margins", lambda part: mean_seen(right(part))),
    )


def _runs(source: Any, seed: int) -> Runs:
    if isinstance(source, Problem):
        with same_bits(None):
            return Runs.of("training_map", source, np.random.default_rng(seed))
    traces = [source] if isinstance(source, Trace) else source
    if not isinstance(traces, (list, tuple)) or not traces or not all(isinstance(t, Trace) for t in traces):
        raise AssayError(
            f"training_map takes a trace, a list of them, or a problem, not {type(source).__name__}; pass an "
            "assay.Trace."
        )
    if any(np.isnan(trace.margins).all() and not np.isnan(trace.losses).all() for trace in traces):
        raise AssayError("training_map is for classes, and a trace is of numbers, which have no margins.")
    return Runs("training_map", [trace.aligned(traces[0].ids) for trace in traces])
