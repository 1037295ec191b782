"""Make the bundled demo data from its sources: `python tools/bundle_data.py SOURCE_DIR`.

SOURCE_DIR holds `adult/dirty.csv.gz` and `adult/clean.csv.gz` (the census table and its corrected twin,
aligned row by row) and `heights.csv`. See `src/assay/data/LICENSES.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 5_000
SEED = 20_240
MISSING = "noValueSetHere123156456"  # how both tables write a missing value
TARGET = Path(__file__).parent.parent / "src" / "assay" / "data"


def census(path: Path, rows: np.ndarray) -> pd.DataFrame:
    """Return the rows of one census table, in order, with the number of the row in it as key `id`."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[MISSING])
    frame = frame.rename(columns={frame.columns[0]: "id"})
    return frame.iloc[rows].reset_index(drop=True)


def main(source: Path) -> None:
    """Write `census.parquet`, `census_truth.parquet` and `heights.csv` into the package."""
    dirty = pd.read_csv(source / "adult" / "dirty.csv.gz", usecols=[0])
    rows = np.sort(np.random.default_rng(SEED).choice(len(dirty), ROWS, replace=False))
    for name, kind in {"census": "dirty", "census_truth": "clean"}.items():
        frame = census(source / "adult" / f"{kind}.csv.gz", rows)
        frame.to_parquet(TARGET / f"{name}.parquet", index=False, compression="zstd", compression_level=19)
    heights = pd.read_csv(source / "heights.csv", dtype=str, keep_default_na=False)
    heights.insert(0, "id", np.arange(1, len(heights) + 1))
    heights.to_csv(TARGET / "heights.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
