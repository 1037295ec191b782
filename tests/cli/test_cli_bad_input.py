"""Bad input is one clear sentence and exit code 2; nothing is written. Odd but good names work."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from made_up import people, people_true


def listing(folder: Path) -> dict[str, str]:
    """Return every file below `folder` with the hash of what is in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refused(call, folder: Path, *words: object) -> str:
    """Run a command line that must be refused and return its one sentence."""
    before = listing(folder)
    answer = call(*words)
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err
    assert listing(folder) == before
    return answer.err


def database(path: Path, table: str = "people", frame: pd.DataFrame | None = None) -> Path:
    """Write a table into a new DuckDB file."""
    frame = people() if frame is None else frame
    with duckdb.connect(str(path)) as connection:
        connection.register("given", frame)
        quoted = '"' + table.replace('"', '""') + '"'
        connection.execute(f"CREATE TABLE {quoted} AS SELECT * FROM given")
    return path


COMMANDS = pytest.mark.parametrize("command", ["improve", "value"])


@COMMANDS
def test_missing_file(call, tmp_path, command):
    """A file that is not there is named."""
    assert "no.csv" in refused(call, tmp_path, command, tmp_path / "no.csv", "--target", "rich")


@COMMANDS
def test_directory(call, tmp_path, command):
    """A directory is not a table."""
    assert "directory" in refused(call, tmp_path, command, tmp_path, "--target", "rich")


@COMMANDS
def test_wrong_target(call, tmp_path, people_csv, command):
    """A column that is not there is named, with the nearest one that is."""
    sentence = refused(call, tmp_path, command, people_csv, "--target", "ritch", "--key", "id")
    assert "'ritch'" in sentence
    assert "rich" in sentence.replace("ritch", "")


@pytest.mark.parametrize("option", ["--key", "--features", "--ignore", "--group", "--part"])
def test_wrong_column(call, tmp_path, people_csv, option):
    """Every option that names a column refuses one that is not there."""
    assert "'nope'" in refused(call, tmp_path, "improve", people_csv, "--target", "rich", option, "nope")


def test_wrong_kind(call, tmp_path, people_csv):
    """A kind that does not exist, or of a column that does not, is refused."""
    common = ("improve", people_csv, "--target", "rich", "--key", "id", "--kind")
    assert "figure" in refused(call, tmp_path, *common, "age=figure")
    assert "nope" in refused(call, tmp_path, *common, "nope=number")
    assert "COLUMN=KIND" in refused(call, tmp_path, *common, "number")


def test_no_key(call, tmp_path):
    """A table without anything that tells rows apart is refused, and the way out is named."""
    people().drop(columns="id").to_csv(tmp_path / "x.csv", index=False)
    assert "--number-rows" in refused(
        call, tmp_path, "improve", tmp_path / "x.csv", "--target", "rich"
    ).replace("number_rows", "--number-rows")


def test_duplicate_keys(call, tmp_path):
    """Two rows with one key are refused, and the key is named."""
    frame = people()
    frame.loc[5, "id"] = frame.loc[4, "id"]
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert "1004" in refused(call, tmp_path, "improve", tmp_path / "x.csv", "--target", "rich", "--key", "id")


@COMMANDS
def test_one_class(call, tmp_path, command):
    """A target with one class teaches nothing."""
    people().assign(rich="yes").to_csv(tmp_path / "x.csv", index=False)
    assert "rich" in refused(call, tmp_path, command, tmp_path / "x.csv", "--target", "rich", "--key", "id")


@COMMANDS
def test_missing_target(call, tmp_path, command):
    """A target without any value is refused."""
    people().assign(rich=None).to_csv(tmp_path / "x.csv", index=False)
    assert "rich" in refused(call, tmp_path, command, tmp_path / "x.csv", "--target", "rich", "--key", "id")


def test_missing_feature(call, tmp_path):
    """A feature asked for without any value is refused."""
    people().assign(age=None).to_csv(tmp_path / "x.csv", index=False)
    line = (
        "improve",
        tmp_path / "x.csv",
        "--target",
        "rich",
        "--key",
        "id",
        "--features",
        "age",
        "--features",
        "town",
    )
    assert "age" in refused(call, tmp_path, *line)


@COMMANDS
def test_target_in_features(call, tmp_path, people_csv, command):
    """The target among the features would be seen by the model that predicts it."""
    line = (command, people_csv, "--target", "rich", "--key", "id", "--features", "age", "--features", "rich")
    assert "rich" in refused(call, tmp_path, *line)


def test_three_rows(call, tmp_path):
    """Three rows cannot be split into four parts."""
    people(3).assign(rich=["yes", "no", "yes"]).to_csv(tmp_path / "x.csv", index=False)
    assert "3 rows" in refused(
        call, tmp_path, "improve", tmp_path / "x.csv", "--target", "rich", "--key", "id"
    )


@COMMANDS
@pytest.mark.parametrize("content", ["", "id,age,rich\n"])
def test_empty_csv(call, tmp_path, command, content):
    """An empty file and one with a header only are refused."""
    (tmp_path / "x.csv").write_text(content)
    assert "x" in refused(call, tmp_path, command, tmp_path / "x.csv", "--target", "rich", "--key", "id")


@COMMANDS
def test_not_utf8(call, tmp_path, command):
    """A CSV in another encoding is refused, and the encoding that is needed is named."""
    text = people().assign(town="Zürich").to_csv(index=False)
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    assert "UTF-8" in refused(call, tmp_path, command, tmp_path / "x.csv", "--target", "rich", "--key", "id")


def test_not_what_it_says(call, tmp_path):
    """A text file called .parquet or .duckdb is refused."""
    for name in ("x.parquet", "x.duckdb"):
        (tmp_path / name).write_text("hello")
        assert name in refused(call, tmp_path, "improve", tmp_path / name, "--target", "rich", "--key", "id")


def test_unknown_ending(call, tmp_path):
    """A file of another kind is refused."""
    (tmp_path / "x.docx").write_text("hello")
    assert "x.docx" in refused(call, tmp_path, "improve", tmp_path / "x.docx", "--target", "rich")


def test_unknown_model_score_method(call, tmp_path, people_csv):
    """A model, score or method that does not exist gets the nearest name that does."""
    common = (people_csv, "--target", "rich", "--key", "id")
    assert "'forest'" in refused(call, tmp_path, "improve", *common, "--model", "forrest")
    assert "'roc_auc'" in refused(call, tmp_path, "improve", *common, "--score", "roc_aux")
    assert "KNNShapley" in refused(call, tmp_path, "value", *common, "--method", "KNNShapely")


def test_output_is_checked_first(call, tmp_path, people_csv):
    """A place that cannot be written to is refused before any work."""
    common = ("value", people_csv, "--target", "rich", "--key", "id", "--output")
    assert ".parquet or .csv" in refused(call, tmp_path, *common, tmp_path / "x.xlsx")
    assert "no" in refused(call, tmp_path, *common, tmp_path / "no" / "x.csv")


def test_db_in_no_folder(call, tmp_path, people_csv):
    """A --db in a folder that does not exist is refused."""
    line = ("improve", people_csv, "--target", "rich", "--key", "id", "--db", tmp_path / "no" / "x.duckdb")
    assert "no" in refused(call, tmp_path, *line)


@pytest.mark.parametrize("command", ["show", "log", "revert", "report"])
def test_no_database(call, tmp_path, command):
    """A database that is not there is never made."""
    words = (command, tmp_path / "no.duckdb", *(["1"] if command == "show" else []))
    assert "no.duckdb" in refused(call, tmp_path, *words)


def test_two_tables(call, tmp_path):
    """A database with two tables needs --table, and the names are listed; a wrong one too."""
    path = database(database(tmp_path / "x.duckdb", "people"), "orders")
    sentence = refused(call, tmp_path, "improve", path, "--target", "rich", "--key", "id")
    assert "orders" in sentence
    assert "people" in sentence
    assert "poeple" in refused(call, tmp_path, "improve", path, "--table", "poeple", "--target", "rich")


def test_bad_role_in_a_database(call, tmp_path):
    """Nothing is written into a user's database either."""
    path = database(tmp_path / "x.duckdb")
    refused(call, tmp_path, "improve", path, "--target", "nope", "--key", "id")
    refused(call, tmp_path, "improve", path, "--target", "rich", "--key", "id", "--model", "forrest")
    refused(call, tmp_path, "improve", path, "--target", "rich", "--key", "town")


def test_locked(call, tmp_path):
    """A database that another process holds is refused by name, for every command."""
    path = database(tmp_path / "x.duckdb")
    code = (
        f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        for words in (
            ["improve", path, "--target", "rich"],
            ["value", path, "--target", "rich"],
            ["log", path],
        ):
            assert "x.duckdb" in refused(call, tmp_path, *words)
    finally:
        holder.stdin.close()
        holder.stdout.close()
        holder.wait(10)


def test_in_a_process_of_its_own(tmp_path):
    """What the shell sees is the same: exit code 2, one line on stderr, nothing on stdout."""
    words = [sys.executable, "-m", "assay", "improve", str(tmp_path / "no.csv"), "--target", "y"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


ODD = ["select", 'a "quoted" name', "it's; DROP TABLE x", "päivä 日", "with space", "order"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_work(call, tmp_path, name):
    """SQL keywords, quotes and blanks in the names of table and columns are names like any other."""
    frame = people().rename(columns={"age": name, "rich": f"{name} target", "id": f"{name} id"})
    path = database(tmp_path / "x.duckdb", name, frame)
    answer = call(
        "value",
        path,
        "--table",
        name,
        "--target",
        f"{name} target",
        "--key",
        f"{name} id",
        "--evals",
        1,
        "--json",
    )
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["method"] == "Consensus"


def test_value_changes_nothing(call, tmp_path, people_csv):
    """Valuing a file or a table writes nothing."""
    path = database(tmp_path / "x.duckdb")
    before = listing(tmp_path)
    for source in (path, people_csv):
        assert call("value", source, "--target", "rich", "--key", "id").code == 0
    assert listing(tmp_path) == before


def test_wrong_labels_are_the_lowest(call, tmp_path, people_csv):
    """`value` finds wrong labels: they are over-represented among the lowest rows."""
    answer = call("value", people_csv, "--target", "rich", "--key", "id", "--output", tmp_path / "v.csv")
    assert answer.code == 0, answer.err
    values = pd.read_csv(tmp_path / "v.csv").set_index("id")["value"]
    frame = people().set_index("id")
    wrong = (frame["rich"] != people_true().set_index("id")["rich"]).to_numpy()
    lowest = set(values.nsmallest(int(wrong.sum())).index)
    found = np.mean([key in lowest for key in frame.index[wrong]])
    assert found > 3 * wrong.mean()
