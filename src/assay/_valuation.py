"""The answer: one value for each row, and how far to trust it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._errors import AssayError
from ._types import Floats, Positions

if TYPE_CHECKING:
    import altair
    import pandas as pd

BINS = 60


class Status(Enum):
    """Why a valuation ended; the text says what to do next."""

    exact = "Complete: no further evaluation would change these values."
    converged = "Every standard error is at most Stop.stderr; ask for a smaller one to go on."
    ranked = "The lowest rows are told apart; ask for more of them, or with more confidence, to go on."
    budget = "The budget ran out: raise Stop.evals or Stop.seconds for smaller standard errors."
    running = "Still running: this is an estimate on the way."


@dataclass(frozen=True, eq=False)
class Valuation:
    """One value for each training row, in row order; higher is better, in units of the score.

    Parameters
    ----------
    values : array of shape (n,)
        What each row is worth; finite.
    stderr : array of shape (n,), optional
        Standard errors of `values`; None where they are exact.
    per_valid : array of shape (n, m), optional
        What each row is worth to each validation row, where the method keeps it; its mean over the columns
        is `values`. After cross-fitting m = n, and nan where two rows share a fold.
    ids : array of shape (n,), optional
        The keys of the rows; 0..n-1 if not given.
    evals : int
        Evaluations that were paid for: refits, or bags.
    draws : int
        Independent draws behind the least-sampled `stderr`; 0 where values are exact.
    seconds : float
        Time taken.
    status : Status
        Why it ended.
    method : str
        The method, and whether it was cross-fitted.
    why : str
        Why this method, where it was chosen automatically; else what the method has to say of itself.
    next_evals : int
        The least that the next estimate would cost; 0 where that is as much as this one did.
    share : float, optional
        How much of the whole work is behind this estimate, in 0..1, where the method can tell.

    Raises
    ------
    AssayError
        If shapes do not fit each other, or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> valuation = Valuation(np.array([0.3, -0.1, 0.2]), ids=np.array(["a", "b", "c"]))
    >>> valuation.ids[valuation.lowest(2)].tolist()
    ['b', 'c']
    """

    values: Floats
    stderr: Floats | None = None
    per_valid: Floats | None = None
    ids: NDArray[Any] | None = None
    evals: int = 0
    draws: int = 0
    seconds: float = 0.0
    status: Status = Status.running
    method: str = ""
    why: str = ""
    next_evals: int = 0
    share: float | None = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, float)
        if values.ndim != 1 or not np.isfinite(values).all():
            raise AssayError(f"Valuation.values (shape {values.shape}) need to be finite, one for each row.")
        object.__setattr__(self, "values", values)
        if self.ids is None:
            object.__setattr__(self, "ids", np.arange(len(values)))
        for name in ("stderr", "per_valid", "ids"):
            part = getattr(self, name)
            if part is not None and len(part) != len(values):
                raise AssayError(
                    f"Valuation.{name} has {len(part)} rows, but there are {len(values)} values."
                )
        if self.stderr is not None and not (np.isfinite(self.stderr) & (self.stderr >= 0)).all():
            raise AssayError("Valuation.stderr needs to be finite and at least 0 for every row.")

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        span = f"{self.values.min():.4g} .. {self.values.max():.4g}" if len(self) else "none"
        return f"Valuation({self.method or 'unnamed'}: {len(self)} values {span}; {self.status.value})"

    def ranking(self) -> Positions:
        """Positions of all rows, lowest value first; ties in row order."""
        return np.argsort(self.values, kind="stable")

    def lowest(self, k: int) -> Positions:
        """Positions of the `k` lowest values, lowest first; ties in row order."""
        return self.ranking()[: max(k, 0)]

    def highest(self, k: int) -> Positions:
        """Positions of the `k` highest values, highest first; ties in row order."""
        return np.argsort(-self.values, kind="stable")[: max(k, 0)]

    def scores01(self) -> Floats:
        """Values as shares in 0..1, low is bad: the share of rows worth less, ties counted half.

        `(rows worth less + half of the rows worth the same, itself included) / n`: in the order of `values`,
        the same for every unit and unmoved by outliers, so that methods can be compared.
        """
        ordered = np.sort(self.values)
        below = np.searchsorted(ordered, self.values, side="left")
        upto = np.searchsorted(ordered, self.values, side="right")
        return (below + upto) / (2 * len(ordered))

    def to_frame(self) -> pd.DataFrame:
        """A frame of `value`, `stderr` (nan where exact) and `rank` (1 is lowest), indexed by `id`."""
        import pandas as pd

        rank = np.empty(len(self), np.int64)
        rank[self.ranking()] = np.arange(1, len(self) + 1)
        stderr = np.full(len(self), np.nan) if self.stderr is None else self.stderr
        index = pd.Index(self.ids, name="id")
        return pd.DataFrame({"value": self.values, "stderr": stderr, "rank": rank}, index=index)

    def save(self, path: str | Path) -> None:
        """Write a Parquet file: columns `id`, `value`, `stderr` and `per_valid` where there are any."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"id": pa.array(np.asarray(self.ids).tolist()), "value": pa.array(self.values)}
        if self.stderr is not None:
            columns["stderr"] = pa.array(self.stderr)
        if self.per_valid is not None:
            flat = pa.array(np.ascontiguousarray(self.per_valid, dtype=float).ravel())
            columns["per_valid"] = pa.FixedSizeListArray.from_arrays(flat, self.per_valid.shape[1])
        names = ("evals", "draws", "seconds", "method", "why")
        facts = {name: getattr(self, name) for name in names} | {"status": self.status.name}
        pq.write_table(pa.table(columns).replace_schema_metadata({"assay": json.dumps(facts)}), path)

    @classmethod
    def load(cls, path: str | Path) -> Valuation:
        """Read what `save` wrote, to the same bits.

        Raises
        ------
        AssayError
            If there is no such file, or it holds no valuation.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise AssayError(f"{str(path)!r} cannot be read as a Parquet file: {error}.") from error
        facts = (table.schema.metadata or {}).get(b"assay")
        if facts is None:
            raise AssayError(f"{str(path)!r} holds no valuation; save one with Valuation.save(path).")
        try:
            known = json.loads(facts)
            known["status"] = Status[known["status"]]
        except (ValueError, KeyError) as error:
            raise AssayError(f"{str(path)!r} holds a valuation that is damaged: {error}.") from error
        stderr = table["stderr"].to_numpy() if "stderr" in table.column_names else None
        per_valid = None
        if "per_valid" in table.column_names:
            lists = table["per_valid"].combine_chunks()
            per_valid = (
                lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), lists.type.list_size)
            )
        ids = np.array(table["id"].to_pylist())
        return cls(table["value"].to_numpy(), stderr, per_valid, ids, **known)

    def plot(self) -> altair.Chart:
        """A histogram of the values as an altair chart; it holds the counts, not the rows."""
        import altair as alt
        import pandas as pd

        counts, edges = np.histogram(self.values, bins=min(BINS, max(len(self), 1)))
        bars = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "rows": counts})
        bars["sign"] = np.where(bars["high"] <= 0, "harms", "helps")
        x = alt.X("low:Q", bin="binned", title="value")
        color = alt.Color("sign:N", title=None, scale=alt.Scale(domain=["harms", "helps"]))
        return alt.Chart(bars, title=self.method).mark_bar().encode(x=x, x2="high", y="rows:Q", color=color)
