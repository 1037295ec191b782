"""Stream: rows of a table on disk, valued in blocks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any, final

import cloudpickle
import numpy as np

from .._errors import AssayError
from .._parallel import each, workers
from .._problem import Data
from .._shared import Shared, abroad
from .._types import Floats, Positions
from ..methods.neighbors._labels import Labels
from ..methods.neighbors.approximate_knn_shapley import ApproximateKNNShapley
from ..methods.neighbors.knn_shapley import KNNShapley, ShapleyRule
from ._bar import bar
from ._exact import GROUP, Exact, groups
from ._features import Features
from ._forecast import StreamForecast, forecast, needed
from ._labels import judges_labels, labels_of
from ._measure import Measure
from ._near import Near
from ._output import checked, write
from ._rows import Rows
from ._saved import Saved
from ._spill import most_judges

Method = KNNShapley | ApproximateKNNShapley
MEMORY = 3 * 2**29  # bytes


@final
@dataclass(frozen=True)
class Streamed:
    """What a streamed run came to.

    Parameters
    ----------
    path : Path
        The Parquet file with `id` and `value`, in row order.
    method : str
    rows, judges : int
    seconds : float
        Time of this call; less where it carried on from one that was interrupted.
    passes : int
        How often the rows were read in full.
    """

    path: Path
    method: str
    rows: int
    judges: int
    seconds: float
    passes: int

    @property
    def values(self) -> Floats:
        """What each row is worth (rows,), read from the file."""
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.path).read(["value"]).column(0).to_numpy()

    def lowest(self, k: int) -> Positions:
        """Positions of the `k` lowest values, lowest first; ties in row order."""
        return np.argsort(self.values, kind="stable")[: max(k, 0)]


@final
@dataclass(frozen=True, eq=False)
class Stream:
    """Rows of a table on disk that need not fit into memory, and the rows that judge them.

    Parameters
    ----------
    source : str | Path
        A Parquet file, a folder of them or a pattern such as "part-*.parquet", in the order of their names; a
        .duckdb file, or "duckdb:///absolute/path?table=name", in the order in which the database holds them.
    valid : Data | str | Path
        The rows that judge, which fit into memory: features in the order of `features` (encoded, if there is
        an encoder), or a table with the same columns.
    target : str
        The column of labels: text, booleans or whole numbers for classes, else numbers; none missing.
    features : list of str, optional
        Columns of numbers or booleans, none missing; every column but `target` and `key` if not given.
    key : str, optional
        The column that names a row in what is written; its place from 0 if not given. Whether keys differ is
        not checked.
    table : str, optional
        Which table of a database.
    encoder : object with `transform(frame)`, optional
        A fitted `assay.tables.Encoder`, asked block by block; `features` may then hold anything.
    numbers : bool, optional
        Whether labels are numbers; if not given, they are where any is a fraction.

    Raises
    ------
    AssayError
        If the table is not there, has no such columns, or does not fit `valid`.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> from assay import Data, KNNShapley, Stream
    >>> folder = Path(tempfile.mkdtemp())
    >>> pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": ["a", "b", "b"]}).to_parquet(folder / "rows.parquet")
    >>> stream = Stream(folder / "rows.parquet", Data([[0.1]], ["a"]), target="y")
    >>> stream.value(folder / "values.parquet", KNNShapley(k=1)).values
    array([1., 0., 0.])
    """

    source: str | Path
    valid: Data | str | Path
    _: KW_ONLY
    target: str
    features: Sequence[str] | None = None
    key: str | None = None
    table: str | None = None
    encoder: Any = None
    numbers: bool | None = None

    def __post_init__(self) -> None:
        columns, judges = self._columns, self._judges
        if self.encoder is None and judges.X.shape[1] != len(columns.names):
            raise AssayError(
                f"Stream.valid has {judges.X.shape[1]} features, but there are {len(columns.names)} columns "
                f"({', '.join(columns.names[:8])}...); give both the same, in one order."
            )

    def value(
        self,
        out: str | Path,
        method: Method | None = None,
        *,
        scratch: str | Path | None = None,
        memory: int = MEMORY,
        n_jobs: int | None = None,
        progress: bool = True,
    ) -> Streamed:
        """Write what each row is worth to `out`: the values of `assay.value`, from blocks.

        The same call after an interrupt, by whatever, carries on after the last 16 judges that were done, and
        ends with the same bits; until then it keeps `out` + ".partial", 8 bytes a row. Inside
        `assay.ray_backend()` every 16 judges are a task, which reads the table itself: `source` must be there
        on every node. A node that dies costs the time to do its tasks again.

        Parameters
        ----------
        out : str | Path
            A .parquet file, replaced when all is done: columns `id` and `value`, in row order.
        method : KNNShapley | ApproximateKNNShapley, optional
            `KNNShapley()` if not given; without `per_valid`. The approximate one keeps 16 bytes for each
            judge and near row and no scratch, and starts afresh after an interrupt; its tasks are stretches
            of rows.
        scratch : str | Path, optional
            A folder for 8 bytes a row and judge. Where the disk has less, judges come in several passes over
            the rows, 16 at least. The system's folder for such files if not given.
        memory : int
            Bytes to take beyond what the process has; fewer judges are under way at a time for less.
        n_jobs : int | None
            Threads, as in joblib.
        progress : bool
            Show a bar on stderr, if that is a terminal.

        Returns
        -------
        Streamed

        Raises
        ------
        AssayError
            If a value is missing, a method cannot be streamed, or memory or disk cannot do.
        """
        path, chosen = checked(out, self._rows), method or KNNShapley()
        start, judges, name = time.perf_counter(), len(self._judges), type(chosen).__name__
        with bar(name, self._rows.n, judges, progress) as tell:
            if isinstance(chosen, ApproximateKNNShapley) and (count := self._count(chosen)) < self._rows.n:
                total, passes = self._near(chosen, count, n_jobs).sums(tell), 1
                write(path, self._rows, self.key, total / judges)
            else:
                work = self.work(chosen, scratch, memory, n_jobs)
                saved = Saved(path.with_name(path.name + ".partial"), self._digest(chosen), self._rows.n)
                passes = (_abroad if abroad() else _here)(work, saved, judges, tell)
                write(path, self._rows, self.key, saved.total / judges)
                saved.remove()
        return Streamed(path, name, self._rows.n, judges, time.perf_counter() - start, passes)

    def plan(
        self,
        method: KNNShapley | None = None,
        *,
        scratch: str | Path | None = None,
        memory: int = MEMORY,
        n_jobs: int | None = None,
    ) -> StreamForecast:
        """What `value` would cost on this machine, from a pilot on the first blocks and a few judges.

        Parameters
        ----------
        method : KNNShapley, optional
        scratch, memory, n_jobs : see `value`

        Returns
        -------
        StreamForecast
            It prints as a sentence.
        """
        chosen = method or KNNShapley()
        if not isinstance(chosen, KNNShapley):
            raise AssayError(f"Stream.plan takes KNNShapley, not {chosen!r}, which is one pass and no more.")
        return forecast(type(chosen).__name__, self.work(chosen, scratch, memory, n_jobs))

    def work(self, method: Any, scratch: Any, memory: Any, n_jobs: int | None) -> Exact:
        """What has to be done, checked."""
        _check(method)
        if scratch is not None and not Path(scratch).is_dir():
            raise AssayError(f"scratch {str(scratch)!r} is no folder; make it first.")
        labels, n, k = self._labels, self._rows.n, int(method.k)
        jobs = 1 if abroad() else _jobs(memory, n, labels.numbers, n_jobs)
        rule = ShapleyRule(labels, k, 1.0 / np.maximum(np.arange(n + 1), k))
        folder = None if scratch is None else str(scratch)
        measure = Measure.of(method.metric, np.ascontiguousarray(self._judges.dense))
        return Exact(self._rows, self._columns, measure, rule, folder, jobs)

    def _count(self, method: ApproximateKNNShapley) -> int:
        """How many of the nearest rows of a judge share."""
        _check(method)
        labels, most = self._labels, 1.0
        if labels.numbers:
            most = 10.0 * max(np.abs(labels.train).max(), np.abs(labels.valid).max()) ** 2
        return ceil(min(max(method.k, most / method.epsilon), self._rows.n))

    def _near(self, method: ApproximateKNNShapley, count: int, n_jobs: int | None) -> Near:
        measure = Measure.of(method.metric, np.ascontiguousarray(self._judges.dense))
        jobs = 1 if abroad() else workers(n_jobs)
        return Near(self._rows, self._columns, measure, self._labels, int(method.k), count, jobs)

    @cached_property
    def _rows(self) -> Rows:
        rows = Rows.of(self.source, self.table)
        for name, column in (("target", self.target), ("key", self.key)):
            if column not in rows.schema.names and (name == "target" or column is not None):
                raise AssayError(f"Stream.{name} is {column!r}; the columns are {rows.schema.names}.")
        return rows

    @cached_property
    def _columns(self) -> Features:
        others = {self.target} | ({self.key} if self.key else set())
        return Features.of(self._rows, self.features, others, self.encoder)

    @cached_property
    def _judges(self) -> Data:
        if isinstance(self.valid, Data):
            if self.valid.y is None or self.valid.y.ndim > 1:
                raise AssayError("Stream.valid needs one label a row; pass assay.Data(X, y).")
            return self.valid
        rows = Rows.of(self.valid)
        for name in (*self._columns.names, self.target):
            if name not in rows.schema.names:
                raise AssayError(f"Stream.valid lacks the column {name!r}; it needs those of the rows.")
        columns = Features.of(rows, self._columns.names, set(), self.encoder)
        parts = [columns.columns(*block[::-1]).T for block in rows.blocks(columns.names, 2**16)]
        return Data(np.concatenate(parts), judges_labels(rows, self.target))

    @cached_property
    def _labels(self) -> Labels:
        return labels_of(self._rows, self.target, self._judges.y, self.numbers)

    def _digest(self, method: Method) -> str:
        """What the values depend on."""
        judges = self._judges
        facts = (
            *(
                self._rows.stamp,
                self._rows.table,
                self._rows.n,
                self._columns.names,
                self.target,
                self.numbers,
            ),
            *(type(method).__name__, sorted(method.get_params().items()), judges.y.tolist(), self.encoder),
        )
        return hashlib.sha256(cloudpickle.dumps(facts) + judges.dense.tobytes()).hexdigest()


def _check(method: Any) -> None:
    """Refuse what cannot be streamed."""
    known = isinstance(method, KNNShapley) or (
        isinstance(method, ApproximateKNNShapley) and method.index == "exact"
    )
    if not known or method.per_valid:
        raise AssayError(
            f"Stream takes KNNShapley, or ApproximateKNNShapley with index='exact', without per_valid, not "
            f"{method!r}; use assay.value."
        )
    method.__post_init__()  # `set_params` does not come by there


def _jobs(memory: Any, n: int, numbers: bool, n_jobs: int | None) -> int:
    """How many judges `memory` has room for at a time, and no more than there are workers."""
    if isinstance(memory, bool) or not isinstance(memory, int | np.integer) or memory < 1:
        raise AssayError(f"memory is {memory!r}; pass a number of bytes.")
    least, two = needed(n, 1, numbers), needed(n, 2, numbers)
    if memory < least:
        raise AssayError(f"memory is {memory:,} bytes, and {n:,} rows need {least:,}; pass memory={least}.")
    return min(1 + (int(memory) - least) // (two - least), workers(n_jobs))


def _here(work: Exact, saved: Saved, judges: int, tell: Any) -> int:
    """Do all judges that are left, in as few passes as the disk has room for; how many those were."""
    passes = 0
    while saved.done < judges:
        room = most_judges(work.rows.n, work.folder)
        if room < min(GROUP, judges - saved.done):
            needed = 8 * work.rows.n * min(GROUP, judges - saved.done)
            raise AssayError(
                f"The disk of scratch has less than {needed:,} bytes free; name another: scratch=."
            )
        stop = min(judges, saved.done + room // GROUP * GROUP) if room < judges - saved.done else judges
        work.run(saved.done, stop, saved.add, tell)
        passes += 1
    return passes


def _abroad(work: Exact, saved: Saved, judges: int, tell: Any) -> int:
    """Do each group of judges on some worker; their sums are added in their order."""
    left = list(groups(saved.done, judges))
    shared = Shared.of(work)
    for (_, done), part in zip(left, each(partial(_on_worker, shared.read), left), strict=True):
        saved.add(done, part)
        tell(0, GROUP)
    return len(left)


def _on_worker(read: Any, start: int, stop: int) -> Floats:
    return read()(start, stop)
