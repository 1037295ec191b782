"""What each column is for: guesses, overrides and refusals."""

from __future__ import annotations

import datetime
import uuid

import numpy as np
import pandas as pd
import pytest

from assay._errors import AssayError
from assay.tables import Roles, guess_roles, load


def people(n: int = 40) -> pd.DataFrame:
    """Return a table with one column of each sort."""
    rows = np.arange(n)
    return pd.DataFrame(
        {
            "size": rows * 1.5,
            "code": [f"{row:05d}" for row in rows],
            "id": rows + 100,
            "town": np.where(rows % 3, "Riga", "Oslo"),
            "born": pd.to_datetime("2000-01-01") + pd.to_timedelta(rows, unit="D"),
            "typed": ["1.5 kg" if row % 10 == 0 else str(row) for row in rows],
            "note": [f"the person in row {row} says hello" for row in rows],
            "same": "x",
            "empty": [None] * n,
            "vector": [np.array([row, 1.0]) for row in rows],
            "adult": rows % 2 == 0,
            "label": np.where(rows % 4, "no", "yes"),
        }
    )


def test_each_sort_of_column_is_read_for_what_it_is():
    """Kinds follow from types first and from the cells after."""
    kinds = guess_roles(people()).kinds
    assert kinds == {
        "size": "number",
        "code": "category",
        "id": "number",
        "town": "category",
        "born": "date",
        "typed": "number",
        "note": "text",
        "same": "category",
        "empty": "category",
        "vector": "vector",
        "adult": "boolean",
        "label": "category",
    }


def test_roles_are_guessed_from_names_and_cells():
    """The key is called id, the target label; constants, gaps and other names of rows are left out."""
    roles = guess_roles(people())
    assert (roles.key, roles.target, roles.group, roles.part) == (("id",), "label", None, None)
    assert roles.features == ("size", "town", "born", "typed", "note", "vector", "adult")
    assert [roles.role(c) for c in ("id", "label", "town", "code")] == ["key", "target", "feature", "ignored"]


def test_every_column_has_a_reason():
    """A guess is shown with why it was made."""
    frame = people()
    why = guess_roles(frame, ignore=["town"], key="code").why
    assert set(why) == set(frame.columns)
    assert why["town"] == "left out as told"
    assert why["same"] == "left out: the same value in every row"
    assert why["empty"] == "left out: no value in any row"
    assert why["id"] == "left out: another name in each row"
    assert why["code"] == "given as key; 40 different values"
    assert why["typed"] == "feature; stored as text, 90% of the values are numbers"


def test_every_guess_can_be_overridden():
    """What the user says stands."""
    roles = guess_roles(
        people(),
        key=["code", "id"],
        target="town",
        features=["same", "size"],
        group="adult",
        kinds={"size": "category"},
    )
    assert roles == Roles(
        ("code", "id"), "town", ("same", "size"), "adult", None, kinds=roles.kinds, why=roles.why
    )
    assert roles.kinds["size"] == "category"
    assert roles.why["label"] == "left out: not among the features given"


@pytest.mark.parametrize(
    "name", ["id", "ID", "uuid", "key", "customer_id", "order-key", "customerId", "Row ID"]
)
def test_a_key_is_found_by_its_name(name):
    """A unique column with the name of a key goes before an earlier unique column."""
    frame = pd.DataFrame({"first": [3, 1, 2], name: ["a", "b", "c"], "y": [0, 1, 0]})
    assert guess_roles(frame).key == (name,)


@pytest.mark.parametrize("name", ["paid", "monkey", "width", "grid"])
def test_a_name_that_only_ends_like_one_is_no_key(name):
    """Letters at the end of another word do not make a key."""
    frame = pd.DataFrame({"first": [3, 1, 2], name: ["a", "b", "c"], "y": [0, 1, 0]})
    assert guess_roles(frame).key == ("first",)


def test_floats_booleans_dates_and_text_are_never_the_key():
    """Only integers and names can be guessed to be a key; then the user is asked for one."""
    frame = people()[["size", "born", "adult", "vector", "note", "label"]]
    with pytest.raises(AssayError, match=r"no column can be the key.*key=.*number_rows=True"):
        guess_roles(frame)
    assert guess_roles(frame, number_rows=True).key == ()


def test_a_key_may_be_made_of_uuids():
    """UUIDs name rows as well as strings do."""
    frame = pd.DataFrame({"at": [uuid.UUID(int=i) for i in range(3)], "y": [0, 1, 0]})
    assert guess_roles(frame).key == ("at",)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["0", "1"] * 20, "category"),
        ([1.0, 2.0, 3.0] * 10, "category"),
        (list(range(8)) * 5, "category"),
        (list(range(9)) * 5, "category"),
        (list(range(10)) * 4, "number"),
        (list(range(11)) * 20, "number"),
        ([0.5, 1.5] * 20, "number"),
        ([3, 7], "category"),
        (["1", "2", "3", "4", "9.5"] * 8, "number"),
        ([True, False] * 20, "boolean"),
    ],
)
def test_few_whole_numbers_are_classes(column, kind):
    """At most 10 different whole numbers, and at most a fifth of the rows, are classes; two always are."""
    frame = pd.DataFrame({"y": column})
    table = load(frame, number_rows=True)
    assert table.roles.kinds["y"] == kind
    assert table.target_kind == ("number" if kind == "number" else "class")


def test_the_kind_of_a_target_can_be_given():
    """Stars from 1 to 5 can be numbers when the user wants them so."""
    frame = pd.DataFrame({"y": [1, 2, 3, 4, 5] * 10})
    assert load(frame, number_rows=True).target_kind == "class"
    assert load(frame, number_rows=True, kinds={"y": "number"}).target_kind == "number"


def test_group_and_part_columns_are_found():
    """A column that says which rows belong together, or where they go, is no feature."""
    frame = people().assign(household_group=1, part=["train", "value", "gate", "final"] * 10)
    roles = guess_roles(frame)
    assert (roles.group, roles.part) == ("household_group", "part")


def test_a_column_called_part_with_other_words_is_a_feature():
    """Parts of a machine are not parts of a split."""
    roles = guess_roles(people().assign(part=["wheel", "train"] * 20))
    assert roles.part is None
    assert "part" in roles.features


def test_dates_in_objects_and_text_are_dates():
    """A date is a date whether DuckDB, pandas or a CSV made it."""
    frame = pd.DataFrame(
        {
            "a": [datetime.date(2020, 1, d) for d in (1, 2, 3)],
            "b": ["2020-01-01", "2020-01-02T10:00", "2021-01-01"],
        }
    )
    assert set(guess_roles(frame, number_rows=True).kinds.values()) == {"date"}


def test_lists_of_several_lengths_are_no_vectors():
    """They are compared as text, and break nothing."""
    frame = pd.DataFrame({"id": [1, 2, 3], "tags": [["a"], ["a", "b"], ["a"]], "y": [0, 1, 1]})
    assert guess_roles(frame).kinds["tags"] == "category"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": "lable"}, r"no column 'lable' in the table \(given as target\): did you mean 'label'\?"),
        ({"key": "zzz"}, r"no column 'zzz' .*it has 'size', 'code', 'id'"),
        ({"kinds": {"towm": "text"}}, "did you mean 'town'"),
        ({"kinds": {"town": "word"}}, "'word' of column 'town' is unknown: choose one of number, category"),
        ({"features": ["size", "label"], "target": "label"}, "'label' is given as target and as features"),
        ({"key": "id", "target": "id"}, "'id' is given as key and as target"),
        ({"features": ["size"], "ignore": ["size"]}, "'size' is given as features and as ignore"),
        ({"features": ["size", "size"]}, "'size' is given as features and as features"),
        ({"key": "size"}, "'size' holds floating-point numbers, which are no key"),
        ({"key": "town"}, r"key 'town' is not unique: 'Oslo' stands in 14 rows, and 1 other values repeat"),
        ({"key": "empty"}, "'empty', given as key, has no value in any row"),
        ({"target": "empty"}, "'empty', given as target, has no value in any row"),
        ({"features": ["empty"]}, "'empty', given as features, has no value in any row"),
        ({"target": "same"}, r"'same' has one value only \('x'\)"),
        ({"target": "born"}, "'born' holds dates"),
        ({"target": "vector"}, "'vector' holds vectors"),
        ({"target": "typed"}, "'typed' has no number in 4 of 40 rows"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(given, message):
    """Each wrong role names the column, what is wrong, and what would help."""
    with pytest.raises(AssayError, match=message):
        guess_roles(people(), **given)


def test_missing_keys_and_labels_are_counted():
    """A row without a name or a label is not passed over in silence."""
    frame = people()
    frame.loc[[3, 5], "label"] = None
    with pytest.raises(AssayError, match="target 'label' has no value in 2 of 40 rows"):
        guess_roles(frame)
    frame = people().astype({"code": object})
    frame.loc[7, "code"] = None
    with pytest.raises(AssayError, match="key column 'code' has no value in 1 of 40 rows"):
        guess_roles(frame, key="code")
