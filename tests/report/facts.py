"""Facts to render: a census run as it really looks, and the odd ones that a page must survive."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from assay.report.facts import LEDGER_COLUMNS, Facts

HOSTILE = "<script>window.harmed=1</script>"
JOBS = ["Adm-clerical", "Craft-repair", "Exec-managerial", "Other-service", "Prof-specialty", "Sales"]
EDUCATION = ["Bachelors", "HS-grad", "Masters", "Some-college", "11th"]
COLUMNS = {
    "age": "number",
    "workclass": "category",
    "education": "category",
    "education-num": "number",
    "marital-status": "category",
    "occupation": "category",
    "capital-gain": "number",
    "hours-per-week": "number",
    "native-country": "category",
}


def census(seed: int = 0) -> Facts:
    """A run on 3,000 training rows: one round kept, one refused, 438 proposals, known truth."""
    rng = np.random.default_rng(seed)
    values = np.r_[rng.normal(0.0011, 0.0007, 2588), rng.normal(-0.0012, 0.0006, 412)]
    keys = [str(key) for key in rng.permutation(5000)[:3000]]
    frame = pd.DataFrame({"row_key": keys, "value": values, "stderr": rng.uniform(1e-4, 3e-4, 3000)})
    order = frame.sort_values("value")["row_key"].to_list()
    proposals = census_proposals(order[:506], rng)
    applied = proposals[proposals["state"] == "applied"]
    return Facts(
        summary=census_summary(),
        values=frame,
        lowest=census_cells(order[:20], rng),
        proposals=proposals,
        ledger=ledger_of(applied),
        verified=len(applied),
    )


def census_cells(keys: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Cells of made-up people, indexed by row key."""
    size = len(keys)
    cells = {
        "age": rng.integers(17, 80, size),
        "workclass": rng.choice(["Private", "State-gov", "Self-emp-inc"], size),
        "education": rng.choice(EDUCATION, size),
        "education-num": rng.integers(7, 14, size),
        "marital-status": rng.choice(["Married-civ-spouse", "Never-married", "Divorced"], size),
        "occupation": rng.choice(JOBS, size),
        "capital-gain": rng.choice([0, 0, 0, 99999, 15024], size),
        "hours-per-week": rng.choice([40, 40, 50, 60, 25], size),
        "native-country": rng.choice(["United-States", "Mexico", None], size),
        "income": rng.choice(["<=50K", ">50K"], size),
    }
    return pd.DataFrame(cells, index=pd.Index(keys, name="row_key"))


def census_proposals(keys: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """412 applied, 18 refused, 8 queued repairs: mostly labels, some categories and numbers."""
    states = ["applied"] * 412 + ["refused"] * 18 + ["queued"] * 8
    records = []
    for place, state in enumerate(states):
        kind = rng.choice(["label", "domain", "number"], p=[0.8, 0.12, 0.08])
        p = {
            "applied": rng.uniform(0.72, 0.99),
            "refused": rng.uniform(0.6, 0.8),
            "queued": rng.uniform(0.5, 0.7),
        }
        records.append(
            {
                "id": place + 1,
                "round": 2 if state == "refused" else 1,
                "row": keys[place],
                "confidence": 0.8,
                "p_correct": p[state],
                "state": state,
                "why": {"refused": "the batch did not beat dropping the rows"}.get(state, ""),
                **_change(str(kind), rng),
            }
        )
    return pd.DataFrame(records)


def _change(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    if kind == "label":
        old, new = rng.permutation(["<=50K", ">50K"])
        share = rng.integers(78, 99)
        why = f"Models that never saw this row give {new} probability 0.{share}, {old} 0.{100 - share:02d}."
        return _proposal("income", kind, str(old), str(new), "label", why)
    if kind == "domain":
        why = "Every other row with education-num 13 has Bachelors (487 of 487)."
        return _proposal("education", kind, "Bachelor", "Bachelors", "domain", why)
    why = "990 is far outside what rows like this have (20 to 60); a digit slip would give 99, which is not."
    return _proposal("hours-per-week", kind, 990.0, None, "number", why)


def _proposal(column: str, kind: str, old: Any, new: Any, expert: str, why: str) -> dict[str, Any]:
    return {
        "column": column,
        "kind": kind,
        "old": old,
        "new": new,
        "expert": expert,
        "evidence": {"why": why},
    }


def ledger_of(applied: pd.DataFrame, batch: int = 1) -> pd.DataFrame:
    """The chain of edits that those proposals became."""
    head, records = "", []
    for record in applied.to_dict("records"):
        head = hashlib.sha256(f"{head}{record['row']}".encode("utf-8", "replace")).hexdigest()
        at = "2026-11-22T10:23:41+00:00"
        edit = {
            "batch": batch,
            "row": record["row"],
            "column": record["column"],
            "op": "set",
            "at": at,
        }
        records.append({**edit, "undone": False, "hash": f"b2:{head}"})
    return pd.DataFrame(records, dtype=object, columns=[*LEDGER_COLUMNS, "hash"])


def arm(name: str, rows: int, loss: float, gain: tuple, score: float, score_gain: tuple) -> dict[str, Any]:
    """One arm of a round: each gain is (estimate, low, high)."""
    return {
        "arm": name,
        "rows": rows,
        "log_loss": loss,
        **dict(zip(("gain", "low", "high"), gain, strict=True)),
        "score": score,
        **dict(zip(("score_gain", "score_low", "score_high"), score_gain, strict=True)),
    }


def census_summary() -> dict[str, Any]:
    """The summary of the census run, with every figure that a run can have."""
    why = {"income": "the target", "age": "numbers with 73 different values"}
    columns = [{"name": "id", "role": "key", "kind": "number", "why": "unique in every row and named id"}]
    columns += [
        {"name": name, "role": "feature", "kind": kind, "why": why.get(name, f"few different values: {kind}")}
        for name, kind in COLUMNS.items()
    ]
    columns.append({"name": "income", "role": "target", "kind": "category", "why": "given"})
    return {
        "run": 1, "table": "census", "database": "demo/census.duckdb", "target": "income", "key": ["id"],
        "seed": 0, "started": "2026-11-22T10:21:07+00:00", "finished": "2026-11-22T10:23:55+00:00",
        "seconds": 167.6, "status": "finished",
        "stop_reason": "the second batch brought no gain on the gate rows",
        "mode": "overlay", "model": "LogisticRegression(max_iter=1000)", "score": "accuracy",
        "method": "KNNShapley",
        "method_why": "labels, 500 validation rows and 3,000 training rows: exact and fast",
        "parts": {"train": 3000, "value": 500, "gate": 750, "final": 750}, "columns": columns,
        "error_rates": [
            {"column": "income", "rate": 0.148}, {"column": "education", "rate": 0.021},
            {"column": "hours-per-week", "rate": 0.012}, {"column": "native-country", "rate": 0.004},
        ],
        "valued": 3000, "suspected": 506, "decoys": 120, "proposed": 438, "accepted": 412, "refused": 18,
        "queued": 8, "conflicts": 0, "dropped_rows": 0, "extended": 37,
        "refusals": [
            {"why": "the batch did not beat dropping the same rows on the gate rows", "count": 13},
            {"why": "the value is not one that the column has", "count": 5},
        ],
        "rounds": [first_round(), second_round()],
        "final": {
            "rows": 750,
            "before": {"log_loss": 0.4121, "score": 0.8107}, "after": {"log_loss": 0.3711, "score": 0.8293},
            "log_loss_gain": {"gain": 0.041, "low": 0.0291, "high": 0.0532},
            "score_gain": {"gain": 0.0187, "low": 0.0027, "high": 0.0347},
        },
        "leave_one_batch_out": [{"batch": 1, "edits": 412, "gain": 0.041, "low": 0.0291, "high": 0.0532}],
        "removal": {
            "share": [0, 0.05, 0.1, 0.15, 0.2, 0.3],
            "lowest": [0.4121, 0.3933, 0.3808, 0.3761, 0.3790, 0.3902],
            "random": [0.4121, 0.4119, 0.4130, 0.4127, 0.4138, 0.4151], "metric": "log_loss",
        },
        "truth": {
            "graded": 412, "right": 354, "precision": 0.8592, "low": 0.8223, "high": 0.8897,
            "by_column": [
                {"column": "income", "graded": 331, "right": 289},
                {"column": "education", "graded": 49, "right": 44},
                {"column": "hours-per-week", "graded": 32, "right": 21},
            ],
            "log_loss_before": 0.4098, "log_loss_after": 0.3691, "log_loss_true": 0.3507, "recovered": 0.689,
        },
    }  # fmt: skip


def first_round() -> dict[str, Any]:
    """A round whose repairs were kept."""
    arms = [
        arm("nothing", 0, 0.4188, (0, 0, 0), 0.808, (0, 0, 0)),
        arm("drop", 412, 0.3939, (0.0249, 0.0131, 0.0362), 0.8187, (0.0107, -0.0013, 0.0227)),
        arm("repair", 412, 0.3789, (0.0399, 0.0277, 0.0519), 0.828, (0.02, 0.004, 0.036)),
        arm("repair + drop", 418, 0.3795, (0.0393, 0.0268, 0.0514), 0.8267, (0.0187, 0.0027, 0.0347)),
        arm("random", 412, 0.4391, (-0.0203, -0.0307, -0.0101), 0.8013, (-0.0067, -0.0173, 0.004)),
    ]
    why = "gains 0.0399 on the gate rows, interval 0.0277 to 0.0519"
    return {
        "round": 1, "expert": "label", "verdict": "repair", "why": why,
        "batch": 1, "suspected": 386, "proposed": 420,
        "accepted": 412, "dropped": 0, "threshold": 0.7203, "expected_precision": 0.874, "arms": arms,
    }  # fmt: skip


def second_round() -> dict[str, Any]:
    """A round whose batch was refused: every interval holds zero."""
    arms = [
        arm("nothing", 0, 0.3789, (0, 0, 0), 0.828, (0, 0, 0)),
        arm("drop", 18, 0.3781, (0.0008, -0.0011, 0.0027), 0.828, (0, -0.004, 0.004)),
        arm("repair", 18, 0.3786, (0.0003, -0.0019, 0.0024), 0.8267, (-0.0013, -0.0053, 0.0027)),
        arm("random", 18, 0.3801, (-0.0012, -0.0031, 0.0008), 0.8267, (-0.0013, -0.0053, 0.0027)),
    ]
    return {
        "round": 2, "expert": "category", "verdict": "refused", "batch": None,
        "why": "No arm is measurably better than doing nothing.",
        "suspected": 120, "proposed": 18, "accepted": 0, "threshold": 0.72, "expected_precision": 0.78,
        "arms": arms,
    }  # fmt: skip


def nothing() -> Facts:
    """A run on a sound table: valued, nobody suspected, nothing done, no ledger."""
    full = census()
    summary = census_summary()
    summary |= dict.fromkeys(("suspected", "decoys", "proposed", "accepted", "refused", "queued"), 0)
    summary |= {"refusals": [], "leave_one_batch_out": [], "truth": None, "error_rates": []}
    summary |= {"stop_reason": "no row is worth less than nothing beyond its interval", "final": None}
    why = "No row is worth less than nothing beyond its interval."
    summary["rounds"] = [{"round": 1, "verdict": "nothing", "why": why, "batch": None, "arms": []}]
    values = full.values.assign(value=full.values["value"].abs())
    return Facts(summary=summary, values=values, lowest=full.lowest)


def dropped() -> Facts:
    """A run that set rows aside, repaired nothing, and whose final rows show no measurable change."""
    full = census()
    summary = census_summary()
    summary |= {"accepted": 0, "refused": 438, "queued": 0, "dropped_rows": 62, "truth": None}
    why = "leaving the rows out gains 0.0249, more than repairing them would"
    summary["rounds"] = [{**first_round(), "verdict": "drop", "why": why, "accepted": 0, "dropped": 62}]
    summary["error_rates"] = [{"column": "income", "rate": 0.148, "low": 0.131, "high": 0.166}]
    summary["final"] = {
        "rows": 750,
        "before": {"log_loss": 0.4121, "score": 0.8107}, "after": {"log_loss": 0.4098, "score": 0.8093},
        "log_loss_gain": {"gain": 0.0023, "low": -0.0041, "high": 0.0087},
        "score_gain": {"gain": -0.0013, "low": -0.0093, "high": 0.0067},
    }  # fmt: skip
    summary["leave_one_batch_out"] = [
        {"batch": 1, "edits": 62, "gain": 0.0023, "low": -0.0041, "high": 0.0087}
    ]
    proposals = full.proposals.assign(state="refused", why="dropping the row did better")
    ledger = full.ledger.head(62).assign(op="drop", column=None)
    return Facts(summary, full.values, full.lowest, proposals, ledger, 62)


def heights() -> Facts:
    """A run on a table whose truth nobody knows: heights as people typed them."""
    typed = [
        ("5' 4\"", 64.0),
        ("165cm", 64.96),
        ("Five foot eight inches", 68.0),
        (">9000", None),
        ("yyy", None),
    ]
    records = [
        {
            **_proposal("height", "unit", old, new, "number", "Read as a length in other units."),
            "row": f"r{place:04d}", "p_correct": 0.97 - place / 50, "round": 1, "confidence": 0.9,
            "state": "applied" if new else "queued", "why": "",
        }
        for place, (old, new) in enumerate(typed * 30)
    ]  # fmt: skip
    proposals = pd.DataFrame(records)
    summary = census_summary()
    summary |= {
        "table": "heights", "database": "demo/heights.duckdb", "target": "sex", "key": [], "truth": None,
        "parts": {"train": 657, "value": 109, "gate": 164, "final": 165}, "valued": 657, "suspected": 150,
        "proposed": 150, "accepted": 90, "refused": 0, "queued": 60, "refusals": [], "seed": 7,
        "rounds": [{**first_round(), "accepted": 90}],
    }  # fmt: skip
    rng = np.random.default_rng(3)
    values = pd.DataFrame(
        {"row_key": [f"r{place:04d}" for place in range(657)], "value": rng.normal(0, 1, 657) ** 3}
    )
    lowest = pd.DataFrame(
        {"sex": "Male", "height": [old for old, _ in typed]}, index=[f"r{n:04d}" for n in range(5)]
    )
    ledger = ledger_of(proposals[proposals["state"] == "applied"])
    return Facts(summary, values, lowest, proposals, ledger, len(ledger))


def hostile() -> Facts:
    """Names and cells made to break a page: markup, quotes, emoji, half characters, 40 columns."""
    odd = [
        HOSTILE, "</script><script>window.harmed=2</script>", "<img src=x onerror=window.harmed=3>",
        "\" onmouseover=\"window.harmed=4", "{{ 7 * 7 }}", "🙂 مرحبا \u202etxt\u202c", "half \ud83d",
        "nul \x00", "]]>", "x" * 20_000, "  blanks  ", "", "two\nlines",
         "https://example.org/pixel.png", "a\tb",
    ]  # fmt: skip
    gaps = [None, float("nan"), pd.NaT, pd.NA]
    cells: list[Any] = [*odd, *gaps, np.inf, 10**30, [0.5, 1.5], True, np.float32(0.1)]
    size = len(odd)
    keys = pd.Index([f"{text}{place}" for place, text in enumerate(odd)], dtype=object)
    names = pd.Index([f"{HOSTILE} {at}" for at in range(40)], dtype=object)
    table = [[cells[(at + row) % len(cells)] for at in range(40)] for row in range(size)]
    values = {"row_key": pd.Series(keys, dtype=object), "value": np.linspace(-1, 1, size), "stderr": np.nan}
    records = [
        {
            **_proposal(HOSTILE, "odd", old, cells[place - 1], odd[place % size], odd[place % size]),
            "row": keys[place % size], "p_correct": None if place % 3 else 0.5, "why": odd[place % size],
            "state": ("applied", "queued", "refused")[place % 3],
        }
        for place, old in enumerate(cells)
    ]  # fmt: skip
    proposals = pd.DataFrame(records, dtype=object)
    return Facts(
        hostile_summary(odd),
        pd.DataFrame(values),
        pd.DataFrame(table, keys, names, dtype=object),
        proposals,
        ledger_of(proposals[proposals["state"] == "applied"]),
        several=True,
    )


def hostile_summary(odd: list[str]) -> dict[str, Any]:
    """A summary whose every free text is one of `odd`."""
    summary = census_summary()
    summary |= dict.fromkeys(("table", "database", "target", "model", "method_why", "stop_reason"), HOSTILE)
    summary |= {"key": odd, "refusals": [{"why": text, "count": 1} for text in odd]}
    summary["columns"] = [{"name": text, "role": text, "kind": text, "why": text} for text in odd]
    summary["error_rates"] = [{"column": text, "rate": 0.1, "low": 0.0, "high": 0.2} for text in odd]
    summary["rounds"][0] |= {"why": HOSTILE, "verdict": HOSTILE}
    summary["rounds"][0]["arms"][2]["arm"] = HOSTILE
    summary["truth"]["by_column"] = [{"column": text, "graded": 1, "right": 1} for text in odd]
    return summary


def bare() -> Facts:
    """The least that a finished run can say."""
    empty = pd.DataFrame({"row_key": [], "value": [], "stderr": []})
    return Facts({"run": 9, "table": "t", "database": "t.duckdb"}, empty, pd.DataFrame())


ALL = {build.__name__: build for build in (census, nothing, dropped, heights, hostile, bare)}
