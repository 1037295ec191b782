"""Projected, rounded and kept: within the errors that they predict, and computed once."""

from __future__ import annotations

import numpy as np
import pytest

from assay import LESS, AssayError, Data, KeptGradients, Problem, TorchGradients, value
from assay._gradients import multiplied
from assay.methods.influence._less_codes import DTYPES, decode, encode, unit

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are too small to be shared by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(n, seed, **how):
    """Rows in three classes."""
    rng = np.random.default_rng(seed)
    return Data(rng.normal(size=(n, 6)), rng.integers(0, 3, n), **how)


TRAIN, VALID = data(30, 1), data(9, 2)


def gradients(hidden=40, scale=1.0):
    """Of a network in float32 of 403 parameters, at two checkpoints with random moments."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, hidden), nn.Tanh(), nn.Linear(hidden, 3))
    states, moments = [], []
    for k in range(2):
        states.append({name: p.detach() + 0.1 * k for name, p in module.named_parameters()})
        moments.append(
            {
                name: {
                    "exp_avg": scale * 0.01 * torch.randn_like(p),
                    "exp_avg_sq": 1e-4 * torch.rand_like(p),
                    "step": 10,
                }
                for name, p in module.named_parameters()
            }
        )
    return TorchGradients(module, checkpoints=states, rates=[2.0, 1.0], moments=moments)


def problem(train=TRAIN, valid=VALID, **how):
    """Of that network."""
    return Problem(train, valid, gradients=gradients(**how))


@pytest.mark.parametrize("reduce", ["cos_then_mean", "mean_then_cos"])
def test_projections_err_as_they_say(reduce):
    """Over seeds, projected cosines are those of all numbers but for their bias, with at most their error."""
    size = 128
    less = LESS(project=size, reduce=reduce)
    now = next(gradients().checkpoints)
    exact = value(Problem(TRAIN, VALID, gradients=now), LESS(project=None, reduce=reduce))
    p = Problem(TRAIN, VALID, gradients=now)
    drawn = np.array([value(p, less, seed=s).values for s in range(40)])
    error = (2 / size) ** 0.5
    spread = drawn.std(axis=0, ddof=1)
    assert spread.max() < error
    assert spread.min() > 0
    # a cosine of sketches is biased by at most 2 / size
    assert np.abs(drawn.mean(axis=0) - exact.values).max() < 4.5 * spread.max() / 40**0.5 + 2 / size
    assert f"projected to {size}, cosines to within {error:.2g}" in value(p, less).why


def test_projection_is_the_same_whenever_a_row_comes():
    """A row alone has the bits of its value among others, where the network gives it the same gradient."""
    many = value(problem(), LESS(project=64)).values
    some = value(problem(train=TRAIN.take(np.arange(7, 19))), LESS(project=64)).values
    np.testing.assert_allclose(some, many[7:19], atol=1e-6)


def test_at_least_as_many_numbers_as_parameters_is_no_projection():
    """A projection to no fewer numbers than there are changes no bit."""
    exact = value(problem(), LESS(project=None)).values
    np.testing.assert_array_equal(value(problem(), LESS(project=403)).values, exact)


def test_rounding_moves_cosines_by_no_more_than_its_steps():
    """Half, and bytes, keep a direction to within the steps of their numbers; a sign to within its angle."""
    rows = np.random.default_rng(0).normal(size=(50, 400)).astype(np.float32)
    rows[7] = 0
    truth = unit(rows)
    largest = np.abs(truth).max(axis=1)
    for dtype, step in (("float32", 2.0**-24), ("float16", 2.0**-11), ("int8", 0.5 / 127)):
        found = decode(encode(rows, dtype), dtype, 400)
        off = np.linalg.norm(found - truth, axis=1)
        assert (off <= 2 * step * largest * 20).all(), dtype  # 20 = 400^(1/2) numbers, each off by one step
        if dtype != "float32":
            assert off.max() > 0
    signs = decode(encode(rows, "sign"), "sign", 400)
    np.testing.assert_array_equal(signs[:7] * 20, np.where(rows[:7] > 0, 1, -1))
    # the cosine of a Gaussian vector and its signs is (2 / pi)^(1/2), to within a few standard errors
    cosines = np.delete((signs * truth).sum(axis=1), 7)
    assert np.abs(cosines - (2 / np.pi) ** 0.5).max() < 4.5 * 0.6 / 20
    assert all(not decode(encode(rows, dtype), dtype, 400)[7].any() for dtype in (None, *DTYPES))


@pytest.mark.parametrize("dtype", [None, *DTYPES])
def test_kept_is_what_is_not_kept(dtype, tmp_path):
    """With a folder, first and again, values are those without one, to the bit, in every type."""
    less = LESS(project=64, dtype=dtype)
    plain, kept = value(problem(), less), LESS(project=64, dtype=dtype, store=tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(value(problem(), kept).values, plain.values)
    assert np.corrcoef(plain.values, value(problem(), LESS(project=64)).values)[0, 1] > 0.8


def test_bytes_on_disk_are_those_of_the_type(tmp_path):
    """A row takes 4, 2, 1 or 1/8 bytes a number at each checkpoint, and its key."""
    for dtype, bytes_a_row in (("float32", 256), ("float16", 128), ("int8", 64), ("sign", 8)):
        folder = tmp_path / dtype
        value(problem(), LESS(project=64, dtype=dtype, store=folder))
        files = list(folder.glob("less-*/numbers.npy"))
        assert len(files) == 2
        assert all(file.stat().st_size == 30 * bytes_a_row + 128 for file in files)


@pytest.fixture
def asked(monkeypatch):
    """How many rows the network was asked for, each time; raises after as many times as `asked.most`."""

    class Asked(list):
        most = 1000

    seen, rows = Asked(), TorchGradients.rows

    def counted(self, data, **how):
        if len(seen) == seen.most:
            raise KeyboardInterrupt
        seen.append(len(data))
        return rows(self, data, **how)

    monkeypatch.setattr(TorchGradients, "rows", counted)
    return seen


def test_other_judges_and_new_rows_cost_only_themselves(tmp_path, asked):
    """Training rows are passed once; other judges pass alone, and rows that are added are added."""
    less = LESS(project=64, store=tmp_path)
    value(problem(), less)
    assert asked == [9, 30, 9, 30]  # the judges and the rows, at two checkpoints
    asked.clear()
    value(problem(valid=data(4, 3)), less)
    assert asked == [4, 4]
    asked.clear()
    more, order = data(5, 4), np.random.default_rng(0).permutation(35)
    longer = Data(np.vstack([TRAIN.X, more.X]), np.r_[TRAIN.y, more.y]).take(order)
    found = value(problem(longer), less).values
    assert asked == [9, 5, 9, 5]
    np.testing.assert_allclose(found, value(problem(longer), LESS(project=64)).values, atol=1e-6)


def test_a_run_that_was_broken_off_carries_on_with_the_next_block(tmp_path, asked, monkeypatch):
    """Blocks that were written before an interrupt are not computed again, and the values are the same."""
    monkeypatch.setattr(multiplied, "BYTES", 4 * 403 * 10)  # ten rows a block
    less = LESS(project=64, store=tmp_path)
    asked.most = 3
    with pytest.raises(KeyboardInterrupt):
        value(problem(), less)
    assert asked == [9, 10, 10]
    asked.clear()
    asked.most = 1000
    found = value(problem(), less).values
    assert asked == [9, 10, 9, 10, 10, 10]
    np.testing.assert_array_equal(found, value(problem(), LESS(project=64)).values)


def test_other_moments_and_settings_have_folders_of_their_own(tmp_path):
    """What is kept for other moments, another update, size, seed or type is not taken for this."""
    for how in ({}, {"update": "paper"}, {"project": 32}, {"dtype": "int8"}):
        less = LESS(**({"project": 64} | how), store=tmp_path)
        plain = LESS(**({"project": 64} | how))
        np.testing.assert_array_equal(value(problem(), less).values, value(problem(), plain).values)
    for seed, scale in ((5, 1.0), (0, 3.0)):
        found = value(problem(scale=scale), LESS(project=64, store=tmp_path), seed=seed).values
        np.testing.assert_array_equal(found, value(problem(scale=scale), LESS(project=64), seed=seed).values)
    assert len(list(tmp_path.iterdir())) == 12


def test_rows_whose_contents_changed_are_refused(tmp_path):
    """A key that is kept with other contents is named."""
    less = LESS(store=tmp_path)
    value(problem(), less)
    X = TRAIN.X.copy()
    X[4] += 1
    with pytest.raises(AssayError, match=r"The row 4 is kept in .* with other contents"):
        value(problem(train=Data(X, TRAIN.y)), less)


def test_takes_gradients_that_are_kept(tmp_path):
    """On `KeptGradients` values are those of what they keep."""
    kept, valid = KeptGradients(gradients(), tmp_path), data(9, 2, ids=[f"judge {q}" for q in range(9)])
    found = value(Problem(TRAIN, valid, gradients=kept), LESS(project=64)).values
    np.testing.assert_allclose(found, value(problem(), LESS(project=64)).values, atol=1e-6)


def test_rates_weigh_by_their_shares():
    """Only the shares of rates matter; a checkpoint of rate 0 has no part."""
    p = problem()
    first = value(p, LESS(project=None)).values
    ten = gradients()
    ten._rates = [20.0, 10.0]
    np.testing.assert_allclose(value(Problem(TRAIN, VALID, gradients=ten), LESS(project=None)).values, first)
    ten._rates = [0.0, 1.0]
    now = list(gradients().checkpoints)[1]
    alone = value(Problem(TRAIN, VALID, gradients=now), LESS(project=None)).values
    np.testing.assert_allclose(
        value(Problem(TRAIN, VALID, gradients=ten), LESS(project=None)).values, alone, atol=1e-7
    )


def test_there_is_an_estimate_after_each_checkpoint():
    """The first estimate is the first checkpoint's part of the sum."""
    seen = []
    last = value(problem(), LESS(project=None), on_estimate=seen.append)
    assert [now.share for now in seen] == [0.5, 1.0]
    first = next(iter(gradients().checkpoints))
    alone = value(Problem(TRAIN, VALID, gradients=first), LESS(project=None)).values
    np.testing.assert_allclose(seen[0].values, alone * 2 / 3, atol=1e-7)
    assert last.values is seen[1].values


def test_a_row_without_a_gradient_is_worth_nothing():
    """A step of length 0 has cosine 0 with every judge; so has a judge without a gradient."""
    module = nn.Linear(6, 3, bias=False)
    X = TRAIN.X.copy()
    X[3] = 0
    V = VALID.X.copy()
    V[2] = 0
    p = Problem(Data(X, TRAIN.y), Data(V, VALID.y), gradients=TorchGradients(module))
    valuation = value(p, LESS())
    assert valuation.values[3] == 0
    assert not valuation.per_valid[:, 2].any()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"update": "adam"}, r"LESS\.update is 'adam'; choose 'auto', 'code', 'paper', 'sgd'"),
        ({"reduce": "mean"}, r"LESS\.reduce is 'mean'"),
        ({"project": 0}, r"LESS\.project is 0"),
        ({"project": True}, r"LESS\.project is True"),
        ({"project": 8.0}, r"LESS\.project is 8\.0"),
        ({"store": 3}, r"LESS\.store is 3"),
        ({"dtype": "float64"}, r"LESS\.dtype is 'float64'"),
    ],
)
def test_refuses_settings(how, words):
    """Settings out of range are refused by name, also where they were set later."""
    with pytest.raises(AssayError, match=words):
        LESS(**how)
    with pytest.raises(AssayError, match=words):
        value(problem(), LESS().set_params(**how))


def test_refuses_problems_that_lack_what_it_compares():
    """Moments that are asked for, rates that weigh nothing, and missing judges are named."""
    module = nn.Linear(6, 3)
    one, states = TorchGradients(module), [dict(module.state_dict()), {"bias": torch.ones(3)}]
    for update in ("code", "paper"):
        with pytest.raises(AssayError, match="LESS needs the state of Adam at the checkpoint; pass"):
            value(Problem(TRAIN, VALID, gradients=one), LESS(update=update))
    two = TorchGradients(module, checkpoints=states)
    with pytest.raises(AssayError, match=r"the state of Adam at each checkpoint; pass .* LESS.update='sgd'."):
        value(Problem(TRAIN, VALID, gradients=two), LESS())
    value(Problem(TRAIN, VALID, gradients=two), LESS(update="sgd"))
    for rates in ([0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]):
        two._rates = rates
        with pytest.raises(AssayError, match="LESS weighs checkpoints by their rates"):
            value(Problem(TRAIN, VALID, gradients=two), LESS(update="sgd"))
    with pytest.raises(AssayError, match=r"LESS\.group_scores needs rows that judge"):
        LESS().group_scores(Problem(TRAIN, gradients=one))
    with pytest.raises(AssayError, match="LESS needs a model with gradients"):
        LESS().group_scores(Problem(TRAIN, VALID))
