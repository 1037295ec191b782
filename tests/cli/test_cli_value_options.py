"""`assay value`: forecasts, rankings, groups and jobs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up import people

ROLES = ("--target", "rich", "--key", "id")


@pytest.fixture
def owned_csv(tmp_path):
    """The table with an owner for each row, half of it to judge."""
    frame = people()
    frame["owner"] = np.where(np.arange(len(frame)) % 3 == 0, "ann", "bob")
    frame["part"] = np.where(np.arange(len(frame)) % 2 == 0, "train", "value")
    path = tmp_path / "owned.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_forecast_computes_nothing_else(call, people_csv):
    """It says evaluations, time and memory, for the limit that was given."""
    answer = call("value", people_csv, *ROLES, "--method", "Shapley", "--evals", 3000, "--forecast", "--json")
    told = json.loads(answer.out)
    assert answer.code == 0
    assert told["method"].startswith("Shapley")
    assert 0 < told["evals"] <= 3000
    assert told["seconds"] > 0 < told["bytes"]
    assert "rows" not in told


def test_owners_share_the_whole_among_them(call, owned_csv):
    """Two owners are valued, exactly, and share what all rows are worth beyond a guess."""
    roles = ("--part", "part", "--group", "owner", "--by-group", "--json")
    told = json.loads(call("value", owned_csv, *ROLES, *roles).out)
    assert [row["id"] for row in told["rows"]] == ["ann", "bob"]
    assert all(row["stderr"] != row["stderr"] or row["stderr"] is None for row in told["rows"])
    plain = call("value", owned_csv, *ROLES, *roles[:-1]).out
    assert "2 groups valued by Shapley" in plain


@pytest.mark.parametrize("roles", [("--group", "town"), ()])
def test_owners_need_a_column_and_judges(call, people_csv, roles):
    """Without either it is refused, in the words of the command line."""
    answer = call("value", people_csv, *ROLES, *roles, "--by-group")
    assert answer.code == 2
    assert "--by-group needs --group, and --part" in answer.err


def test_a_ranking_alone_cannot_be_foreseen(call, people_csv):
    """A forecast of a run that ends by ranking only is refused."""
    answer = call("value", people_csv, *ROLES, "--method", "Shapley", "--ranked", "--forecast")
    assert answer.code == 2
    assert "cannot foresee" in answer.err


def test_jobs_change_no_value(call, people_csv):
    """Two workers give the values of one."""
    one, two = (
        json.loads(
            call("value", people_csv, *ROLES, "--method", "Banzhaf", "--evals", 200, "--json", *jobs).out
        )["rows"]
        for jobs in ((), ("--jobs", 2))
    )
    assert one == two
