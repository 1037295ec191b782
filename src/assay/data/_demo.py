"""Demo: a bundled table, what is wrong with it, and the truth where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import tables

_FLIPPED = 0.15  # the share of the training labels that `census` flips


@dataclass(frozen=True)
class Demo:
    """A table to try Assay on.

    Parameters
    ----------
    frame : pandas.DataFrame
        As a user would have it, with a column `part` that says train, value, gate or final.
    truth : pandas.DataFrame or None
        The same rows in the same order without errors and without `part`; to grade with and for nothing else.
    key, target : str
        Columns of `frame`.
    parts : (n,) array of str
        The column `part`.
    injected : tuple of str
        Sentences that say what is wrong with the table, and who put it there.
    """

    frame: pd.DataFrame
    truth: pd.DataFrame | None
    key: str
    target: str
    parts: NDArray[np.object_]
    injected: tuple[str, ...]


def census(seed: int = 0) -> Demo:
    """Return 5,000 people of the 1994 US census with wrong cells, and wrong labels among the training rows.

    The rows are a uniform sample of a published dirty twin of the UCI Adult table, in which about 5% of the
    cells of most columns, labels included, were replaced by another plausible value. On top of these, 15%
    of the training labels, drawn uniformly by `seed`, are turned into the other class. A label that was
    wrong before can become right by this.

    Parameters
    ----------
    seed : int
        Of the split and of the flips.

    Returns
    -------
    Demo
    """
    frame, truth = _parquet("census"), _parquet("census_truth")
    parts = tables.split(tables.load(frame, key="id", target="income"), seed=seed)
    train = np.flatnonzero(parts == "train")
    flipped = np.random.default_rng(seed).choice(train, round(_FLIPPED * len(train)), replace=False)
    labels = frame["income"].to_numpy(dtype=object, copy=True)
    low, high = sorted(set(labels))
    labels[flipped] = np.where(labels[flipped] == low, high, low)
    wrong = _differ(frame, truth)
    injected = (
        f"{wrong:,} of {frame.shape[0] * (frame.shape[1] - 1):,} cells are wrong as published, in the rows of"
        " every part, labels included",
        f"{len(flipped):,} of {len(train):,} training labels (15%) were flipped with seed {seed}",
    )
    dirty = frame.assign(income=pd.Series(labels, dtype=frame["income"].dtype), part=parts)
    return Demo(dirty, truth, "id", "income", parts, injected)


def census_true(seed: int = 0) -> Demo:
    """Return the true twin of `census`: the same rows without any known error, for control.

    Parameters
    ----------
    seed : int
        Of the split.

    Returns
    -------
    Demo
    """
    truth = _parquet("census_truth")
    parts = tables.split(tables.load(truth, key="id", target="income"), seed=seed)
    return Demo(truth.assign(part=parts), truth, "id", "income", parts, ("nothing: this is the true table",))


def heights(seed: int = 0) -> Demo:
    """Return 1,095 heights as students typed them, and the students' sex: all errors are their own.

    Heights were asked for in inches; the answers hold feet and inches, centimetres, words and jokes.

    Parameters
    ----------
    seed : int
        Of the split.

    Returns
    -------
    Demo
        Without truth: nobody measured the students.
    """
    with as_file(files("assay.data") / "heights.csv") as path:
        table = tables.load(path, key="id", target="sex")
    parts = tables.split(table, seed=seed)
    injected = ("nothing: every error was typed by the person whose height it is",)
    return Demo(table.frame.assign(part=parts), None, "id", "sex", parts, injected)


def _parquet(name: str) -> pd.DataFrame:
    with as_file(files("assay.data") / f"{name}.parquet") as path:
        return tables.load(path, key="id", target="income").frame


def _differ(frame: pd.DataFrame, truth: pd.DataFrame) -> int:
    same = (frame == truth) | (frame.isna() & truth.isna())
    return int((~same).to_numpy().sum())
