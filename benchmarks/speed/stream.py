"""Exact k-NN Shapley of rows on disk: `python -m benchmarks.speed.stream`; some minutes, 11 GB of disk.

Float32 Gaussian features, 64 columns, two classes at random, 100 judges, k = 10. Each size runs in a
process of its own, whose peak of memory counts from its start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay import Data, KNNShapley, Problem, value

from ._sides import ROOT
from ._tables import show

COLUMNS, JUDGES, K = 64, 100, 10
PARTS, PART, GROUP = 4, 2_500_000, 250_000  # files, their rows, rows of a row group
SMALL = 200_000
BAR = 2 * 2**30


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        V, t = rng.normal(size=(JUDGES, COLUMNS)), rng.integers(0, 2, JUDGES)
        np.savez(folder / "judges.npz", V=V, t=t, k=K)
        _write(folder / "small.parquet", rng, SMALL)
        ours = _run(folder, "small.parquet")["values"]
        table = pq.read_table(folder / "small.parquet")
        X = np.column_stack([table.column(j).to_numpy() for j in range(COLUMNS)])
        problem = Problem(Data(X, table.column("y").to_numpy()), Data(V, t))
        truth = value(problem, KNNShapley(k=K), n_jobs=2, progress=False).values
        print(
            f"{SMALL:,} rows: values differ from those in memory by at most {np.abs(ours - truth).max():.1e}"
        )
        for part in range(PARTS):
            _write(folder / f"part-{part}.parquet", rng, PART)
        found = {}
        for name, parts in (("part-0", 1), ("part-[01]", 2), ("part-*", PARTS)):
            found[parts * PART] = _run(folder, f"{name}.parquet")
    first = found[PART]
    rows = [
        (
            f"{n:,}",
            f"{run['seconds']:.0f} ({run['forecast']:.0f})",
            f"{run['busy']:.0f}",
            f"{run['busy'] / first['busy'] / (n / PART):.2f}",
            f"{n / run['seconds']:,.0f}",
            f"{run['bytes'] / 2**30:.2f}",
            f"{run['peak'] / 2**30:.2f}",
            "PASS (bar 2 GiB)" if run["peak"] < BAR else "fail (bar 2 GiB)",
            f"{run['disk'] / 2**30:.1f}",
        )
        for n, run in found.items()
    ]
    head = (
        *("rows", "seconds (forecast)", "seconds of processors", "of which linear would be", "rows/s"),
        *("forecast of memory beyond the process, GiB", "peak of the process, GiB", "", "scratch, GiB"),
    )
    load = os.getloadavg()[1]
    show(f"{COLUMNS} columns, {JUDGES} judges, k = {K}, 2 threads, load {load:.1f}", head, rows)


def _write(path: Path, rng: np.random.Generator, n: int) -> None:
    """Gaussian rows in row groups, so that they are never in memory at once."""
    fields = [(f"x{j}", pa.float32()) for j in range(COLUMNS)]
    schema = pa.schema([*fields, ("y", pa.int64())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, n, GROUP):
            size = min(GROUP, n - start)
            X = rng.standard_normal((COLUMNS, size), dtype=np.float32)
            arrays = [*map(pa.array, X), pa.array(rng.integers(0, 2, size))]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _run(folder: Path, source: str) -> dict[str, Any]:
    out = folder / "values.parquet"
    command = [sys.executable, "-m", "benchmarks.speed._stream_child", str(folder / source)]
    command += [str(folder / "judges.npz"), str(out)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return json.loads(told) | {"values": pq.read_table(out).column("value").to_numpy()}


if __name__ == "__main__":
    main()
