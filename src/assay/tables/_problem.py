"""to_problem: the valuation question that a split table asks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from .._errors import AssayError
from .._problem import Data, Problem
from .._types import Score
from ._arrow import column_of
from ._encode import Encoder
from ._number import as_number
from ._split import PARTS
from ._table import Table


def to_problem(
    table: Table, parts: ArrayLike, *, model: Any = None, score: Score | str | None = None
) -> Problem:
    """Ask what each training row is worth to a model that is judged on the value rows.

    Parameters
    ----------
    table : Table
    parts : (n,) of str
        One of `PARTS` for each row, as `split` gives them. Gate and final rows are not looked at.
    model : scikit-learn estimator, optional
        Default: logistic regression for classes, ridge regression for numbers.
    score : str or (y_true, y_pred) -> float, optional
        Default: accuracy for classes, r2 for numbers.

    Returns
    -------
    Problem
        `ids` are the row keys; the encoder is fitted on the train rows alone. `valid` is None without value
        rows.

    Raises
    ------
    AssayError
        No target, no train rows, one class only among them, or accuracy asked of numbers.
    """
    named = np.asarray(parts, dtype=object)
    if table.roles.target is None:
        raise AssayError(f"table {table.name!r} has no target: name its column with target=")
    if named.shape != (len(table),) or not set(named.tolist()) <= set(PARTS):
        raise AssayError(f"parts must say one of {', '.join(PARTS)} for each of the {len(table)} rows")
    train, valid = (table.take(named == part) for part in ("train", "value"))
    is_class = table.target_kind == "class"
    y = target_values(train)
    found = len(set(y.tolist()))
    if found < (2 if is_class else 1):
        raise AssayError(
            f"the train rows of table {table.name!r} hold {found} different values of {table.roles.target!r}:"
            " a model cannot learn from them"
        )
    if score == "accuracy" and not is_class:
        raise AssayError(f"accuracy is for classes and {table.roles.target!r} holds numbers: ask for r2")
    encoder = Encoder(table.roles).fit(train.frame)
    default = LogisticRegression(max_iter=1000) if is_class else Ridge()
    return Problem(
        _data(train, encoder),
        _data(valid, encoder) if len(valid) else None,
        model=default if model is None else model,
        score=score if score is not None else "accuracy" if is_class else "r2",
    )


def target_values(table: Table) -> NDArray[Any]:
    """Return the (n,) target: float64 for numbers; for classes bool, int64, or text for all else."""
    column = column_of(table.frame, str(table.roles.target))
    if table.target_kind == "number":
        return as_number(column).to_numpy(np.float64)
    values = np.array(column.tolist())
    return values if values.dtype.kind in "bi" else values.astype(str)


def _data(table: Table, encoder: Encoder) -> Data:
    group = table.roles.group
    return Data(
        encoder.transform(table.frame),
        target_values(table),
        ids=table.keys,
        groups=None if group is None else table.frame[group].to_numpy(dtype=object),
    )
