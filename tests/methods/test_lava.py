"""Transport values against POT, finite differences and the published schedule written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import ot
import pytest
from joblib import parallel_config
from scipy.sparse import csr_array
from scipy.special import logsumexp

from assay import LAVA, AssayError, Data, Problem, value
from assay.methods.transport import _sinkhorn
from assay.methods.transport._class_distances import class_distances, width
from assay.methods.transport._sinkhorn import Costs, solve


def clouds(n=60, m=40, classes=3, d=4, seed=0, wrong=0.2, sep=3.0):
    """Separated classes; a share of the training labels is wrong. Returns the problem and which."""
    rng = np.random.default_rng(seed)
    centres = sep * rng.normal(size=(classes, d))
    y, t = np.arange(n) % classes, np.arange(m) % classes
    X, Z = centres[y] + rng.normal(size=(n, d)), centres[t] + rng.normal(size=(m, d))
    bad = rng.permutation(n) < wrong * n
    return Problem(Data(X, np.where(bad, (y + 1) % classes, y)), Data(Z, t)), bad


def run(problem, **settings):
    """Value quietly."""
    return value(problem, LAVA(**settings), progress=False).values


def halved(X, Z):
    """Half of the squared distances."""
    return ((X[:, None] - Z[None]) ** 2).sum(-1) / 2


def published(costs, epsilon, start):
    """The potentials of the published schedule on a whole matrix of costs: one half step a temperature."""
    n, m = costs.shape

    def minima(f, g, e):
        return (
            -e * (logsumexp((g - costs) / e, axis=1) - np.log(m)),
            -e * (logsumexp((f[:, None] - costs) / e, axis=0) - np.log(n)),
        )

    temperatures = [start**2]
    cooled = 2 * np.log(start)
    while cooled > np.log(epsilon):
        temperatures.append(np.exp(cooled))
        cooled += 2 * np.log(0.5)
    f, g = minima(np.zeros(n), np.zeros(m), temperatures[0])
    for e in [*temperatures, epsilon]:
        to_f, to_g = minima(f, g, e)
        f, g = (f + to_f) / 2, (g + to_g) / 2
    return minima(f, g, epsilon)


def reference(problem, epsilon=0.1, weight=1.0):
    """Values by whole matrices."""
    X, y, Z, t = problem.train.X, problem.train.y, problem.valid.X, problem.valid.y
    classes = np.unique(np.concatenate((y, t)))
    costs = halved(X, Z)
    for c in classes:
        for k in classes:
            left, right = X[y == c], Z[t == k]
            if len(left) and len(right):
                both = np.vstack((left, right))
                f, g = published(halved(left, right), epsilon, np.linalg.norm(np.ptp(both, axis=0)))
                costs[np.ix_(y == c, t == k)] += weight * (f.mean() + g.mean()) / 2
    box = np.ptp(np.vstack((X, Z)), axis=0)
    f, _ = published(costs, epsilon, np.hypot(np.linalg.norm(box), 2 * len(classes) - 1))
    n = len(f)
    return -((1 + 1 / (n - 1)) * f - f.sum() / (n - 1))


def settled(X, Z, epsilon, tolerance=1e-9):
    """Converged potentials without classes."""
    costs = Costs(X, Z, np.zeros(len(X), int), np.zeros((1, len(Z))))
    return solve(costs, epsilon, width(X, Z), tolerance)


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_values_of_the_published_schedule(weight):
    """The values are those of the published computation, here by whole matrices and SciPy's logarithms."""
    problem, _ = clouds()
    np.testing.assert_allclose(
        run(problem, label_weight=weight), reference(problem, weight=weight), rtol=1e-9, atol=1e-9
    )


def test_classes_on_one_side_only():
    """A class that only one side has changes nothing in what the others' distances are."""
    problem, _ = clouds(classes=4)
    train, valid = problem.train, problem.valid
    short = Problem(train.take(np.flatnonzero(train.y != 0)), valid.take(np.flatnonzero(valid.y != 3)))
    np.testing.assert_allclose(run(short), reference(short), rtol=1e-9, atol=1e-9)


def test_potentials_are_those_of_pot():
    """At a tolerance, the plan's cost and the calibrated potentials are those of POT's own solver."""
    problem, _ = clouds(n=30, m=20)
    X, Z = problem.train.X, problem.valid.X
    found = settled(X, Z, 2.0)
    _, log = ot.sinkhorn(
        ot.unif(30), ot.unif(20), halved(X, Z), 2.0, "sinkhorn_log", 50_000, 1e-13, log=True, warn=True
    )
    theirs = 2.0 * log["log_u"]
    np.testing.assert_allclose(found.f - found.f.mean(), theirs - theirs.mean(), atol=1e-7)


def test_values_are_derivatives_of_the_cost():
    """At a tolerance, a value is minus the slope of POT's regularised cost as mass moves from the others."""
    problem, _ = clouds(n=12, m=10, classes=1, wrong=0)
    X, Z = problem.train.X, problem.valid.X
    epsilon, costs, b = 2.0, halved(X, Z), ot.unif(10)
    values = run(problem, regularisation=epsilon, label_weight=0.0, tolerance=1e-10)

    def cost(a):
        plan = ot.sinkhorn(a, b, costs, epsilon, "sinkhorn_log", 100_000, 1e-14)
        return (plan * costs).sum() + epsilon * (plan * np.log(plan / np.outer(a, b))).sum()

    step = 1e-5
    for i in range(12):
        towards = np.full(12, -1 / 11)
        towards[i] = 1.0
        slope = (cost(ot.unif(12) + step * towards) - cost(ot.unif(12) - step * towards)) / (2 * step)
        assert values[i] == pytest.approx(-slope, abs=1e-5)


def test_error_is_that_of_the_plan():
    """The error told is by how much the masses of the plan before the last step are off, and 0 in the end."""
    problem, _ = clouds()
    X, Z = problem.train.X, problem.valid.X
    costs = Costs(X, Z, np.zeros(60, int), np.zeros((1, 40)))
    assert solve(costs, 0.5, width(X, Z)).error > 0.05
    found = solve(costs, 0.5, width(X, Z), 1e-8)
    plan = np.exp((found.f[:, None] + found.g - halved(X, Z)) / 0.5) / (60 * 40)
    np.testing.assert_allclose(60 * plan.sum(axis=1), 1, atol=1e-7)
    np.testing.assert_allclose(40 * plan.sum(axis=0), 1, atol=1e-7)


def test_exact_distances_of_classes_are_the_limit():
    """Distances of classes by entropy fall to POT's exact ones as epsilon does, each within epsilon log n."""
    problem, _ = clouds(n=24, m=18, wrong=0)
    X, y, Z, t = problem.train.X, problem.train.y, problem.valid.X, problem.valid.y
    exact = class_distances(X, Z, y, t, 3, None, None)
    gaps = [class_distances(X, Z, y, t, 3, epsilon, 1e-6) - exact for epsilon in (4.0, 1.0, 0.25)]
    assert (gaps[0] > gaps[1]).all()
    assert (gaps[1] > gaps[2]).all()
    assert (gaps[2] > 0).all()
    assert gaps[2].max() < 0.25 * np.log(8)


def test_exact_is_exact():
    """The exact distance is that of the best assignment, by enumeration."""
    from itertools import permutations

    rng = np.random.default_rng(2)
    X, Z = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    costs = halved(X, Z)
    best = min(costs[np.arange(6), list(p)].mean() for p in permutations(range(6)))
    zeros = np.zeros(6, int)
    assert class_distances(X, Z, zeros, zeros, 1, None, None)[0, 0] == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize(("kept", "pairs"), [(0, 64), (0, 2**20), (2**25, 64), (2**25, 1000)])
def test_blocks_change_nothing(kept, pairs, monkeypatch):
    """Whether products are kept, and how many are made at a time, does not change the potentials."""
    problem, _ = clouds(n=150, m=90)
    apart = np.arange(3.0)[:, None] * np.ones((1, 90))

    def found(kept):
        costs = Costs(problem.train.X, problem.valid.X, problem.train.y, apart, kept)
        return solve(costs, 0.1, 20.0).f

    whole = found(2**25)
    monkeypatch.setattr(_sinkhorn, "PAIRS", pairs)
    np.testing.assert_allclose(found(kept), whole, atol=1e-10)


def test_more_columns_than_a_tile_holds():
    """Thousands of validation rows, which the loop takes in parts, give what whole matrices do."""
    problem, _ = clouds(n=20, m=5000, classes=2)
    np.testing.assert_allclose(run(problem), reference(problem), rtol=1e-8, atol=1e-8)


def test_sums_that_overflow_are_taken_by_logarithms():
    """A pass from potentials far from those that fit is as right as one by whole matrices."""
    rng = np.random.default_rng(0)
    X, Z = rng.normal(size=(40, 2)), rng.normal(size=(30, 2))
    costs = Costs(X, Z, np.zeros(40, int), np.zeros((1, 30)))
    f, g = 400 * rng.normal(size=40), 400 * rng.normal(size=30)
    to_f, to_g = costs.minima(f, g, 0.1)
    M = halved(X, Z)
    np.testing.assert_allclose(to_f, -0.1 * (logsumexp((g - M) / 0.1, axis=1) - np.log(30)), atol=1e-9)
    np.testing.assert_allclose(to_g, -0.1 * (logsumexp((f[:, None] - M) / 0.1, 0) - np.log(40)), atol=1e-9)


def test_same_bits_for_any_threads(monkeypatch):
    """One thread, two and three give the same bits, by blocks too."""
    monkeypatch.setattr(_sinkhorn, "PAIRS", 500)
    problem, _ = clouds(n=200, m=100)
    bits = set()
    for jobs in (1, 2, 3):
        with parallel_config(n_jobs=jobs):
            bits.add(run(problem).tobytes())
    assert len(bits) == 1


def test_wrong_labels_rank_lowest():
    """On classes far apart, the rows with wrong labels are exactly the lowest."""
    problem, bad = clouds(n=120, m=80, sep=10.0)
    lowest = value(problem, LAVA(), progress=False).lowest(int(bad.sum()))
    assert bad[lowest].all()


def test_spoilt_features_rank_lowest():
    """Rows whose features got large noise are exactly the lowest."""
    problem, _ = clouds(n=120, m=80, wrong=0)
    spoilt = np.arange(120) % 10 == 0
    noise = np.where(spoilt[:, None], 8 * np.random.default_rng(1).choice([-1.0, 1.0], size=(120, 4)), 0)
    problem = replace(problem, train=Data(problem.train.X + noise, problem.train.y))
    assert spoilt[value(problem, LAVA(), progress=False).lowest(12)].all()


def test_a_backdoor_ranks_lowest():
    """Rows stamped with a patch and relabelled, as a backdoor is, are exactly the lowest."""
    rng = np.random.default_rng(3)
    images, clean = rng.random((2, 200, 6, 6)) * 0.3
    y, t = np.arange(200) % 2, np.arange(200) % 2
    for pictures, label in ((images, y), (clean, t)):
        pictures[label == 0, :3] += 0.7
        pictures[label == 1, 3:] += 0.7
    stamped = rng.permutation(200) < 10
    images[stamped, -2:, -2:] = 2.0
    y = np.where(stamped, 1, y)
    problem = Problem(Data(images.reshape(200, 36), y), Data(clean.reshape(200, 36), t))
    assert stamped[value(problem, LAVA(), progress=False).lowest(10)].all()


def test_numbers_join_the_features():
    """For numbers the ground cost is on features and target together, as one more column is."""
    rng = np.random.default_rng(4)
    X, Z = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    y, t = X.sum(axis=1), Z.sum(axis=1)
    joined, towards = np.c_[X, 2 * y], np.c_[Z, 2 * t]
    found = run(Problem(Data(X, y), Data(Z, t), score="r2"), label_weight=4.0)
    costs = Costs(joined, towards, np.zeros(30, int), np.zeros((1, 20)))
    f = solve(costs, 0.1, width(joined, towards)).f
    np.testing.assert_allclose(found, (f.sum() - f) / 29 - f, atol=1e-10)


def test_a_wrong_number_ranks_lowest():
    """A row whose target is far off is the lowest."""
    rng = np.random.default_rng(5)
    X, Z = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    y = X.sum(axis=1)
    y[7] += 8
    problem = Problem(Data(X, y), Data(Z, Z.sum(axis=1)), score="r2")
    assert value(problem, LAVA(), progress=False).lowest(1) == 7


def test_where_the_origin_is_does_not_matter():
    """Features far from the origin, and constant ones, change no value."""
    problem, _ = clouds()
    far = np.array([1e5, -3e4, 0.0, 7.0])
    moved = Problem(
        Data(np.c_[problem.train.X + far, np.full(60, 9e4)], problem.train.y),
        Data(np.c_[problem.valid.X + far, np.full(40, 9e4)], problem.valid.y),
    )
    np.testing.assert_allclose(run(moved), run(problem), atol=1e-6)


def test_sparse_and_short_features():
    """Sparse features give the bits of dense ones, and those of float32 what they hold."""
    problem, _ = clouds()
    short = [(part.X.astype(np.float32), part.y) for part in (problem.train, problem.valid)]
    wide, narrow, sparse = (
        run(Problem(*(Data(kind(X), y) for X, y in short))) for kind in (np.float64, np.asarray, csr_array)
    )
    assert wide.tobytes() == narrow.tobytes() == sparse.tobytes()


def test_copies_are_worth_the_same():
    """Copies of a row are worth the same, whatever their places."""
    problem, _ = clouds()
    rows = np.r_[0:60, 5, 5, 17]
    values = run(replace(problem, train=Data(problem.train.X[rows], problem.train.y[rows])))
    np.testing.assert_allclose(values[[60, 61, 62]], values[[5, 5, 17]], atol=1e-10)


def test_rows_that_are_all_alike():
    """Where every row is the same, every value is 0."""
    problem = Problem(Data(np.ones((4, 2)), ["a"] * 4), Data(np.ones((3, 2)), ["a"] * 3))
    np.testing.assert_allclose(run(problem), 0, atol=1e-12)


def test_says_how_far_it_went():
    """The valuation says how far the masses are off; a tolerance brings that down to itself."""
    problem, _ = clouds()
    why = value(problem, LAVA(regularisation=1.0, tolerance=1e-3), progress=False).why
    assert 0 < float(why.split("within ")[1].split(" ")[0]) <= 1e-3


def test_what_does_not_settle_is_refused(monkeypatch):
    """A tolerance that is not reached is an error that names the settings to change."""
    monkeypatch.setattr(_sinkhorn, "MOST_PASSES", 4)
    with pytest.raises(AssayError, match=r"still off by .*raise LAVA\.tolerance, or LAVA\.regularisation"):
        run(clouds()[0], tolerance=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        *({"regularisation": bad} for bad in (0, -1.0, np.nan, np.inf, True, "1")),
        *({"label_weight": bad} for bad in (-0.1, np.nan, None)),
        *({"class_distance": bad} for bad in ("Exact", None, 1)),
        *({"tolerance": bad} for bad in (0, -1e-3, 1.5, np.nan, "no")),
    ],
)
def test_bad_settings_are_refused(settings):
    """Each setting names itself and what it needs to be, when made and when set later."""
    (name,) = settings
    with pytest.raises(AssayError, match=rf"^LAVA\.{name} is .*it needs to be"):
        LAVA(**settings)
    with pytest.raises(AssayError, match=rf"^LAVA\.{name} is"):
        value(clouds()[0], LAVA().set_params(**settings), progress=False)


def test_pot_is_named_where_it_is_missing(monkeypatch):
    """Exact distances without POT say what to install."""
    monkeypatch.setattr("assay.methods.transport.lava.find_spec", lambda name: None)
    with pytest.raises(AssayError, match=r"needs POT; pip install 'assay\[transport\]'"):
        LAVA(class_distance="exact")


def test_one_row_is_refused():
    """A single row has no others to be compared with."""
    with pytest.raises(AssayError, match="LAVA needs at least 2 rows"):
        run(Problem(Data([[0.0]], ["a"]), Data([[1.0]], ["a"])))
