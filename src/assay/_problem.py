"""What is valued: rows to value, rows to judge by, a model and a score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn.base import is_regressor

from ._errors import AssayError
from ._game import Game
from ._scoring import NUMBER_SCORES, Judge, as_function, check_name
from ._types import Floats, Labels, Positions, Score

MOST_DENSE = 2**32  # bytes


@dataclass(frozen=True, eq=False)
class Data:
    """Rows of a table, as numbers; read-only once made.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features; finite numbers (lists and frames of numbers are converted). float32 and sparse matrices stay
        as they are (sparse ones as CSR), everything else becomes float64.
    y : array-like of shape (n,), optional
        Labels: text, whole numbers or booleans for classes, else numbers; none missing. Shape (n, labels) for
        several labels a row, as columns of booleans or numbers, where the method takes them.
    ids : array-like of shape (n,), optional
        The keys of the rows, all different; 0..n-1 if not given.
    groups : array-like of shape (n,), optional
        Rows of one group are never on both sides of a split.

    Raises
    ------
    AssayError
        If a shape does not fit, a value is missing or infinite, or two ids are the same.

    Examples
    --------
    >>> len(Data([[0.0], [1.0]], ["no", "yes"], ids=["a", "b"]))
    2
    """

    X: Any
    y: Any = None
    ids: Any = None
    groups: Any = None

    def __post_init__(self) -> None:
        X = _features(self.X)
        object.__setattr__(self, "X", X)
        for name in ("y", "ids", "groups"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, _column(name, given, X.shape[0]))
        if self.ids is None:
            object.__setattr__(self, "ids", _locked(np.arange(X.shape[0])))
        else:
            _check_ids(self.ids)

    def __len__(self) -> int:
        return self.X.shape[0]

    @property
    def dense(self) -> Floats:
        """Features as one array of float64, (n, d), contiguous; `X` itself where it is that already.

        Raises
        ------
        AssayError
            If X is sparse and would take more than 4 GiB.
        """
        if not issparse(self.X):
            return np.ascontiguousarray(self.X, dtype=float)
        if 8 * self.X.shape[0] * self.X.shape[1] > MOST_DENSE:
            raise AssayError(
                f"Data.X is sparse, of shape {self.X.shape}, and what is asked for needs it dense, in more "
                "than 4 GiB; reduce its columns first, for example with sklearn's TruncatedSVD."
            )
        return self.X.toarray().astype(float, copy=False)

    def take(self, rows: Positions) -> Data:
        """The rows at these positions, in this order; or where these are True, if they are booleans.

        Raises
        ------
        AssayError
            If there is no row at one of them.
        """
        try:
            y, groups = (None if a is None else a[rows] for a in (self.y, self.groups))
            return Data(self.X[rows], y, ids=self.ids[rows], groups=groups)
        except IndexError as error:
            raise AssayError(
                f"Data.take got what is no position among {len(self)} rows ({error}); give whole numbers "
                "below that, or one boolean a row."
            ) from error


@dataclass(frozen=True, eq=False)
class Problem:
    """One valuation question. Only `train` is always needed; a method names what else it needs.

    Parameters
    ----------
    train : Data
        The rows to value.
    valid : Data, optional
        The rows that judge. Without them, methods that need judges are cross-fitted; see `value`.
    model : estimator | torch.nn.Module, optional
        A scikit-learn estimator, which is cloned, never fitted in place; or a trained
        torch module, for methods that ask gradients, or `Booster`, for those of trees.
    score : str | Score
        A scorer of scikit-learn, or a function (y_true, y_pred) -> float; higher is better.
    game : Game, optional
        What coalitions are worth, given in full; takes the place of refitting `model`.
    gradients : Gradients, optional
        Gradients of the loss of rows, such as `assay.TorchGradients(module, loss)`; take the place of `model`
        for methods that ask gradients.
    trace : Trace | sequence of Trace, optional
        What one or several training runs showed of the rows, joined by their ids; for methods that ask what
        training shows. Takes the place of following `model` while it is trained anew.

    Raises
    ------
    AssayError
        If the parts do not fit each other, or scikit-learn has no such score.

    Examples
    --------
    >>> Problem(Data([[0.0], [1.0]], ["no", "yes"])).target_kind
    'class'
    """

    train: Data
    valid: Data | None = None
    model: Any = None
    score: Score | str = "accuracy"
    game: Game | None = field(default=None)
    gradients: Any = None
    trace: Any = None

    def __post_init__(self) -> None:
        for name in ("train", "valid"):
            part = getattr(self, name)
            if not isinstance(part, Data) and not (part is None and name == "valid"):
                raise AssayError(f"Problem.{name} is {type(part).__name__}; wrap it: assay.Data(X, y).")
        if isinstance(self.score, str):
            check_name(self.score)
        elif not callable(self.score):
            raise AssayError(f"Problem.score is {self.score!r}; pass a scorer's name or f(y_true, y_pred).")
        if self.game is not None and self.game.n != self.n:
            raise AssayError(f"Problem.game has {self.game.n} players, but train has {self.n} rows.")
        trained = is_torch(self.model) or is_booster(self.model)
        if self.model is not None and not (callable(getattr(self.model, "fit", None)) or trained):
            raise AssayError(
                f"Problem.model is {self.model!r}; pass a scikit-learn estimator, not fitted, or a torch "
                "module."
            )
        if self.gradients is not None and not callable(getattr(self.gradients, "rows", None)):
            raise AssayError(
                f"Problem.gradients is {self.gradients!r}; pass assay.TorchGradients(module, loss), say."
            )
        for trace in self.traces:
            if not callable(getattr(trace, "aligned", None)):
                raise AssayError(
                    f"Problem.trace has a {type(trace).__name__}; pass an assay.Trace, or several."
                )
        if self.valid is not None:
            _check_twins(self.train, self.valid)

    @property
    def traces(self) -> list[Any]:
        """The traces that were given, one for each training run."""
        if self.trace is None:
            return []
        return list(self.trace) if isinstance(self.trace, (list, tuple)) else [self.trace]

    @classmethod
    def from_table(
        cls,
        source: Any,
        *,
        target: str,
        key: Any = None,
        model: Any = None,
        score: Score | str | None = None,
        **roles: Any,
    ) -> Problem:
        """Turn a table into a problem in which every row of the table is valued.

        Parameters
        ----------
        source : frame | path | str
            A pandas, polars or Arrow frame, a CSV, TSV or Parquet file, or `duckdb:///file?table=t`.
        target : str
            The column to predict.
        key : str | sequence of str, optional
            The column(s) that name a row; without one, rows are named by their number.
        model, score : see `Problem`
            If not given, logistic regression and accuracy for classes, ridge regression and r2 for numbers.
        **roles
            Further roles as `assay.tables.load` takes them, such as `features`, `group`, `part` or `kinds`.
            With a `part` column, its rows `train` are valued and its rows `value` judge.

        Raises
        ------
        AssayError
            If the table cannot be read or a column is not there.
        """
        from . import tables

        table = tables.load(source, key=key, target=target, number_rows=key is None, **roles)
        parts = tables.split(table) if table.roles.part else np.full(len(table.frame), "train", dtype=object)
        return tables.to_problem(table, parts, model=model, score=score)

    @property
    def n(self) -> int:
        """How many rows are valued."""
        return len(self.train)

    @property
    def scorer(self) -> Score:
        """The score as a function (y_true, y_pred) -> float."""
        return as_function(self.score)

    @property
    def target_kind(self) -> Literal["class", "number"]:
        """What the labels are: classes, or numbers.

        Text and booleans are classes. Otherwise the score decides if it is made for numbers, then the model
        if it is a regressor, then the labels: any fraction among them makes them numbers.
        """
        y = self.train.y
        if y is None or y.dtype.kind in "Ub":
            return "class"
        estimator = callable(getattr(self.model, "fit", None))
        regressor = estimator and is_regressor(self.model)
        if self.score in NUMBER_SCORES or regressor or (y.dtype.kind == "f" and (y % 1 != 0).any()):
            return "number"
        return "class"

    @property
    def classes(self) -> Labels | None:
        """Every class of train and valid, sorted; None where labels are numbers or missing."""
        if self.train.y is None or self.target_kind == "number":
            return None
        judges = [] if self.valid is None or self.valid.y is None else [self.valid.y]
        return np.unique(np.concatenate([self.train.y, *judges]))

    @property
    def judge(self) -> Judge:
        """The validation rows and the score, ready to judge a fitted model."""
        assert self.valid is not None
        return Judge(self.score, self.valid.X, self.valid.y, self.classes)


def is_torch(thing: Any) -> bool:
    """Whether it is a torch module; torch is not imported for the question."""
    return any(kind.__module__.startswith("torch.nn.") for kind in type(thing).__mro__)


def is_booster(thing: Any) -> bool:
    """Whether it is a trained ensemble in the own form of LightGBM or XGBoost, which has no fit."""
    return type(thing).__name__ == "Booster" and type(thing).__module__.split(".")[0] in (
        "lightgbm",
        "xgboost",
    )


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _features(given: Any) -> Any:
    if issparse(given):
        return _sparse(given)
    try:
        X = np.asarray(given)
        X = np.ascontiguousarray(X, dtype=np.float32 if X.dtype == np.float32 else float)
    except (TypeError, ValueError) as error:
        raise AssayError(
            f"Data.X does not hold numbers only ({error}); encode it, or use assay.Problem.from_table."
        ) from error
    if np.ndim(given) != 2:
        raise AssayError(f"Data.X has shape {np.shape(given)}; it needs two dimensions, (rows, columns).")
    if not X.size:
        raise AssayError(f"Data.X has shape {X.shape}; it needs at least one row and one column.")
    finite = np.isfinite(X).all(axis=1)
    if not finite.all():
        raise AssayError(
            f"Data.X has a missing or infinite value in {(~finite).sum()} row(s), the first at position "
            f"{int(np.argmin(finite))}; fill them in, or use assay.Problem.from_table."
        )
    return _locked(X)


def _sparse(given: Any) -> Any:
    """A copy as CSR, of sorted columns without duplicates, so that equal rows are equal arrays."""
    if given.dtype.kind not in "biuf":
        raise AssayError(f"Data.X is sparse, of type {given.dtype}; it needs numbers.")
    X: Any = csr_array(given, dtype=np.float32 if given.dtype == np.float32 else float, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    if not np.isfinite(X.data).all():
        row = int(np.searchsorted(X.indptr, np.argmin(np.isfinite(X.data)), side="right")) - 1
        raise AssayError(f"Data.X has a missing or infinite value, the first at position {row}; fill it in.")
    if not (X.shape[0] and X.shape[1]):
        raise AssayError(f"Data.X has shape {X.shape}; it needs at least one row and one column.")
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


def _column(name: str, given: Any, n: int) -> NDArray[Any]:
    try:
        column = np.asarray(given)
    except ValueError as error:
        raise AssayError(f"Data.{name} is not one column of values ({error}).") from error
    several = name == "y" and column.ndim == 2 and column.shape[1] > 1 and column.dtype.kind in "biuf"
    if column.shape[:1] != (n,) or (column.ndim != 1 and not several):
        raise AssayError(f"Data.{name} has shape {column.shape}; X has {n} rows, so it needs ({n},).")
    if column.dtype == object or column.dtype.kind == "T":
        column = _typed(name, column.tolist())
    if column.dtype.kind in "fc" and not np.isfinite(column).all():
        where = int(np.argmin(np.isfinite(column.reshape(n, -1)).all(axis=1)))
        raise AssayError(f"Data.{name} is missing or infinite at position {where}; drop or fill such rows.")
    if column.dtype.kind not in "biufU":
        raise AssayError(f"Data.{name} has type {column.dtype}; it needs text, numbers or booleans.")
    return _locked(column)


def _typed(name: str, values: list[Any]) -> NDArray[Any]:
    for where, value in enumerate(values):
        if value is None or value != value:
            raise AssayError(f"Data.{name} is missing at position {where}; drop or fill such rows.")
    kinds = (str, bool, int, float)
    if not any(all(isinstance(v, (kind, np.generic)) for v in values) for kind in kinds[:3]) and not all(
        isinstance(v, (int, float, np.number)) for v in values
    ):
        found = ", ".join(sorted({type(v).__name__ for v in values}))
        raise AssayError(f"Data.{name} mixes or holds {found}; it needs text only, or numbers only.")
    return np.array(values)


def _check_ids(ids: NDArray[Any]) -> None:
    if ids.dtype.kind not in "iuU":
        raise AssayError(f"Data.ids has type {ids.dtype}; row keys need to be text or whole numbers.")
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < len(ids):
        twice = names[counts > 1]
        raise AssayError(
            f"Data.ids names {len(twice)} row(s) more than once, such as {twice[0].item()!r}; "
            "every row needs its own key."
        )


def _check_twins(train: Data, valid: Data) -> None:
    if train.X.shape[1] != valid.X.shape[1]:
        raise AssayError(
            f"Problem.valid has {valid.X.shape[1]} feature columns, but train has {train.X.shape[1]}; "
            "encode both alike."
        )
    if train.y is None or valid.y is None:
        return
    if train.y.shape[1:] != valid.y.shape[1:]:
        raise AssayError(
            f"The labels of train have shape {train.y.shape} and those of valid {valid.y.shape}; "
            "give both the same columns."
        )
    if (train.y.dtype.kind == "U") != (valid.y.dtype.kind == "U"):
        raise AssayError(
            f"The labels of train are {train.y.dtype} and those of valid {valid.y.dtype}; use one type."
        )
