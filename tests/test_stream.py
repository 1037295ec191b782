"""Rows that are streamed are worth what they are worth in memory, however often the run was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay import ApproximateKNNShapley, AssayError, Data, KNNShapley, Problem, Stream, tables, value
from assay.stream import _exact, _forecast, _near, _rows, _saved

CHILD = Path(__file__).with_name("_stream_child.py")
METRICS = ("euclidean", "cosine", "manhattan")


def cloud(n: int, m: int, d: int = 5, seed: int = 0, *, whole: bool = False):
    """Rows and judges, many of them equal; on a grid of whole numbers if `whole`."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + m, d))
    X = np.round(2 * X) if whole else X
    X[n // 2 : n // 2 + n // 4] = X[: n // 4]  # ties, to be settled by the order of rows
    return X[:n], X[n:], rng


def written(path: Path, X, y, *, group: int | None = None, **others) -> Path:
    """Features x0, x1, ... and labels y as a Parquet file."""
    columns = {f"x{j}": column for j, column in enumerate(np.asarray(X).T)}
    pq.write_table(pa.table({**columns, "y": y, **others}), path, row_group_size=group)
    return path


def in_memory(X, y, V, t, method, **how) -> np.ndarray:
    """The values of the same rows in memory."""
    return value(Problem(Data(X, y), Data(V, t), **how), method, progress=False).values


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_the_bits_of_those_in_memory(metric, whole, dtype, tmp_path, monkeypatch):
    """Blocks, ties, equal rows, one thread or two: to at most 16 judges no bit differs from `value`."""
    monkeypatch.setattr(_exact, "MOST", 300)
    X, V, rng = cloud(2000, 16, whole=whole)
    X, V = X.astype(dtype), V.astype(dtype)
    y, t = rng.choice(["a", "b", "c"], 2000), rng.choice(["a", "b", "d"], 16)
    source = written(tmp_path / "rows.parquet", X, y, group=700)
    method = KNNShapley(k=7, metric=metric)
    wanted = in_memory(X, y, V, t, method)
    for jobs in (1, 2):
        found = Stream(source, Data(V, t), target="y").value(tmp_path / "out.parquet", method, n_jobs=jobs)
        assert found.values.tobytes() == wanted.tobytes()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    n=st.integers(1, 9),
    m=st.integers(1, 40),
    k=st.integers(1, 12),
    kind=st.sampled_from(["text", "whole", "number", "boolean"]),
    metric=st.sampled_from(METRICS),
)
def test_any_size_and_kind_of_label_agrees_with_memory(n, m, k, kind, metric, tmp_path):
    """Fewer rows than neighbours, more judges than a group, every kind of label: as by `value`."""
    X, V, rng = cloud(n, m, 2, seed=n * m * k, whole=True)
    labels = {
        "text": rng.choice(["ä", "b", ""], n + m),
        "whole": rng.integers(0, 3, n + m),
        "number": np.round(rng.normal(size=n + m), 1) + 0.05,
        "boolean": rng.random(n + m) < 0.5,
    }[kind]
    y, t = labels[:n], labels[n:]
    source = written(tmp_path / "rows.parquet", X, y)
    method = KNNShapley(k=k, metric=metric)
    found = Stream(source, Data(V, t), target="y").value(tmp_path / "out.parquet", method)
    np.testing.assert_allclose(found.values, in_memory(X, y, V, t, method), rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("numbers", [False, True])
def test_nearest_rows_alone_are_worth_what_they_are_in_memory(metric, numbers, tmp_path, monkeypatch):
    """States merged block by block are those of all rows: `ApproximateKNNShapley` to the last bit."""
    monkeypatch.setattr(_near, "MOST", 100)
    monkeypatch.setattr(_near, "LEAST", 1)
    X, V, rng = cloud(2000, 70, 3, whole=True)
    y, t = (rng.normal(size=n) / 8 if numbers else rng.integers(0, 3, n) for n in (2000, 70))
    source = written(tmp_path / "rows.parquet", X, y, group=700)
    for epsilon in (0.02, 1e-9):
        method = ApproximateKNNShapley(k=3, epsilon=epsilon, metric=metric)
        found = (
            Stream(source, Data(V, t), target="y").value(tmp_path / "out.parquet", method, n_jobs=2).values
        )
        wanted = in_memory(X, y, V, t, method)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 if epsilon < 0.01 else 0)


def test_states_of_stretches_of_rows_merge(tmp_path):
    """What is nearest in any two stretches is nearest in both together."""
    X, V, rng = cloud(300, 4, 2, whole=True)
    source = written(tmp_path / "rows.parquet", X, rng.integers(0, 2, 300))
    stream = Stream(source, Data(V, [0, 1, 0, 1]), target="y")
    work = stream._near(ApproximateKNNShapley(), 20, 1)
    far, near = work(0, 300)
    truth = np.array([np.argsort(((X - v) ** 2).sum(axis=1), kind="stable")[:20] for v in V])
    assert near.tolist() == truth.tolist()
    for middle in (1, 7, 150, 299):
        state = work(0, middle)
        _near._merge(*state, *work(middle, 300))
        assert state[0].tolist() == far.tolist()
        assert state[1].tolist() == near.tolist()


def test_labels_without_a_fraction_are_classes_unless_told(tmp_path):
    """Whole floats are classes, as in a `Problem`; `numbers=True` makes numbers of them, as r2 does there."""
    X, V, rng = cloud(50, 5)
    y, t = rng.integers(0, 4, 50).astype(float), rng.integers(0, 4, 5).astype(float)
    source = written(tmp_path / "rows.parquet", X, y)
    for numbers, score in ((None, "accuracy"), (True, "r2")):
        stream = Stream(source, Data(V, t), target="y", numbers=numbers)
        wanted = in_memory(X, y, V, t, KNNShapley(), score=score)
        np.testing.assert_allclose(stream.value(tmp_path / "o.parquet").values, wanted, rtol=0, atol=1e-12)


def test_a_database_a_folder_and_a_pattern_hold_the_same_rows(tmp_path):
    """A DuckDB table and Parquet files, in order of their names, are worth the same; ids are the key's."""
    X, V, rng = cloud(1000, 8)
    y, t, ids = rng.integers(0, 2, 1000), rng.integers(0, 2, 8), rng.permutation(1000) + 5
    folder = tmp_path / "rows"
    folder.mkdir()
    for part, rows in enumerate(np.array_split(np.arange(1000), 3)):
        written(folder / f"part-{part}.parquet", X[rows], y[rows], id=ids[rows])
    with duckdb.connect(str(tmp_path / "rows.duckdb")) as connection:
        connection.execute(f"create table rows as from read_parquet('{folder}/*.parquet')")
        connection.execute("create view seen as from rows")
    sources = [
        folder,
        folder / "part-*.parquet",
        tmp_path / "rows.duckdb",
        f"duckdb://{tmp_path}/rows.duckdb?table=rows",
    ]
    wanted = in_memory(X, y, V, t, KNNShapley())
    for source in sources:
        found = Stream(source, Data(V, t), target="y", key="id").value(tmp_path / "out.parquet")
        frame = pd.read_parquet(found.path)
        assert frame["value"].to_numpy().tobytes() == wanted.tobytes()
        assert frame["id"].tolist() == ids.tolist()
        assert found.lowest(3).tolist() == np.argsort(wanted, kind="stable")[:3].tolist()
    with pytest.raises(AssayError, match="is a view, whose rows have no order; name a table"):
        Stream(tmp_path / "rows.duckdb", Data(V, t), target="y", table="seen")


def test_judges_come_from_a_table_and_an_encoder_is_asked_block_by_block(tmp_path, monkeypatch):
    """A table with categories and gaps, encoded as in memory, judged by the rows of another file."""
    monkeypatch.setattr(_exact, "MOST", 64)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"size": rng.normal(size=400), "kind": rng.choice(["a", "b", "c"], 400)})
    frame.loc[::7, "size"] = np.nan
    frame["y"] = rng.choice(["no", "yes"], 400)
    train, judges = frame.iloc[:380], frame.iloc[380:]
    roles = tables.Roles(
        (), "y", features=("size", "kind"), kinds={"size": "number", "kind": "category", "y": "category"}
    )
    encoder = tables.Encoder(roles).fit(train)
    train.to_parquet(tmp_path / "train.parquet")
    judges.to_parquet(tmp_path / "judges.parquet")
    features = ["size", "kind"]
    stream = Stream(
        *(tmp_path / "train.parquet", tmp_path / "judges.parquet"),
        target="y",
        features=features,
        encoder=encoder,
    )
    X, V = encoder.transform(train), encoder.transform(judges)
    wanted = in_memory(X, train["y"].to_numpy(), V, judges["y"].to_numpy(), KNNShapley())
    np.testing.assert_allclose(stream.value(tmp_path / "o.parquet").values, wanted, rtol=0, atol=1e-12)


def test_a_small_disk_costs_passes_and_no_bit(tmp_path, monkeypatch):
    """Where the disk has room for 16 of 40 judges, three passes find the same bits; for fewer, it is told."""
    X, V, rng = cloud(500, 40)
    y, t = rng.integers(0, 2, 500), rng.integers(0, 2, 40)
    stream = Stream(written(tmp_path / "rows.parquet", X, y), Data(V, t), target="y")
    whole = stream.value(tmp_path / "whole.parquet")
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 8 * 500 * 20 / 0.9))
    parts = stream.value(tmp_path / "parts.parquet")
    assert (whole.passes, parts.passes, stream.plan().passes) == (1, 3, 3)
    assert parts.values.tobytes() == whole.values.tobytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 8 * 500 * 10))
    with pytest.raises(AssayError, match=r"less than 64,000 bytes free; name another: scratch="):
        stream.value(tmp_path / "none.parquet")


def test_one_row_group_is_read_in_pieces(tmp_path):
    """A file of one row group comes in blocks, and any stretch of rows is what it is in the file."""
    X = np.arange(5000.0).reshape(1000, 5)
    source = written(tmp_path / "rows.parquet", X, np.zeros(1000, int), group=300)
    rows = _rows.Rows.of(source)
    for start, stop in ((0, 1000), (250, 310), (299, 301), (999, 1000)):
        blocks = list(rows.blocks(["x3", "x1"], 100, start, stop))
        assert [first for first, _ in blocks] == list(np.cumsum([start, *(len(b) for _, b in blocks)])[:-1])
        assert all(len(block) <= 100 for _, block in blocks)
        found = np.concatenate([block.column("x1").to_numpy() for _, block in blocks])
        assert found.tolist() == X[start:stop, 1].tolist()


def test_killed_twice_the_values_are_the_same_bits(tmp_path, monkeypatch):
    """Killed twice, a run carries on from the groups that were done, and no bit differs."""
    X, V, rng = cloud(20_000, 160)
    y, t = rng.integers(0, 2, 20_000), rng.integers(0, 2, 160)
    stream = Stream(written(tmp_path / "rows.parquet", X, y), Data(V, t), target="y")
    np.savez(tmp_path / "judges.npz", V=V, t=t)
    left = [run_child(tmp_path, "killed.parquet") for _ in range(2)]
    assert left == [160, 128]
    done: list[int] = []
    add = _saved.Saved.add
    monkeypatch.setattr(_saved.Saved, "add", lambda self, now, part: (done.append(now), add(self, now, part)))
    method = KNNShapley(k=3)
    found = stream.value(tmp_path / "killed.parquet", method)
    assert done[0] == 80
    whole = stream.value(tmp_path / "whole.parquet", method)
    assert found.values.tobytes() == whole.values.tobytes()
    there = ["judges.npz", "killed.parquet", "rows.parquet", "whole.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == there


def run_child(folder: Path, out: str) -> int:
    """Kill a run when two more groups of judges are done; how many were left to do at its start."""
    command = [sys.executable, str(CHILD), str(folder), out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        left = int(child.stdout.readline().split()[1])
        child.stdout.readline()
        child.stdout.readline()
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    return left


def test_another_run_does_not_carry_on_from_this_one(tmp_path, monkeypatch):
    """What was saved counts for the same rows, judges and settings only; a torn file counts for nothing."""
    X, V, rng = cloud(300, 40)
    y, t = rng.integers(0, 2, 300), rng.integers(0, 2, 40)
    source, out = written(tmp_path / "rows.parquet", X, y), tmp_path / "o.parquet"
    stream = Stream(source, Data(V, t), target="y")
    kept = tmp_path / "o.parquet.partial"

    def stop(self, done, part):
        add(self, done, part)
        if done >= 16:
            raise KeyboardInterrupt

    add = _saved.Saved.add
    for change in ("k", "judges", "rows", "torn"):
        monkeypatch.setattr(_saved.Saved, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            stream.value(out, KNNShapley(k=5))
        monkeypatch.setattr(_saved.Saved, "add", add)
        assert kept.exists()
        now, method = stream, KNNShapley(k=6 if change == "k" else 5)
        if change == "judges":
            now = Stream(source, Data(V + 1, t), target="y")
        if change == "rows":
            now = Stream(written(source, X, 1 - y), Data(V, t), target="y")
        if change == "torn":
            kept.write_bytes(kept.read_bytes()[:-100])
        found = now.value(out, method).values
        fresh = Stream(source, Data(V + (change == "judges"), t), target="y").value(
            tmp_path / "f.parquet", method
        )
        assert found.tobytes() == fresh.values.tobytes()
        written(source, X, y)
        stream = Stream(source, Data(V, t), target="y")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone tells a peak from now on")
def test_the_forecast_of_bytes_is_what_a_run_takes(tmp_path):
    """Memory is within 25% of the forecast, measured in a process of its own, and so is what is on disk."""
    n, m, d = 2_000_000, 6, 2
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, d)).astype(np.float32), rng.integers(0, 2, n)
    source = written(tmp_path / "rows.parquet", X, y)
    written(tmp_path / "few.parquet", X[:100], y[:100])
    V, t = rng.normal(size=(m, d)), rng.integers(0, 2, m)
    np.savez(tmp_path / "judges.npz", V=V, t=t)
    command = [sys.executable, str(CHILD), str(tmp_path), "out.parquet", "measure"]
    found = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    expected = Stream(source, Data(V, t), target="y").plan(n_jobs=2)
    assert abs(expected.bytes - found) < 0.25 * found
    assert expected.scratch == 8 * n * m


BAD = [
    ({"target": "z"}, r"Stream.target is 'z'; the columns are"),
    ({"key": "z"}, r"Stream.key is 'z'"),
    ({"features": ["x0", "z"]}, r"Stream.features names 'z', which is no column"),
    ({"features": []}, r"name at least one column"),
    ({"features": "x0"}, r"name at least one column, in a list"),
    ({"features": ["x0", "x1"]}, r"Stream.valid has 5 features, but there are 2 columns"),
    ({"features": ["x0", "x1", "x2", "x3", "word"]}, r"columns without numbers \('word'\)"),
    ({"encoder": 3}, r"Stream.encoder is 3"),
    ({"table": "t"}, r"is no database; leave it out"),
    ({"source": "nowhere.parquet"}, r"does not exist"),
    ({"source": "nowhere-*.parquet"}, r"holds no Parquet files"),
    ({"source": 3}, r"reads a path, not a int"),
    ({"valid": Data(np.zeros((1, 5)))}, r"Stream.valid needs one label a row"),
]


@pytest.mark.parametrize(("how", "message"), BAD)
def test_what_does_not_fit_is_told(how, message, tmp_path):
    """Each parameter of a `Stream` that cannot be used is named, with the fix, before any work."""
    X, V, _ = cloud(20, 3)
    source = written(tmp_path / "rows.parquet", X, np.zeros(20, int), word=["a"] * 20)
    features = [f"x{j}" for j in range(5)]
    given = {"source": source, "valid": Data(V, [0, 1, 0]), "target": "y", "features": features} | how
    with pytest.raises(AssayError, match=message):
        Stream(**given)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"out": "o.csv"}, r"name a .parquet file"),
        ({"out": "no/o.parquet"}, r"lies in no folder"),
        ({"out": "rows.parquet"}, r"is the table itself"),
        ({"method": "KNNShapley"}, r"Stream takes KNNShapley"),
        ({"method": KNNShapley(per_valid=True)}, r"without per_valid"),
        ({"method": ApproximateKNNShapley(index="lsh")}, r"with index='exact'"),
        ({"method": KNNShapley().set_params(k=0)}, r"KNNShapley.k is 0"),
        ({"scratch": "nowhere"}, r"is no folder"),
        ({"memory": 10}, r"memory is 10 bytes, and 20 rows need 1,100; pass memory=1100"),
        ({"memory": "2 GB"}, r"pass a number of bytes"),
    ],
)
def test_a_run_that_cannot_be_is_told(how, message, tmp_path, monkeypatch):
    """Each parameter of `value` that cannot be used is named, with the fix, before anything is computed."""
    monkeypatch.chdir(tmp_path)
    X, V, _ = cloud(20, 3)
    stream = Stream(written(tmp_path / "rows.parquet", X, np.zeros(20, int)), Data(V, [0, 1, 0]), target="y")
    with pytest.raises(AssayError, match=message):
        stream.value(**({"out": "o.parquet"} | how))
    assert [p.name for p in tmp_path.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize(
    ("column", "bad", "message"),
    [
        ("x1", np.nan, r"column 'x1' is missing or infinite in row 17; fill it in"),
        ("x1", np.inf, r"column 'x1' is missing or infinite in row 17"),
        ("x1", None, r"column 'x1' is missing in row 17"),
        ("y", None, r"label 'y' is missing in row 17; drop or fill"),
        ("y", np.nan, r"label 'y' is missing or infinite in row 17"),
        ("id", None, r"key 'id' is missing"),
    ],
)
def test_a_missing_value_is_told_by_its_row(column, bad, message, tmp_path, monkeypatch):
    """A gap in features, labels or keys is named with its row, and nothing is left behind."""
    monkeypatch.setattr(_exact, "MOST", 4)
    X, V, _ = cloud(20, 3, 2)
    made = {"x0": X[:, 0].tolist(), "x1": X[:, 1].tolist(), "y": [0.5] * 20, "id": list(range(20))}
    made[column][17] = bad
    pq.write_table(
        pa.table({k: pa.array(v, from_pandas=False) for k, v in made.items()}), tmp_path / "rows.parquet"
    )
    stream = Stream(tmp_path / "rows.parquet", Data(V, [0.5, 1, 0]), target="y", key="id")
    with pytest.raises(AssayError, match=message):
        stream.value(tmp_path / "o.parquet")
    assert not (tmp_path / "o.parquet").exists()


def test_labels_of_two_types_are_told(tmp_path):
    """Text cannot be compared with numbers, nor be numbers."""
    X, V, _ = cloud(20, 3)
    source = written(tmp_path / "rows.parquet", X, ["a"] * 20)
    with pytest.raises(AssayError, match="use one type"):
        Stream(source, Data(V, [0, 1, 0]), target="y").plan()
    with pytest.raises(AssayError, match="is text; leave it out"):
        Stream(source, Data(V, ["a"] * 3), target="y", numbers=True).plan()


def test_memory_bounds_the_judges_under_way(tmp_path):
    """Less memory means fewer threads, and the forecast says so."""
    X, V, _ = cloud(1000, 16)
    stream = Stream(
        written(tmp_path / "rows.parquet", X, np.zeros(1000, int)), Data(V, np.zeros(16, int)), target="y"
    )
    assert [stream.work(KNNShapley(), None, bytes, 8).jobs for bytes in (55_000, 82_000, 10**9)] == [1, 2, 8]
    assert _forecast.needed(1000, 2, False) == 82_000
