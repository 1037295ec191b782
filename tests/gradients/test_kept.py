"""KeptGradients: what was computed once is never computed again, and nothing else is read for it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assay import AssayError, Data, Influence, KeptGradients, LinearGradients, Problem, value


class Counting:
    """Counts the rows whose gradients are computed; breaks off after `most`."""

    def __init__(self, monkeypatch, most: int = 10**9) -> None:
        self.rows, self.most, inner = 0, most, LinearGradients.rows

        def counted(gradients, data, **how):
            if self.rows + len(data) > self.most:
                raise KeyboardInterrupt
            self.rows += len(data)
            return inner(gradients, data, **how)

        monkeypatch.setattr(LinearGradients, "rows", counted)


def model(scale: float = 1.0) -> LinearGradients:
    """Two classes, three features."""
    coefficients = scale * np.random.default_rng(0).normal(size=(1, 4))
    return LinearGradients(coefficients, "logistic", np.array([1.0, 1, 1, 0]), np.array([0, 1]))


def table(n: int, first: int = 0) -> Data:
    """Rows of keys first..first + n - 1, the same whenever they are asked for."""
    X = np.array([np.random.default_rng(k).normal(size=3) for k in range(first, first + n)])
    return Data(X, (X[:, 0] > 0).astype(int), ids=[f"row {k}" for k in range(first, first + n)])


def test_rows_are_computed_once(tmp_path, monkeypatch):
    """Known rows are read in any order, new ones alone are computed, also by another process' object."""
    count = Counting(monkeypatch)
    kept = KeptGradients(model(), tmp_path)
    first = kept.rows(table(50)).dense()
    assert count.rows == 50
    again = KeptGradients(model(), tmp_path).rows(table(80)).dense()
    assert count.rows == 80
    np.testing.assert_array_equal(again[:50], first)
    order = np.random.default_rng(0).permutation(80)
    np.testing.assert_array_equal(kept.rows(table(80).take(order)).dense(), again[order])
    assert count.rows == 80
    np.testing.assert_array_equal(again, model().rows(table(80)).dense())


def test_one_array_a_layer_that_numpy_opens(tmp_path):
    """The folder holds .npy files that numpy opens, and rows are mapped, not read."""
    kept = KeptGradients(model(), tmp_path)
    features = kept.rows(table(30))
    kept.rows(table(10, first=30))
    side = np.load(tmp_path / "loss" / "layer-0-a.npy", mmap_mode="r")
    assert side.shape == (40, 1, 4)
    assert isinstance(features.layers[0].a, np.memmap)


def test_a_run_that_is_broken_off_carries_on(tmp_path, monkeypatch):
    """After an interrupt only the rows of unfinished blocks are computed again, and all are right."""
    monkeypatch.setattr("assay._gradients.kept.ROWS", 10)
    count = Counting(monkeypatch, most=35)
    with pytest.raises(KeyboardInterrupt):
        KeptGradients(model(), tmp_path).rows(table(60))
    assert count.rows == 30
    count.most = 10**9
    found = KeptGradients(model(), tmp_path).rows(table(60)).dense()
    assert count.rows == 60
    np.testing.assert_array_equal(found, model().rows(table(60)).dense())


def test_a_block_that_was_half_written_is_written_over(tmp_path):
    """Bytes beyond the rows that count, as a killed process leaves them, are not read."""
    kept = KeptGradients(model(), tmp_path)
    kept.rows(table(20))
    with (tmp_path / "loss" / "layer-0-a.npy").open("ab") as file:
        file.write(b"\x01" * 1000)
    np.testing.assert_array_equal(kept.rows(table(40)).dense(), model().rows(table(40)).dense())


def test_values_are_those_without_a_folder(tmp_path):
    """A problem valued by kept gradients has the values of one valued without."""
    train, valid = table(40), table(20, first=100)
    plain = value(Problem(train, valid, gradients=model()), Influence(solver="exact"), progress=False)
    kept = KeptGradients(model(), tmp_path)
    found = value(Problem(train, valid, gradients=kept), Influence(solver="exact"), progress=False)
    np.testing.assert_array_equal(found.values, plain.values)


def test_attacked_rows_are_rows_of_their_own(tmp_path):
    """Rows that were moved are kept under keys of their own, beside those that they were."""
    kept, data = KeptGradients(model(), tmp_path), table(9)
    plain = kept.rows(data).dense()
    moved = kept.rows(kept.attacked(data)).dense()
    np.testing.assert_array_equal(moved, model().rows(model().attacked(data)).dense())
    np.testing.assert_array_equal(kept.rows(data).dense(), plain)


def test_what_does_not_belong_is_refused(tmp_path):
    """Another model, changed rows, rows without keys and damaged folders are refused by name."""
    kept = KeptGradients(model(), tmp_path)
    data = table(5)
    kept.rows(data)
    with pytest.raises(AssayError, match="another model; take another folder"):
        KeptGradients(model(2.0), tmp_path)
    changed = Data(data.X + np.eye(5)[2][:, None], data.y, ids=data.ids)
    with pytest.raises(AssayError, match=r"'row 2'.*other contents \(1 row"):
        kept.rows(changed)
    with pytest.raises(AssayError, match=r"KeptGradients\.gradients"):
        KeptGradients("model", tmp_path)
    (tmp_path / "loss" / "features.json").write_text("{")
    with pytest.raises(AssayError, match="cannot be read"):
        kept.rows(data)


def test_the_catalogue_says_what_is_kept(tmp_path):
    """The JSON names the model and the rows."""
    KeptGradients(model(), tmp_path).rows(table(5))
    told = json.loads((tmp_path / "loss" / "features.json").read_text())
    assert told["key"] == {"model": model().fingerprint}
    assert told["rows"] == 5
