"""What is asked of a valuation that is acted on, and of the rows that judge the act."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from .._errors import AssayError
from .._numbers import is_number
from .._problem import Data, Problem
from .._valuation import Valuation


def check_valued(asks: str, problem: Any, valuation: Any, share: Any) -> None:
    """Refuse values that are not those of the problem's rows, and shares that are none.

    Raises
    ------
    AssayError
        Naming what is wrong.
    """
    if not isinstance(problem, Problem) or not isinstance(valuation, Valuation):
        raise AssayError(
            f"{asks} takes an assay.Problem and an assay.Valuation, not {type(problem).__name__} and "
            f"{type(valuation).__name__}."
        )
    if not (is_number(share) and 0 < share < 1):
        raise AssayError(f"share is {share!r}; it needs to be a share of the rows, between 0 and 1.")
    if not np.array_equal(np.asarray(valuation.ids), problem.train.ids):
        raise AssayError(
            "The values are of other rows than those of problem.train; pass what assay.value(problem, ...) "
            "gave."
        )


def check_held_out(name: str, rows: Any, problem: Problem) -> None:
    """Refuse rows without labels, and rows that are known to have had a part in the values.

    They are known by text as keys, by whole numbers as keys where all rows of one number are alike, and where
    all rows are: single rows that are alike may be others.

    Raises
    ------
    AssayError
        Naming what is wrong.
    """
    if not isinstance(rows, Data) or rows.y is None:
        raise AssayError(f"The rows of {name} need to be labelled, as they judge; pass assay.Data(X, y).")
    for part, held in (("train", problem.train), ("valid", problem.valid)):
        if held is not None and _shares_rows(held, rows):
            raise AssayError(
                f"Some rows of {name} are rows of problem.{part}: rows that had a part in the "
                "values cannot judge what is done by them; hold others out."
            )


def _shares_rows(part: Data, test: Data) -> bool:
    """Whether rows are the same by text as keys; or all of a key, or all at all, by their features."""
    if part.ids.dtype.kind == test.ids.dtype.kind:
        _, ours, theirs = np.intersect1d(part.ids, test.ids, return_indices=True)
        if len(ours) and (part.ids.dtype.kind == "U" or _alike(part.take(ours), test.take(theirs))):
            return True
    return _alike(part, test)


def _alike(part: Data, test: Data) -> bool:
    if part.X is test.X or part.X.shape != test.X.shape:
        return part.X is test.X
    if issparse(part.X) or issparse(test.X):  # which may be too wide to be dense
        unlike: Any = csr_array(part.X) != csr_array(test.X)
        return unlike.nnz == 0
    return np.array_equal(part.X, test.X)
