"""The number expert: what a person would read in strange cells, and silence on ordinary ones."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data import census_true, heights
from assay.repair.experts._bulk import Bulk
from assay.repair.experts._expert import Candidate
from assay.repair.experts.number import NumberExpert
from assay.tables import Roles, Table, as_number, load

# Every text that is no plain number in the students' heights, and the inches that a person reads in it; None
# where nobody can tell. `5'12` is 60 + 12, `6*12` a product; `2'33` has more inches than feet have; `1,70` is
# a decimal comma, `5,3` feet and inches as 5.3 is; six digits and `>9000` are no heights in any unit.
READ: dict[str, float | None] = {
    "5' 4\"": 64, "165cm": 64.96, "5'7": 67, ">9000": None, "5'7\"": 67, "5'3\"": 63,
    "5 feet and 8.11 inches": 68.11, "5'11": 71, "5'9''": 69, "5'10''": 70, "5,3": 63, "6'": 72, "6,8": 80,
    "5' 10": 70, "Five foot eight inches": 68, "5'5\"": 65, "5'2\"": 62, "5,4": 64, "5'3": 63, "5'3''": 63,
    "5'7''": 67, "5'12": 72, "2'33": None, "5,8": 68, "5'6''": 66, "5'4": 64, "1,70": 66.93,
    "5'7.5''": 67.5, "5' 7.78\"": 67.78, "yyy": None, "5'5": 65, "5'8": 68, "5'6": 66, "5 feet 7inches": 67,
    "6*12": 72, "5 .11": 71, "5 11": 71, "5'8\"": 68, "5'11\"": 71, "5' 11\"": 71, "6'1\"": 73, "69\"": 69,
    "5' 7\"": 67, "5'10": 70, "5ft 9 inches": 69, "5 ft 9 inches": 69, "5'2": 62, "5'11''": 71,
    "708,661": None, "5 feet 6 inches": 66, "6'3\"": 75, "649,606": None, "728,346": None, "6 04": 76,
    "5'9": 69, "5'5''": 65, "6'4\"": 76, "170 cm": 66.93, "7,283,465": None,
}  # fmt: skip
# Numbers out of 50..84 that have one likely meaning. A point parts feet and inches (5.9, 5.11) unless no
# number of inches follows (5.25, 5.75); 511 is 5 ft 11 in, since 511 cm or mm is no height.
MEANT: dict[str, float] = {
    "150": 59.06, "157": 61.81, "165": 64.96, "170": 66.93, "180": 70.87, "192": 75.59, "1.6": 62.99,
    "1.7": 66.93, "5": 60, "6": 72, "5.2": 62, "5.5": 65, "5.9": 69, "5.11": 71, "6.1": 73, "6.3": 75,
    "5.25": 63, "5.75": 69, "511": 71,
}  # fmt: skip
NO_MEANING = ("0", "1", "12", "22", "25", "34", "111", "300", "10000", "11111")

# Rare or unclear, and not far enough from the others to be called wrong.
UNTOUCHED = ("86", "89", "100", "103.2", "120")


def _table(kinds: dict[str, str] | None = None, target: str | None = None, **columns: Any) -> Table:
    frame = pd.DataFrame(columns)
    kinds = kinds or dict.fromkeys(columns, "number")
    features = tuple(name for name in columns if name != target)
    return Table("made", frame, Roles((), target, features, kinds=kinds, why=dict.fromkeys(columns, "given")))


def _propose(table: Table) -> list[Candidate]:
    return NumberExpert().propose(table, np.random.default_rng(0))


def _best(found: list[Candidate]) -> dict[int, Candidate]:
    """The likeliest candidate of each row."""
    best: dict[int, Candidate] = {}
    for candidate in found:
        if candidate.row not in best or candidate.confidence > best[candidate.row].confidence:
            best[candidate.row] = candidate
    return best


@pytest.fixture(scope="module")
def typed() -> pd.Series:
    """The bundled heights as typed."""
    return heights().frame["height"]


@pytest.fixture(scope="module")
def of_heights(typed: pd.Series) -> list[Candidate]:
    """What the expert proposes for the bundled heights."""
    return _propose(_table(height=typed))


def test_every_text_that_is_a_height_is_read_as_a_person_reads_it(
    typed: pd.Series, of_heights: list[Candidate]
) -> None:
    """All 74 readable ones of the 81 texts become their inches; the 7 others missing, never a number."""
    best = _best(of_heights)
    odd = typed[as_number(typed).isna()]
    assert len(odd) == 81
    assert {text: best[row].new for row, text in odd.items()} == READ
    assert sum(READ[text] is not None for text in odd) == 74


def test_numbers_in_other_units_are_converted(typed: pd.Series, of_heights: list[Candidate]) -> None:
    """Centimetres, metres, feet and both notations of feet and inches; what means nothing gets no number."""
    best = {typed[row]: candidate for row, candidate in _best(of_heights).items()}
    assert {text: best[text].new for text in MEANT} == MEANT
    assert all(best[text].kind == "unit" for text in MEANT)
    assert {text: best[text].new for text in NO_MEANING} == dict.fromkeys(NO_MEANING)
    assert not {candidate.old for candidate in of_heights} & set(UNTOUCHED)


def test_units_that_few_leave_unsaid_are_the_last_guess(of_heights: list[Candidate]) -> None:
    """2 may be metres; that it is yards, 72 inches, would be far likelier by the heights alone."""
    assert {candidate.new for candidate in of_heights if candidate.old == "2"} == {78.74, None}


def test_entries_between_50_and_84_are_left_alone(typed: pd.Series, of_heights: list[Candidate]) -> None:
    """Not one of the 803 ordinary heights has a candidate."""
    ordinary = as_number(typed).between(50, 84)
    assert ordinary.sum() == 803
    assert not [candidate for candidate in of_heights if ordinary[candidate.row]]


def test_confidence_orders_right_readings_above_wrong_ones(
    typed: pd.Series, of_heights: list[Candidate]
) -> None:
    """Over all candidates for cells whose meaning is known, a right one beats a wrong one 49 times in 50."""
    known = {**READ, **MEANT}
    graded = [
        (candidate.confidence, candidate.new == known[typed[candidate.row]])
        for candidate in of_heights
        if typed[candidate.row] in known
    ]
    right = np.array([confidence for confidence, hit in graded if hit])
    wrong = np.array([confidence for confidence, hit in graded if not hit])
    assert len(wrong) > 10
    assert (right[:, None] > wrong).mean() > 0.98


def test_evidence_is_json_with_numbers_and_a_sentence(of_heights: list[Candidate]) -> None:
    """Each kind of candidate has the same numeric features, finite, and says why in words."""
    names = {frozenset(candidate.evidence) for candidate in of_heights}
    assert len(names) == 1
    for candidate in of_heights:
        numbers = {key: value for key, value in candidate.evidence.items() if key != "why"}
        assert all(isinstance(value, float) and np.isfinite(value) for value in numbers.values())
        assert json.loads(json.dumps(dict(candidate.evidence)))["why"]
    why = next(candidate for candidate in of_heights if candidate.old == "165cm").evidence["why"]
    assert "165cm as cm is 64.96 in" in why
    assert "look like inches" in why


def test_the_true_census_is_left_alone() -> None:
    """Heavy tails and columns of zeros are no errors: at most one cell in a thousand gets a candidate."""
    demo = census_true()
    table = load(demo.frame.drop(columns="part"), key=demo.key, target=demo.target)
    numbers = sum(kind == "number" for kind in table.roles.kinds.values())
    found = {(candidate.row, candidate.column) for candidate in _propose(table)}
    assert numbers >= 5
    assert len(found) <= 0.001 * numbers * len(table.frame)


def _bulk(seed: int, centre: float, spread: float, rows: int = 400) -> list[float]:
    return np.random.default_rng(seed).normal(centre, spread, rows).round(1).tolist()


def test_pounds_in_a_column_of_kilograms_are_converted() -> None:
    """Marked pounds and stones among plain kilograms, with the column's unit inferred."""
    column = [str(value) for value in _bulk(0, 72, 12)]
    column[:4] = ["150 lb", "180lbs", "11st 4", "165 pounds"]
    best = _best(_propose(_table(weight=column)))
    assert [best[row].new for row in range(4)] == [68.04, 81.65, 71.67, 74.84]


def test_one_marked_text_tells_the_unit_of_a_column_without_a_name() -> None:
    """`150 lb` fits the others only if these are kilograms."""
    column = [str(value) for value in _bulk(0, 72, 12)]
    column[0] = "150 lb"
    found = _best(_propose(_table(x=column)))
    assert found[0].new == 68.04
    assert found[0].confidence > 0.5


def test_a_factor_that_many_rows_share_is_a_unit() -> None:
    """Grams among kilograms, without any text: 20 rows a thousand times too large."""
    values = _bulk(1, 72, 6)
    meant = values[:20]
    found = _best(_propose(_table(x=[1000 * value for value in meant] + values[20:])))
    assert set(found) == set(range(20))
    assert [found[row].new for row in range(20)] == pytest.approx(meant)
    assert all(found[row].kind == "unit" and found[row].confidence > 0.8 for row in range(20))


def test_a_lone_slip_of_the_hand_has_low_confidence() -> None:
    """One number ten times too large may be many things."""
    values = _bulk(2, 72, 3)
    values[7] = 715.0
    found = _propose(_table(x=values))
    assert {candidate.row for candidate in found} == {7}
    assert 71.5 in {candidate.new for candidate in found}
    assert all(candidate.kind == "digit" for candidate in found if candidate.new is not None)
    assert all(candidate.confidence < 0.3 for candidate in found if candidate.new is not None)


def test_fahrenheit_among_celsius_is_converted_where_it_stands_apart() -> None:
    """A unit with another zero, named by the column's name alone."""
    celsius = np.array(_bulk(3, 20, 3))
    column = np.where(np.arange(len(celsius)) < 25, (celsius * 1.8 + 32).round(1), celsius)
    found = _best(_propose(_table(temperature=column)))
    assert 24 <= len(found) <= 25
    assert max(found) < 25
    assert all(found[row].new == pytest.approx(celsius[row], abs=0.06) for row in found)


def test_ounces_written_out_everywhere_become_numbers() -> None:
    """A column in which every cell names the same unit, as in the beers table."""
    column = ["12.0 oz", "12.0 oz.", "16.0 ounce", "12.0 OZ.", "16.0 oz. Alumi-Tek", "8.4 oz"] * 20
    best = _best(_propose(_table(ounces=column)))
    assert [best[row].new for row in range(6)] == [12.0, 12.0, 16.0, 12.0, 16.0, 8.4]


@pytest.mark.parametrize(("factor", "first"), [(1.0, 42.2), (0.01, 0.422)])
def test_percent_signs_follow_the_column(factor: float, first: float) -> None:
    """`42.2%` is 42.2 in a column of percentages and 0.422 in a column of shares."""
    values = np.random.default_rng(4).uniform(2, 95, 300).round(1)
    column = [
        "42.2%",
        *(f"{value}%" for value in values[:20]),
        *(f"{value * factor:.6g}" for value in values),
    ]
    assert _best(_propose(_table(abv=column)))[0].new == pytest.approx(first)


def test_prices_with_marks_and_separators_are_read() -> None:
    """Dollar signs and English thousands."""
    prices = np.exp(np.random.default_rng(5).normal(7, 0.8, 300)).round(2)
    column = ["$1,234.50", "2,345.00", "$ 999", "US$ 1.5k", *(str(price) for price in prices)]
    best = _best(_propose(_table(price=column)))
    assert [best[row].new for row in range(4)] == [1234.5, 2345.0, 999.0, 1500.0]


def test_stand_ins_for_missing_become_missing() -> None:
    """-999 that repeats, and words that say that there is nothing."""
    column: list[Any] = _bulk(6, 20, 4)
    column[:5] = [-999] * 5
    column[10:12] = ["N/A", "unknown"]
    found = _propose(_table(x=pd.Series(column, dtype=object)))
    assert {candidate.row for candidate in found} == {0, 1, 2, 3, 4, 10, 11}
    assert all(candidate.new is None and candidate.kind == "sentinel" for candidate in found)
    assert all(candidate.confidence > 0.6 for candidate in found)


def test_beside_a_spike_only_an_alien_sign_is_called_missing() -> None:
    """99999 that caps a column of mostly zeros stays, however often it stands there; -99999 does not."""
    rng = np.random.default_rng(9)
    gains = rng.lognormal(8.5, 0.3, 300).round()
    column = np.concatenate([np.zeros(2700), gains, [99999.0] * 20, [-99999.0] * 5])
    found = _propose(_table(gain=column))
    assert {(candidate.old, candidate.new, candidate.kind) for candidate in found} == {
        (-99999.0, None, "sentinel")
    }


def test_what_repeats_is_no_slip_of_the_hand() -> None:
    """715 once may be 71.5; ten times the same it is not."""
    values = _bulk(2, 72, 3)
    values[:10] = [715.0] * 10
    assert "digit" not in {candidate.kind for candidate in _propose(_table(x=values))}


def test_the_other_columns_decide_between_two_readings() -> None:
    """5.1 is 5 ft 10 in, a zero lost, where such rows are tall, and 5 ft 1 in where they are short."""
    rng = np.random.default_rng(7)
    tall = rng.integers(0, 2, 800).astype(bool)
    inches = np.where(tall, rng.normal(70, 1.5, 800), rng.normal(61, 1.5, 800)).round()
    column: list[Any] = [f"{value:.0f}" for value in inches]
    column[:3], tall[:3] = ["5.1", "5.1", "5' 1\""], [True, False, False]
    for row in range(3, 40):
        column[row] = f"{int(inches[row]) // 12}' {int(inches[row]) % 12}\""
    found = _propose(_table({"tall": "boolean", "height": "number"}, tall=tall, height=column))
    weight = {(candidate.row, candidate.new): candidate.confidence for candidate in found}
    assert weight.get((0, 70.0), 0) > weight.get((1, 70.0), 0)
    assert weight.get((1, 61.0), 0) > weight.get((0, 61.0), 0)


def test_strange_other_columns_do_no_harm() -> None:
    """Missing, huge, infinite, mixed and constant columns beside a repaired one."""
    values = _bulk(8, 170, 8)
    values[:3] = [1.7, 1.8, 1.65]
    n = len(values)
    kinds = dict.fromkeys(("height_cm", "gone", "huge", "same"), "number") | {"mixed": "category"}
    others = {
        "gone": [None] * n,
        "huge": [1e99, -np.inf] * (n // 2),
        "same": [1] * n,
        "mixed": [1, "a"] * (n // 2),
    }
    best = _best(_propose(_table(kinds, height_cm=values, **others)))
    assert [best[row].new for row in range(3)] == [170, 180, 165]


def test_the_target_is_neither_repaired_nor_consulted() -> None:
    """A repair that follows the label would flatter the model that is judged by it."""
    values = _bulk(8, 170, 8)
    values[:3] = [1.7, 1.8, 1.65]
    label = np.arange(len(values)) % 2
    kinds = {"height_cm": "number", "y": "number"}
    one = _propose(_table(kinds, target="y", height_cm=values, y=label))
    other = _propose(_table(kinds, target="y", height_cm=values, y=1000 * label[::-1]))
    assert one == other
    assert {candidate.column for candidate in one} == {"height_cm"}


@pytest.mark.parametrize(
    "column",
    [
        [None] * 40,
        [5.0] * 40,
        [5.0] * 39 + [500.0],
        [0.0, 1.0] * 30,
        [1.0, 2.0, 3e9],
        ["1", "2", "5 ft"],
        [np.inf, -np.inf, np.nan] * 20 + list(range(40)),
        [1e308, -1e308] * 20 + list(range(40)),
        [],
        list(range(40)),
    ],
    ids=["missing", "constant", "nearly", "two", "three", "three texts", "infinite", "huge", "empty", "few"],
)
def test_columns_that_tell_nothing_get_silence(column: list[Any]) -> None:
    """No bulk, no strays: no candidate, no warning."""
    assert _propose(_table(x=column)) == []


def test_columns_of_other_kinds_are_not_looked_at() -> None:
    """Only features of kind number are."""
    assert _propose(_table({"x": "text"}, x=[*map(str, range(40)), "5 ft"])) == []


_CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(40, 100).map(lambda value: round(value, 1)),
    st.integers(-10_000, 10_000),
    st.text(alphabet="0123456789 .,'\"ftincmkglb%$-", max_size=8),
    st.sampled_from(
        ["5' 4\"", "165cm", "5.11", "1,70", "yyy", "N/A", "$5k", "70 kg", "1:30", "6*12", "", None]
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_CELLS, min_size=0, max_size=40), st.integers(0, 99))
def test_laws_of_any_column(cells: list[Any], seed: int) -> None:
    """Proposals are for strays, land near the ordinary numbers, repeat to the bit, and write nothing."""
    ordinary = _bulk(seed, 68, 4, 60)
    column = pd.Series(cells + ordinary, dtype=object)
    table = _table(x=column)
    before = table.frame.copy(deep=True)
    found = _propose(table)
    assert _propose(table) == found
    pd.testing.assert_frame_equal(table.frame, before)
    bulk = Bulk.of(as_number(column))
    inside = np.zeros(len(column), bool) if bulk is None else bulk.holds(as_number(column))
    for candidate in found:
        assert not inside[candidate.row]
        assert 0 <= candidate.confidence <= 1
        assert candidate.old == column[candidate.row]
        assert candidate.new is None or np.isfinite(candidate.new)
        assert candidate.new is None or 30 < candidate.new < 110
