"""A finished run is told in full, from its summary alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assay.cli._summary import counts, everything, final, guesses, rounds, truth


def arm(name: str, gain: float, *, rows: int = 600) -> dict[str, Any]:
    """Return one arm; its interval is the gain and one hundredth on both sides."""
    figures = {"gain": gain, "low": gain - 0.01, "high": gain + 0.01}
    scores = {"score_gain": gain / 2, "score_low": gain / 2 - 0.01, "score_high": gain / 2 + 0.01}
    return {"arm": name, "rows": rows, "log_loss": 0.4 - gain, "score": 0.81 + gain / 2, **figures, **scores}


@pytest.fixture
def summary() -> dict[str, Any]:
    """Return the summary of a run with one round that was kept and one that was refused."""
    gain = {"gain": 0.0311, "low": 0.0122, "high": 0.0513}
    first = {
        "round": 1,
        "verdict": "repair",
        "expert": "label",
        "why": "It beats dropping the rows",
        "batch": 4,
        "suspected": 90,
    }
    first |= {"proposed": 80, "sure": 66, "accepted": 66, "threshold": 0.723, "expected_precision": 0.874}
    first["arms"] = [
        arm("nothing", 0.0),
        arm("drop", 0.021, rows=534),
        arm("repair", 0.043),
        arm("random", -0.033),
    ]
    second = {"round": 2, "verdict": "nothing", "why": "Nobody is suspected.", "batch": None, "arms": []}
    return {
        "run": 7,
        "table": "census",
        "database": "demo/census.duckdb",
        "target": "income",
        "key": ["id"],
        "seed": 0,
        "seconds": 61.23,
        "status": "finished",
        "stop_reason": "the second round found nothing",
        "mode": "overlay",
        "model": "LogisticRegression",
        "score": "accuracy",
        "method": "KNNShapley",
        "method_why": "exact and fast",
        "parts": {"train": 600, "value": 100, "gate": 151, "final": 152},
        "columns": [{"name": "income", "role": "target", "kind": "category", "why": "given"}],
        "error_rates": [{"column": "income", "rate": 0.151, "low": 0.132, "high": 0.173}],
        "valued": 600,
        "suspected": 90,
        "decoys": 18,
        "proposed": 80,
        "accepted": 66,
        "refused": 11,
        "queued": 3,
        "conflicts": 0,
        "dropped_rows": 5,
        "refusals": [{"why": "a decoy was changed", "count": 11}],
        "rounds": [first, second],
        "final": {
            "rows": 152,
            "before": {"log_loss": 0.4121, "score": 0.8107},
            "after": {"log_loss": 0.381, "score": 0.829},
            "log_loss_gain": gain,
            "score_gain": {"gain": -0.002, "low": -0.01, "high": 0.006},
        },
        "leave_one_batch_out": [{"batch": 4, "edits": 71, **gain}],
        "removal": None,
        "truth": {
            "graded": 66,
            "right": 58,
            "precision": 0.8788,
            "low": 0.778,
            "high": 0.937,
            "by_column": [{"column": "income", "graded": 60, "right": 54}],
            "log_loss_before": 0.41,
            "log_loss_after": 0.38,
            "log_loss_gain": gain,
            "score_before": 0.81,
            "score_after": 0.83,
            "score_gain": {"gain": 0.02, "low": 0.01, "high": 0.03},
            "log_loss_true": 0.352,
            "recovered": 0.517,
        },
    }


def flat(text: str) -> str:
    """Return printed text with single blanks."""
    return re.sub(r"\s+", " ", text)


def test_counts(summary, capsys):
    """Rows valued and suspected, repairs proposed, accepted and refused with why, are all told."""
    counts(summary | {"extended": 12})
    out = flat(capsys.readouterr().out)
    for fact in (
        "train 600, value 100, gate 151, final 152",
        "rows valued 600 by KNNShapley: Exact and fast.",
        "rows suspected 90; 18 decoys",
        "income: about 15.1% of the cells are wrong (13.2% to 17.3%)",
        "80 proposed: 66 accepted, 11 refused, 3 queued, 0 conflicts",
        "11 refused: A decoy was changed.",
        "rows set aside 5",
        "carried over 12 cells of other rows",
    ):
        assert fact in out


def test_rounds(summary, capsys):
    """Every arm is told with its paired gain and interval, in log-loss and in the score."""
    rounds(summary)
    out = flat(capsys.readouterr().out)
    assert "Round 1, label expert: repair. It beats dropping the rows." in out
    assert "66 of 80 proposals pass the threshold of 0.723; 87.4% of them should be right" in out
    assert "drop 534 0.379 +0.0210 (+0.0110 to +0.0310) 0.8205 +0.0105 (+0.0005 to +0.0205)" in out
    assert "random 600 0.433 -0.0330 (-0.0430 to -0.0230)" in out
    assert "Round 2: nothing. Nobody is suspected." in out


def test_final(summary, capsys):
    """The final rows are told before and after, with the interval of the gain."""
    final(summary)
    out = flat(capsys.readouterr().out)
    assert "The 152 final rows" in out
    assert "before 0.4121 0.8107" in out
    assert "after 0.381 0.829" in out
    assert "gain (95%) +0.0311 (+0.0122 to +0.0513) -0.0020 (-0.0100 to +0.0060)" in out
    assert "4 71 +0.0311" in out


def test_truth(summary, capsys):
    """Precision against the truth is told with its interval, and what the errors cost."""
    truth(summary)
    out = flat(capsys.readouterr().out)
    assert "58 of 66 accepted repairs are right: 87.9% (77.8% to 93.7%)" in out
    assert "log-loss 0.352; 51.7% of what the errors cost is won back" in out
    assert "log-loss 0.41 before, 0.38 after: gain +0.0311 (+0.0122 to +0.0513)" in out
    assert "accuracy 0.81 before, 0.83 after: gain +0.0200 (+0.0100 to +0.0300)" in out
    assert "income 60 54" in out


def test_no_truth(summary, capsys):
    """Where the truth is not known nothing is said of it."""
    truth(summary | {"truth": None})
    assert capsys.readouterr().out == ""


def test_way_back(summary, capsys, monkeypatch):
    """The report and the command that undoes the run are told with the path as it was typed."""
    monkeypatch.setattr("assay.cli._print.program", lambda: "assay")
    everything(summary, database="my demo/census.duckdb", report="my demo/census.html")
    out = capsys.readouterr().out
    assert "assay revert 'my demo/census.duckdb' --run 7" in out
    assert "my demo/census.html" in out
    assert "It ended after 61.2 s: The second round found nothing." in out


def test_nothing_to_do(summary, capsys):
    """A run that changed nothing is told too: no final rows, no batches, no arms."""
    idle = {"final": None, "leave_one_batch_out": [], "truth": None, "rounds": [summary["rounds"][1]]}
    everything(summary | idle, database="x.duckdb")
    assert "Round 2: nothing." in capsys.readouterr().out


def test_guesses(summary, capsys):
    """Each column is told with its role, kind and why."""
    guesses(summary["columns"])
    assert "income target category given" in flat(capsys.readouterr().out)
