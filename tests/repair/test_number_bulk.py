"""The bulk: where ordinary numbers lie, and what stands apart from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.repair.experts._bulk import Bulk

_DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Student's t with 3 degrees": lambda rng, n: rng.standard_t(3, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 2, n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "Pareto": lambda rng, n: rng.pareto(1.5, n),
    "Poisson": lambda rng, n: rng.poisson(1, n),
    "geometric": lambda rng, n: rng.geometric(0.2, n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "mostly zero": lambda rng, n: rng.lognormal(8, 1, n).round() * (rng.random(n) < 0.08),
}


@pytest.mark.parametrize("draw", _DRAWS.values(), ids=_DRAWS.keys())
def test_tails_are_bulk(draw) -> None:
    """Of 3 samples of 3,000 from each of nine laws, heavy tails included, at most 1 in 1,000 stands apart."""
    apart = 0
    for seed in range(3):
        values = draw(np.random.default_rng(seed), 3000)
        bulk = Bulk.of(values)
        assert bulk is not None
        apart += np.count_nonzero(~bulk.holds(values))
    assert apart <= 9


def test_strays_on_both_sides_are_left_out() -> None:
    """A tenth below and a tenth above do not widen the bulk of the rest."""
    rng = np.random.default_rng(0)
    ordinary = np.clip(rng.normal(68, 4, 800).round(), 50, 84)
    bulk = Bulk.of(np.concatenate([ordinary, rng.uniform(5, 7, 100), rng.normal(170, 8, 100)]))
    assert bulk is not None
    assert (bulk.low, bulk.high, bulk.size) == (ordinary.min(), ordinary.max(), 800)
    assert bulk.spread == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize("share", [0.42, 0.45, 0.5])
def test_two_populations_are_no_bulk_and_strays(share: float) -> None:
    """With 42% far away, nobody can say which ones are wrong: none stands apart."""
    rng = np.random.default_rng(0)
    far = round(1000 * share)
    values = np.concatenate([rng.normal(0, 1, 1000 - far), rng.normal(100, 1, far)])
    bulk = Bulk.of(values)
    assert bulk is None or bulk.holds(values).all()


def test_the_value_that_fills_half_the_column_is_inside() -> None:
    """Zeros among incomes are ordinary however far from them."""
    rng = np.random.default_rng(0)
    bulk = Bulk.of(np.concatenate([np.zeros(900), rng.normal(5000, 300, 100)]))
    assert bulk is not None
    assert bulk.spiked
    assert bulk.holds([0.0, 5000.0]).all()


def test_distance_and_gap_of_a_normal() -> None:
    """On a narrow bulk both scales agree with the plain z; gaps count from the end."""
    values = np.random.default_rng(0).normal(1000, 10, 5000)
    bulk = Bulk.of(values)
    assert bulk is not None
    assert bulk.distance(1030.0) == pytest.approx(3, rel=0.1)
    assert bulk.gap(bulk.high + 50) == pytest.approx(5, rel=0.1)
    assert bulk.gap(1000.0) == 0


def test_density_is_a_density() -> None:
    """It is positive on the bulk, zero outside, and integrates to one."""
    bulk = Bulk.of(np.random.default_rng(0).normal(10, 2, 2000))
    assert bulk is not None
    grid = np.linspace(bulk.low, bulk.high, 100_001)
    assert bulk.density(grid).min() > 0
    assert np.trapezoid(bulk.density(grid), grid) == pytest.approx(1, abs=1e-3)
    assert bulk.density([bulk.low - 1e-6, bulk.high + 1e-6, np.nan]).tolist() == [0, 0, 0]


@given(st.lists(st.floats(-1e9, 1e9), max_size=60), st.floats(0.001, 1000), st.integers(-1000, 1000))
def test_scale_does_not_matter(values: list[float], factor: float, seed: int) -> None:
    """The same numbers in another unit have the same strays, in whatever order they come."""
    column = np.array([*values, *np.random.default_rng(abs(seed)).normal(50, 5, 60)])
    one, other = Bulk.of(column), Bulk.of(np.random.default_rng(1).permutation(column * 2.0**10))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.low * 2.0**10, one.high * 2.0**10) == (other.low, other.high)
