"""How well the closed-domain expert finds and repairs cells: a table of figures against the truth.

Run: ``python benchmarks/quality/cells.py DATA_DIR``; DATA_DIR holds a folder a table with `dirty.csv` and
`clean.csv` (or `.csv.gz`), aligned cell by cell. The truth only grades; a cell's repair is its most confident
candidate. Clean tables are run too: whatever is proposed there is wrong.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from assay.repair.experts._expert import Candidate
from assay.repair.experts.category import CategoryExpert
from assay.tables import Table, guess_roles

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
KINDS = ("dependency", "missing", "typo", "cooccurrence")
TABLES: dict[str, tuple[str, str | None]] = {  # folder -> key, target
    "hospital": ("index", None),
    "flights": ("tuple_id", None),
    "beers": ("index", None),
    "rayyan": ("id", None),
    "adult": ("row", "income"),
}
LARGEST = 5_000


def read(folder: Path, which: str) -> pd.DataFrame:
    """Read one of the two tables as text, blank cells missing, a random 5,000 rows of a larger one."""
    path = next(p for p in (folder / f"{which}.csv", folder / f"{which}.csv.gz") if p.exists())
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    text = text.rename(columns={"Unnamed: 0": "row"})  # what pandas calls a column without a name
    if len(text) > LARGEST:
        text = text.sample(LARGEST, random_state=0).reset_index(drop=True)
    return text.apply(lambda column: column.str.strip())


def typed(text: pd.DataFrame) -> pd.DataFrame:
    """Give each column the type that a reader of CSV would: numbers where all cells are."""
    frame = text.astype(object).where(text != "", None)
    for column in frame:
        numbers = pd.Series(pd.to_numeric(frame[column], errors="coerce"))
        if numbers.count() == frame[column].count():
            frame[column] = numbers
    return frame


def as_text(value: object) -> str:
    """One spelling for a cell: 12.0 is 12, missing is the empty string."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def same(value: object, truth: str) -> bool:
    """Whether a proposed value is the true one, numbers compared as numbers."""
    text = as_text(value)
    try:
        return text == truth or float(text) == float(truth)
    except ValueError:
        return False


def ratios(right: int, told: int, wanted: int) -> str:
    """Precision, recall and F1 as a table cell."""
    precision, recall = right / max(told, 1), right / max(wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"{precision:.3f} {recall:.3f} {f1:.3f}"


def grade(name: str, folder: Path, which: str) -> None:
    """Print the lines of one table."""
    key, target = TABLES[name]
    text, truth = read(folder, which), read(folder, "clean")
    truth.columns = text.columns
    frame = typed(text)
    roles = guess_roles(frame, key=key, target=target, features=[c for c in text if c not in (key, target)])
    start = time.perf_counter()
    candidates = CategoryExpert().propose(Table(name, frame, roles), np.random.default_rng(0))
    seconds = time.perf_counter() - start
    features = list(roles.features)
    wrong = {(row, c) for c in features for row in np.flatnonzero(text[c] != truth[c]).tolist()}
    best: dict[tuple[int, str], Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.confidence):
        best[candidate.row, candidate.column] = candidate
    cells = len(text) * max(len(features), 1)
    size = f"{len(text):,} rows, {len(features)} features, {len(wrong):,} wrong cells"
    print(f"\n{name}, {which}: {size}, {seconds:.2f} s")
    print("  above   cells          detected P R F1    repaired P R F1    right of proposed, by kind")
    for bar in THRESHOLDS:
        told = {cell: c for cell, c in best.items() if c.confidence >= bar}
        found = {cell for cell in told if cell in wrong}
        right = sum(same(told[cell].new, truth[cell[1]].iloc[cell[0]]) for cell in found)
        kinds = []
        for kind in KINDS:
            some = [c for c in candidates if c.kind == kind and c.confidence >= bar]
            good = sum((c.row, c.column) in wrong and same(c.new, truth[c.column].iloc[c.row]) for c in some)
            kinds.append(f"{kind} {good}/{len(some)}")
        share = f"{len(told):,} ({len(told) / cells:.2%})"
        detected, repaired = ratios(len(found), len(told), len(wrong)), ratios(right, len(told), len(wrong))
        print(f"  {bar:.1f}     {share:<14} {detected}  {repaired}  {', '.join(kinds)}")


def main() -> None:
    """Print the figures of every table that the folder holds."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python benchmarks/quality/cells.py DATA_DIR")
    for name in TABLES:
        folder = Path(sys.argv[1]) / name
        if folder.is_dir():
            grade(name, folder, "dirty")
            grade(name, folder, "clean")


if __name__ == "__main__":
    main()
