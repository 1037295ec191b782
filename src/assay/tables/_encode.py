"""Encoder: features as numbers, fitted on training rows alone."""

from __future__ import annotations

import datetime
import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skrub import DatetimeEncoder, StringEncoder, TableVectorizer

from .._errors import AssayError
from .._types import Floats
from ._arrow import as_frame, column_of
from ._kinds import is_missing
from ._number import as_number
from ._roles import Roles

_MOST = 40  # dimensions of a category: rarer values share the last one
_COMPONENTS = 30  # dimensions of a text
_WILD = 3.0  # standard deviations beyond which a number is no farther
_HUGE = 1e100  # larger numbers would overflow when squared


class Encoder:
    """Turn the features of a table into standardised numbers.

    skrub's `TableVectorizer` encodes categories (one dimension a value, the rarest beyond 39 sharing one),
    text (character n-grams reduced to 30 dimensions) and dates (year, month, day, hour and seconds since
    1970). Numbers, stored as numbers or as text, booleans and vectors are taken as they are. What is
    missing becomes the median and is marked by a dimension of its own; a missing category is a category.
    Every dimension is then brought to mean 0 and standard deviation 1 over the rows fitted on, and cut at 3
    standard deviations: one wild cell shall not outweigh all others.

    Parameters
    ----------
    roles : Roles
        Whose `features` are encoded by their `kinds`.

    Examples
    --------
    >>> roles = Roles((), None, features=("size", "kind"), kinds={"size": "number", "kind": "category"})
    >>> train = pd.DataFrame({"size": ["1", "3", None, "5"], "kind": ["a", "b", "c", "a"]})
    >>> encoder = Encoder(roles).fit(train)
    >>> encoder.columns
    ['size', 'size', 'kind', 'kind', 'kind']
    >>> encoder.transform(train).shape
    (4, 5)
    """

    def __init__(self, roles: Roles) -> None:
        self.roles = roles

    def fit(self, frame: Any) -> Self:
        """Learn categories, medians and scales from the training rows, and no others.

        Parameters
        ----------
        frame : pandas, polars or Arrow frame
            With at least the features among its columns.

        Raises
        ------
        AssayError
            No feature, a feature that is not there, no row, or nothing in any feature.
        """
        frame = self._features(frame)
        self._texts = [c for c in self._of_kind("text") if _strings(column_of(frame, c)).str.strip().any()]
        self._widths = {c: _width(column_of(frame, c)) for c in self._of_kind("vector")}
        words = self._words(frame)
        self._vectorizer = _vectorizer(self.roles, list(words.columns))
        with warnings.catch_warnings():  # few short texts have fewer n-grams than components: no matter
            warnings.filterwarnings("ignore", message="The matrix shape is")
            encoded = self._vectorizer.fit_transform(words) if words.shape[1] else words
        raw, sources = self._joined(encoded, frame)
        if not len(sources):
            raise AssayError("the features hold nothing in the training rows: there is nothing to learn from")
        self._imputer: Any = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        self._scaler = StandardScaler().fit(self._imputer.fit_transform(raw))
        sources = np.concatenate([sources, sources[self._imputer.indicator_.features_]])
        self._order = np.argsort(sources, kind="stable")
        self._columns = [self.roles.features[i] for i in sources[self._order]]
        return self

    def transform(self, frame: Any) -> Floats:
        """Encode rows; a category that the training rows did not hold is coded as a rare one or as none.

        Parameters
        ----------
        frame : pandas, polars or Arrow frame

        Returns
        -------
        (n, d) float64
            C-contiguous, finite, within -3 to 3.
        """
        frame = self._features(frame)
        words = self._words(frame)
        raw, _ = self._joined(self._vectorizer.transform(words) if words.shape[1] else words, frame)
        scaled = self._scaler.transform(self._imputer.transform(raw))
        return np.ascontiguousarray(np.clip(scaled, -_WILD, _WILD)[:, self._order])

    @property
    def columns(self) -> list[str]:
        """The source column of each of the d dimensions, in the order of the features."""
        return list(self._columns)

    def _features(self, frame: Any) -> pd.DataFrame:
        frame = as_frame(frame)
        if not self.roles.features:
            raise AssayError("no column is a feature: name at least one with features=")
        absent = [column for column in self.roles.features if column not in frame.columns]
        if absent:
            raise AssayError(
                f"feature {absent[0]!r} is not in the frame to encode: give all features of the table"
            )
        if not len(frame):
            raise AssayError("there is no row to encode: give at least one")
        return frame

    def _of_kind(self, *kinds: str) -> list[str]:
        return [c for c in self.roles.features if self.roles.kinds[c] in kinds]

    def _words(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what skrub encodes: categories and text as strings, dates as dates."""
        made = {c: _strings(column_of(frame, c)) for c in [*self._of_kind("category"), *self._texts]}
        made |= {c: _dates(column_of(frame, c)) for c in self._of_kind("date")}
        return pd.DataFrame(made, index=pd.RangeIndex(len(frame)))

    def _joined(self, encoded: pd.DataFrame, frame: pd.DataFrame) -> tuple[Floats, np.ndarray]:
        """Return all dimensions before imputing, and the position of the feature that each comes from."""
        where = {column: i for i, column in enumerate(self.roles.features)}
        blocks = [encoded.to_numpy(np.float64)]
        sources = [where[self._vectorizer.output_to_input_[c]] for c in encoded.columns]
        for column in self._of_kind("number", "boolean"):
            blocks.append(_numbers(column_of(frame, column)))
            sources.append(where[column])
        for column, width in self._widths.items():
            blocks.append(_vectors(column_of(frame, column), width))
            sources += [where[column]] * width
        return np.hstack(blocks), np.array(sources, dtype=np.intp)


def _vectorizer(roles: Roles, columns: list[str]) -> TableVectorizer:
    # Each column is given its encoder: left to itself skrub would read categories such as "2139" as numbers.
    encoders: dict[str, Any] = {
        "category": OneHotEncoder(
            max_categories=_MOST, handle_unknown="infrequent_if_exist", sparse_output=False
        ),
        "text": StringEncoder(n_components=_COMPONENTS, random_state=0),
        "date": DatetimeEncoder(),
    }
    chosen = {kind: [c for c in columns if roles.kinds[c] == kind] for kind in encoders}
    return TableVectorizer(
        specific_transformers=[(encoders[k], named) for k, named in chosen.items() if named]
    )


def _numbers(column: pd.Series) -> Floats:
    return np.clip(as_number(column).to_numpy(np.float64), -_HUGE, _HUGE)[:, None]


def _strings(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype("str").reset_index(drop=True)
    cells = [np.nan if is_missing(cell) else str(cell) for cell in column.tolist()]
    return pd.Series(cells, dtype="str")


def _dates(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        # As text, since pandas would take a number for nanoseconds since 1970: here it is no date.
        are_dates = [isinstance(cell, str | datetime.date) for cell in column.tolist()]
        column = _strings(column.where(are_dates, None))
    dates = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    return dates.dt.tz_localize(None).astype("datetime64[us]").reset_index(drop=True)


def _width(column: pd.Series) -> int:
    return max((len(cell) for cell in column.tolist() if not is_missing(cell)), default=0)


def _vectors(column: pd.Series, width: int) -> Floats:
    out = np.full((len(column), width), np.nan)
    for i, cell in enumerate(column.tolist()):
        if is_missing(cell):
            continue
        if len(cell) != width:
            raise AssayError(
                f"column {column.name!r} holds vectors of {width} and of {len(cell)} numbers: make them alike"
            )
        out[i] = np.asarray(cell, dtype=np.float64)
    return np.clip(np.where(np.isfinite(out), out, np.nan), -_HUGE, _HUGE)
