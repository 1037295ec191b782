"""Incremental: k-NN Shapley values of a table whose rows come, change and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._parallel import each
from ..._problem import Data, Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ._labels import check_k
from ._ranking import rankings
from ._space import Metric, Space, check_metric
from .knn_shapley import ShapleyRule

KINDS = {"euclidean": 0, "cosine": 1, "manhattan": 2}
JUDGES = 64  # of a task
SMALLEST = 64  # rows of a block at most
FULL = 0.75  # of a block at first
MOST_BYTES = 2**33


class LiveKNNShapley:
    """`KNNShapley` of a table that changes: rows are appended, edited and deleted without a new sort.

    Each validation row keeps the order of all rows, in blocks of about the root of n: 6 bytes for each of the
    n x m pairs, and no more than 8 GiB. To make one costs what `KNNShapley` does. After that, with m
    validation rows and d columns, `append`, `edit` and `delete` cost O(m (d log n + root of n)) for each row,
    and so do `value_of` and `what_if`, whose sums over all farther rows come from moments of the blocks,
    exact to 1e-12. `values` costs O(m n), without distances or sorting.

    For classes, one label a row. Values are those of `KNNShapley` on the table as it is: appended rows come
    last among rows that are equally far, an edited row keeps its place, a deleted one leaves the order of the
    others. Keys name rows, since positions shift.

    Parameters
    ----------
    problem : Problem
        The rows to begin with, and the rows that judge. Sparse rows are made dense.
    k : int
        Neighbours, at least 1.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means.
    n_jobs : int | None
        Threads, as in joblib.

    Raises
    ------
    AssayError
        If labels or judges are missing, labels are numbers or several, or there are too many pairs.

    Notes
    -----
    Source: the recurrence of Jia et al. (2019), Theorem 1, as a sum over ranks; its maintenance is our own.

    Examples
    --------
    >>> from assay import Data, LiveKNNShapley, Problem
    >>> train = Data([[0.0], [1.0], [2.0]], ["b", "b", "a"], ids=["r1", "r2", "r3"])
    >>> live = LiveKNNShapley(Problem(train, Data([[0.1]], ["a"])), k=1)
    >>> live.value_of("r1"), live.what_if("r1", y="a")  # would this repair raise the row's value?
    (-0.16666666666666666, 0.8333333333333334)
    >>> live.edit("r1", y="a")
    >>> live.values().values.round(3).tolist()
    [0.833, -0.167, 0.333]
    """

    def __init__(
        self, problem: Problem, k: int = 5, metric: Metric = "euclidean", n_jobs: int | None = None
    ) -> None:
        check_k("LiveKNNShapley", k)
        check_metric("LiveKNNShapley", metric)
        _check(problem)
        valid = problem.valid
        assert valid is not None
        self.k, self.n_jobs = int(k), n_jobs
        self.metric: Metric = metric
        train = Data(problem.train.dense, problem.train.y, ids=problem.train.ids)
        self._valid = valid = Data(valid.dense, valid.y)
        self._codes: dict[Any, int] = {}
        self._kind, n = KINDS[metric], len(train)
        self._given, self._X = train.dense.copy(), self._placed(train.dense)
        self._y, self._labels = self._coded(train.y), self._coded(valid.y)
        self._points = self._placed(valid.dense)
        self._slots = {key: slot for slot, key in enumerate(train.ids.tolist())}  # in row order
        self._size = _block_size(n)
        blocks = ceil(n / int(FULL * self._size)) + 2
        m = len(valid)
        self._rows = np.zeros((m, blocks, self._size), np.int32)
        self._count, self._used = np.zeros((m, blocks), np.int64), np.zeros(m, np.int64)
        self._moments = np.zeros((m, blocks, 12))
        self._sort(Problem(train, valid, problem.model, problem.score))

    def _sort(self, problem: Problem) -> None:
        """Fill the blocks from the rankings of `KNNShapley`."""
        from ._live import remake_all

        assert problem.valid is not None
        space, rule = Space.of(problem.train, problem.valid, self.metric), ShapleyRule.of(problem, self.k)
        full = int(FULL * self._size)

        def fill(start: int, stop: int) -> None:
            for ranking in rankings(space, rule, start, stop):
                order, judge = ranking.order(), ranking.judge
                used = self._used[judge] = ceil(len(order) / full)
                for block in range(used):
                    part = order[block * full : (block + 1) * full]
                    self._rows[judge, block, : len(part)] = part
                    self._count[judge, block] = len(part)

        self._each(fill)
        self._each(remake_all, *self._order, self._y, self._labels)

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self._slots)

    @property
    def data(self) -> Data:
        """The rows as they are now."""
        at = np.fromiter(self._slots.values(), np.int64, self.n)
        labels = list(self._codes)
        y = np.array([labels[code] for code in self._y[at]])
        return Data(self._given[at], y, ids=np.array(list(self._slots)))

    def append(self, X: Any, y: Any, ids: Sequence[Any] | NDArray[Any] | None = None) -> None:
        """Add rows at the end.

        Parameters
        ----------
        X, y : array-like of shape (r, d), (r,)
            Their features and labels.
        ids : array-like of shape (r,), optional
            Their keys, none of them in use; the next whole numbers if not given.
        """
        from ._live import insert

        new = self._checked(X, y, self._next(len(X)) if ids is None else ids)
        if isinstance(new.ids[0].item(), str) != isinstance(next(iter(self._slots)), str):
            raise AssayError("LiveKNNShapley has ids of another type; name appended rows as the others are.")
        twice = [key for key in new.ids.tolist() if key in self._slots]
        if twice:
            raise AssayError(f"LiveKNNShapley has a row {twice[0]!r} already; append rows under new ids.")
        first = self._room(new)
        for slot, key in enumerate(new.ids.tolist(), first):
            self._slots[key] = slot
            self._spare_blocks()
            self._each(insert, slot, *self._state)

    def edit(self, key: Any, x: Any = None, y: Any = None) -> None:
        """Give the row `key` other features `x` (d,), another label `y`, or both."""
        from ._live import insert, remove

        slot, (row, label) = self._slot(key), self._changed(key, x, y)
        self._each(remove, slot, *self._state)
        self._given[slot] = row.X[0]
        self._X[slot], self._y[slot] = self._placed(row.dense)[0], label
        self._spare_blocks()
        self._each(insert, slot, *self._state)

    def delete(self, key: Any) -> None:
        """Take the row `key` out."""
        from ._live import remove

        slot = self._slot(key)
        if self.n == 1:
            raise AssayError(f"Row {key!r} is the last one of LiveKNNShapley; append others before it goes.")
        self._each(remove, slot, *self._state)
        del self._slots[key]  # its place in X stays empty: later rows keep their numbers, and so their order

    def value_of(self, key: Any) -> float:
        """What the row `key` is worth now."""
        return self.what_if(key)

    def what_if(self, key: Any, x: Any = None, y: Any = None) -> float:
        """What the row `key` would be worth with features `x` (d,), label `y`, or both; changes nothing."""
        from ._live import worths

        slot, (row, label) = self._slot(key), self._changed(key, x, y)
        out = np.empty(len(self._points))
        self._each(worths, self._placed(row.dense)[0], label, slot, True, self.k, *self._state, out)
        return float(out.mean())

    def values(self) -> Valuation:
        """The values of all rows, in row order; equal to those of `KNNShapley` on `data`."""
        from ._live import add_values

        total = np.zeros(len(self._X))

        def part(start: int, stop: int) -> Floats:
            out = np.zeros(len(self._X))
            add_values(start, stop, self.k, self.n, *self._order[:3], self._y, self._labels, out)
            return out

        for found in each(part, self._spans(), self.n_jobs, threads=True):  # in their order
            total += found
        at = np.fromiter(self._slots.values(), np.int64, self.n)
        method = f"LiveKNNShapley(k={self.k})"
        ids = np.array(list(self._slots))
        return Valuation(total[at] / len(self._points), ids=ids, status=Status.exact, method=method)

    @property
    def _order(self) -> tuple[NDArray[Any], ...]:
        return self._rows, self._count, self._used, self._moments

    @property
    def _state(self) -> tuple[Any, ...]:
        return *self._order, self._X, self._y, self._points, self._labels, self._kind

    def _spans(self) -> list[tuple[int, int]]:
        judges = len(self._points)
        return [(start, min(start + JUDGES, judges)) for start in range(0, judges, JUDGES)]

    def _each(self, kernel: Callable[..., Any], *rest: Any) -> None:
        """Run a kernel for all judges."""
        for _ in each(kernel, ((*span, *rest) for span in self._spans()), self.n_jobs, threads=True):
            pass

    def _placed(self, X: Floats) -> Floats:
        """Rows as distances take them: of length 1 for cosine, as `Space` has them."""
        data = Data(X)
        if self.metric == "cosine":
            return np.array(Space.of(data, data, "cosine").given[0])
        return np.array(data.dense)

    def _coded(self, labels: NDArray[Any]) -> NDArray[np.int32]:
        """Labels as numbers; a class that was not met before gets the next."""
        codes = (self._codes.setdefault(label, len(self._codes)) for label in labels.tolist())
        return np.fromiter(codes, np.int32, len(labels))

    def _slot(self, key: Any) -> int:
        key = key.item() if isinstance(key, np.generic) else key
        if key not in self._slots:
            raise AssayError(f"LiveKNNShapley has no row {key!r}; rows go by the ids of Problem.train.")
        return self._slots[key]

    def _changed(self, key: Any, x: Any, y: Any) -> tuple[Data, int]:
        """The row with what is given put in, and the code of its label."""
        slot = self._slot(key)
        features = self._given[slot] if x is None else x
        given = list(self._codes)[self._y[slot]] if y is None else y
        row = self._checked([features], [given], None)
        return row, int(self._coded(row.y)[0])

    def _checked(self, X: Any, y: Any, ids: Any) -> Data:
        """New rows, with the columns and the kind of labels of the judges."""
        if y is None:
            raise AssayError("LiveKNNShapley needs a label for every row; pass y.")
        new = Data(X, y, ids=ids)
        return Problem(Data(new.dense, new.y, ids=new.ids), self._valid).train

    def _next(self, rows: int) -> NDArray[np.int64]:
        if not all(isinstance(key, int) for key in self._slots):
            raise AssayError("LiveKNNShapley has rows that go by text; pass ids for the appended ones.")
        return max(self._slots) + 1 + np.arange(rows)

    def _room(self, new: Data) -> int:
        """Put new rows behind the others; the slot of the first."""
        first = len(self._X)
        self._given = np.vstack([self._given, new.X])
        self._X = np.vstack([self._X, self._placed(new.dense)])
        self._y = np.concatenate([self._y, self._coded(new.y)])
        return first

    def _spare_blocks(self) -> None:
        """Make sure that each judge has a block to spare."""
        have = self._count.shape[1]
        if self._used.max() + 1 < have:
            return
        more = have // 4 + 2
        for name in ("_rows", "_count", "_moments"):
            old = getattr(self, name)
            wide = np.zeros((len(old), have + more, *old.shape[2:]), old.dtype)
            wide[:, :have] = old
            setattr(self, name, wide)


def _block_size(n: int) -> int:
    """Rows of a block at most: short beside n, and few blocks."""
    return max(SMALLEST, 1 << ceil(np.log2(2 * sqrt(n))))


def _check(problem: Any) -> None:
    if not isinstance(problem, Problem):
        raise AssayError(f"LiveKNNShapley takes an assay.Problem, not {type(problem).__name__}.")
    train, valid = problem.train, problem.valid
    if train.y is None or valid is None or valid.y is None:
        raise AssayError("LiveKNNShapley needs labels and validation rows; pass assay.Problem(train, valid).")
    if train.y.ndim > 1 or problem.target_kind == "number":
        raise AssayError("LiveKNNShapley takes classes, one label a row; use KNNShapley for others.")
    size = int(4 / FULL * len(train) * len(valid))
    if size > MOST_BYTES:
        raise AssayError(
            f"LiveKNNShapley would keep {len(train):,} x {len(valid):,} places, {size / 2**30:.0f} GiB; "
            f"let at most {len(valid) * MOST_BYTES // size:,} validation rows judge."
        )
