"""What `follow` records is what the estimator, trained by hand, says after each epoch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from assay import AssayError, Data, Problem, follow
from assay._trace.source import traces_of
from assay.metrics import Training

X, CODES = make_classification(120, 6, n_informative=4, n_classes=3, flip_y=0.2, random_state=0)
NAMES = np.array(["ant", "bee", "cow"])[CODES]
DATA = Data(X, NAMES, ids=[f"row {i}" for i in range(120)])
BINARY = Data(X, CODES > 0)
NUMBERS = Data(X, X @ np.arange(6) + CODES)


@pytest.fixture(autouse=True)
def _one_thread():
    """Small trainings on one thread: several would wait for each other."""
    with threadpool_limits(limits=1):
        yield


def chances(p, classes, y):
    """Losses, margins, probabilities and errors (4, n) of probabilities (n, c)."""
    place = np.searchsorted(classes, y)
    rows = np.arange(len(y))
    others = np.array(p)
    others[rows, place] = 0
    own = p[rows, place]
    margins = np.log(own) - np.log(others.max(axis=1))
    return np.array([-np.log(own), margins, own, np.linalg.norm(p - np.eye(p.shape[1])[place], axis=1)])


def check(trace, told, y, classes):
    """The trace is that of the probabilities told after each epoch."""
    assert trace.epochs == len(told)
    for epoch, p in enumerate(told):
        expected = chances(p, classes, y)
        for name, truth in zip(("losses", "margins", "probabilities", "errors"), expected, strict=True):
            np.testing.assert_allclose(getattr(trace, name)[epoch], truth, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
@pytest.mark.parametrize("data", [DATA, BINARY])
def test_an_epoch_is_a_pass(loss, data):
    """After k epochs, a linear model is what k calls of partial_fit make of it, however it has chances."""
    model = SGDClassifier(loss=loss, alpha=0.3, random_state=3)
    byhand = clone(model).set_params(random_state=np.random.RandomState(3))
    classes, told = np.unique(data.y), []
    for _ in range(4):
        byhand.partial_fit(data.X, data.y, classes)
        told.append(byhand.predict_proba(data.X))
    trace = follow(model, data, epochs=4)
    if loss == "log_loss":
        check(trace, told, data.y, classes)
    else:  # its probabilities are 0 often
        own = np.array([p[np.arange(120), np.searchsorted(classes, data.y)] for p in told])
        np.testing.assert_allclose(trace.probabilities, own, atol=1e-5)


@pytest.mark.parametrize("data", [DATA, BINARY])
def test_a_perceptron_has_its_scores(data):
    """Without probabilities, margins are differences of scores, and above 0 where the prediction is right."""
    byhand, classes = Perceptron(random_state=np.random.RandomState(1)), np.unique(data.y)
    trace = follow(Perceptron(random_state=1), data, epochs=3)
    for epoch in range(3):
        scores = byhand.partial_fit(data.X, data.y, classes).decision_function(data.X)
        right = byhand.predict(data.X) == data.y
        np.testing.assert_array_equal(trace.margins[epoch] > 0, right)
        if scores.ndim == 1:
            np.testing.assert_allclose(trace.margins[epoch], np.where(data.y, scores, -scores), rtol=1e-5)


def test_a_network_is_followed_to_the_end():
    """An MLP is followed for as many epochs as a whole fit takes, and learns."""
    model = MLPClassifier((8,), max_iter=15, learning_rate_init=0.02, random_state=0)
    trace = follow(model, DATA)
    assert trace.epochs == 15
    assert trace.losses[-1].mean() < 0.8 * trace.losses[0].mean()
    early = MLPClassifier((8,), max_iter=100, early_stopping=True, n_iter_no_change=2, random_state=0)
    assert follow(early, DATA).epochs == clone(early).fit(X, NAMES).n_iter_


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg"])
def test_an_iteration_of_a_solver(solver):
    """After k iterations logistic regression is its fit cut short; at the end it is its fit."""
    model = LogisticRegression(solver=solver)
    trace = follow(model, DATA)
    whole = clone(model).fit(X, NAMES)
    assert trace.epochs == whole.n_iter_.max()
    ends = [whole.predict_proba(X)]
    check(type(trace)(trace.ids, *(getattr(trace, k)[-1:] for k in KINDS)), ends, NAMES, whole.classes_)
    assert (np.diff(trace.losses.mean(axis=1)) < 0.05).all()


KINDS = ("losses", "margins", "probabilities", "errors")


@pytest.mark.parametrize("kind", [GaussianNB, MultinomialNB])
def test_naive_bayes_learns_once(kind):
    """Its epochs are parts of one pass: at the end it is its fit on all rows."""
    data = Data(np.abs(X), NAMES)
    trace = follow(kind(), data, epochs=5)
    whole = kind().fit(data.X, NAMES).predict_proba(data.X)
    own = whole[np.arange(120), np.searchsorted(np.unique(NAMES), NAMES)]
    np.testing.assert_allclose(trace.probabilities[-1], own, rtol=1e-3, atol=1e-6)
    assert trace.epochs == 5


BOOSTING = [
    GradientBoostingClassifier(n_estimators=4, random_state=0),
    GradientBoostingClassifier(n_estimators=4, loss="exponential", random_state=0),
    HistGradientBoostingClassifier(max_iter=4, random_state=0),
    AdaBoostClassifier(n_estimators=4, random_state=0),
]


@pytest.mark.parametrize("model", BOOSTING, ids=str)
@pytest.mark.parametrize("data", [DATA, BINARY])
def test_a_stage_is_an_epoch(model, data):
    """Boosting has the probabilities of its stages, fitted here or before."""
    if getattr(model, "loss", None) == "exponential" and data is DATA:
        pytest.skip("exponential loss is for two classes")
    whole = clone(model).fit(data.X, data.y)
    told = list(whole.staged_predict_proba(data.X))
    for given in (model, whole):
        check(follow(given, data), told, data.y, whole.classes_)
    check(follow(whole, data, epochs=2), told[:2], data.y, whole.classes_)
    assert follow(model, data, epochs=3).epochs == 3


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("data", [Data(X, CODES), BINARY], ids=["three", "two"])
def test_stages_of_other_libraries(library, data):
    """LightGBM and XGBoost have the probabilities of their first k trees."""
    module = pytest.importorskip(library)
    if library == "lightgbm":
        model = module.LGBMClassifier(n_estimators=4, num_leaves=4, verbose=-1, n_jobs=1)
        name = "num_iteration"
    else:
        model = module.XGBClassifier(n_estimators=4, max_depth=2, n_jobs=1)
        name = "iteration_range"
    whole = clone(model).fit(data.X, data.y)
    ends = [(0, k) if library == "xgboost" else k for k in range(1, 5)]
    if library == "lightgbm":
        told = [whole.booster_.predict(data.X, **{name: end}) for end in ends]
        told = [np.stack([1 - p, p], axis=1) if p.ndim == 1 else p for p in told]
    else:
        told = [whole.predict_proba(data.X, **{name: end}) for end in ends]
    for given in (model, whole):
        check(follow(given, data), told, data.y, np.unique(data.y))


def test_raw_scores_that_are_no_logits_are_refused():
    """A booster whose scores are not logits of its probabilities is refused."""
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=3, objective="multiclassova", verbose=-1, n_jobs=1)
    with pytest.raises(AssayError, match="multiclassova"):
        follow(model, Data(X, CODES))


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingRegressor(n_estimators=3, random_state=0),
        HistGradientBoostingRegressor(max_iter=3),
        AdaBoostRegressor(n_estimators=3, random_state=0),
    ],
    ids=str,
)
def test_stages_of_numbers(model):
    """Regressors have the residuals of their stages, and neither margin nor probability."""
    trace = follow(model, NUMBERS)
    for epoch, said in enumerate(clone(model).fit(X, NUMBERS.y).staged_predict(X)):
        np.testing.assert_allclose(trace.errors[epoch], abs(said - NUMBERS.y), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(trace.losses[epoch], (said - NUMBERS.y) ** 2, rtol=1e-4, atol=1e-5)
    assert np.isnan(trace.margins).all()
    assert np.isnan(trace.probabilities).all()


def test_passes_of_numbers():
    """A linear regressor has its residuals after each call of partial_fit."""
    byhand = SGDRegressor(random_state=np.random.RandomState(2))
    trace = follow(SGDRegressor(random_state=2), NUMBERS, epochs=3)
    for epoch in range(3):
        said = byhand.partial_fit(X, NUMBERS.y).predict(X)
        np.testing.assert_allclose(trace.errors[epoch], abs(said - NUMBERS.y), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_a_forest_is_read_out_of_bag(kind):
    """At the end a forest has its out-of-bag probabilities; rows in every bag so far were not seen."""
    model = kind(30, random_state=0, bootstrap=True, oob_score=True)
    trace = follow(model, DATA)
    whole = clone(model).fit(X, NAMES)
    own = whole.oob_decision_function_[np.arange(120), np.searchsorted(whole.classes_, NAMES)]
    np.testing.assert_allclose(trace.probabilities[-1], own, atol=1e-5)
    assert trace.epochs == 30
    bag = whole.estimators_samples_[0]
    np.testing.assert_array_equal(np.isnan(trace.losses[0]), np.isin(np.arange(120), bag))


def test_a_forest_of_numbers():
    """At the end a forest of numbers has its out-of-bag residuals."""
    model = RandomForestRegressor(30, random_state=0, oob_score=True)
    said = clone(model).fit(X, NUMBERS.y).oob_prediction_
    np.testing.assert_allclose(follow(model, NUMBERS).errors[-1], abs(said - NUMBERS.y), rtol=1e-4)


def test_pipelines_are_fitted_first():
    """The first steps of a pipeline are fitted on all rows, and its last step is followed."""
    last = SGDClassifier(loss="log_loss", random_state=0)
    whole = follow(make_pipeline(StandardScaler(), last), DATA, epochs=3)
    Z = StandardScaler().fit_transform(X)
    parts = follow(last, Data(Z, NAMES, ids=DATA.ids), epochs=3)
    assert whole.losses.tobytes() == parts.losses.tobytes()


def test_balanced_classes():
    """Balanced weights are those of all rows."""
    counts = dict(zip(*np.unique(NAMES, return_counts=True), strict=True))
    weights = {name: 120 / 3 / count for name, count in counts.items()}
    one = follow(SGDClassifier(class_weight="balanced", random_state=0), DATA, epochs=2)
    two = follow(SGDClassifier(class_weight=weights, random_state=0), DATA, epochs=2)
    np.testing.assert_allclose(one.margins, two.margins, rtol=1e-5)


def test_seeds_decide():
    """The same seed gives the same bits, another one others, and the model stays unfitted."""
    model = SGDClassifier()
    one, two, other = (follow(model, DATA, epochs=3, seed=seed) for seed in (1, 1, 2))
    assert one.losses.tobytes() == two.losses.tobytes() != other.losses.tobytes()
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_a_folder_has_it_too(tmp_path):
    """With a folder the trace lies on disk, in float16."""
    model = GaussianNB()
    disk, memory = follow(model, DATA, epochs=3, folder=tmp_path / "t"), follow(model, DATA, epochs=3)
    with pytest.raises(AssayError, match="holds a trace already"):
        follow(model, DATA, epochs=3, folder=tmp_path / "t")
    assert disk.losses.dtype == np.float16
    np.testing.assert_allclose(disk.margins, np.clip(memory.margins, -65504, 65504), rtol=1e-3)


def test_a_torch_module_is_trained_by_its_recipe():
    """A copy of the module is trained from its weights; each row has what its batch showed."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = torch.nn.Linear(6, 3)
    before = [p.detach().clone() for p in network.parameters()]
    recipe = Training(epochs=2, batch=50, rate=0.1, momentum=0.5)
    trace = follow(network, DATA, training=recipe, seed=4, norms="last")
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), before, strict=True))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.5)
    rng, inputs, targets = np.random.default_rng(4), torch.tensor(X).float(), torch.tensor(CODES)
    for epoch in range(2):
        for rows in np.split(rng.permutation(120), [50, 100]):
            optimizer.zero_grad()
            losses = torch.nn.functional.cross_entropy(network(inputs[rows]), targets[rows], reduction="none")
            np.testing.assert_allclose(
                trace.losses[epoch, rows], losses.detach().numpy(), rtol=1e-4, atol=1e-6
            )
            losses.mean().backward()
            optimizer.step()
    assert trace.norms is not None


def test_a_network_of_numbers():
    """A module with one output has squared errors."""
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(6, 1)
    trace = follow(network, NUMBERS, training=Training(epochs=1, batch=120, optimizer="adam"))
    with torch.no_grad():
        said = network(torch.tensor(X).float()).numpy()[:, 0]
    np.testing.assert_allclose(trace.losses[0], (said - NUMBERS.y) ** 2, rtol=1e-4)


class Silent(ClassifierMixin, BaseEstimator):
    """A classifier that names a class and nothing else."""

    def fit(self, X, y):
        """Nothing to learn."""
        return self

    def partial_fit(self, X, y, classes=None):
        """Nothing to learn."""
        return self


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: follow(KNeighborsClassifier(), DATA), "has no epochs"),
        (lambda: follow(Silent(), DATA, epochs=2), "neither scores nor probabilities"),
        (lambda: follow(Ridge(), NUMBERS), "has no epochs"),
        (lambda: follow(ExtraTreesClassifier(), DATA), "bootstrap=True"),
        (lambda: follow(SGDClassifier(), Data(X)), "one label each"),
        (lambda: follow(SGDClassifier(), X), "one label each"),
        (lambda: follow(SGDClassifier(), DATA, epochs=0), "at least 1"),
        (lambda: follow(SGDClassifier(), DATA, epochs=1.5), "at least 1"),
        (lambda: follow(SGDClassifier(), DATA, training=3), "Training"),
        (lambda: follow(SGDClassifier(), DATA, training=Training()), "for torch modules"),
        (lambda: follow(SGDClassifier(), DATA, norms="last"), "for torch modules"),
        (lambda: follow(SGDClassifier(), Data(X, np.zeros(120, int)), epochs=2), "needs rows of two classes"),
        (lambda: follow(LogisticRegression(C=-1), BINARY), "cannot be fitted"),
        (lambda: follow(MultinomialNB(), DATA), "cannot be fitted in parts"),
        (lambda: follow("model", DATA), "scikit-learn estimator"),
    ],
)
def test_what_cannot_be_followed_is_named(call, told):
    """Models without epochs, and wrong settings, are refused with the fix."""
    with pytest.raises(AssayError, match=told):
        call()


def test_traces_of_a_problem():
    """A trace that is given is joined by ids; else the model is followed, from a seed that is drawn."""
    given = follow(GaussianNB(), DATA, epochs=2)
    order = np.arange(120)[::-1]
    (found,) = traces_of(Problem(DATA.take(order), trace=given), "X", np.random.default_rng(0))
    np.testing.assert_array_equal(found.losses, given.losses[:, order])
    problem = Problem(DATA, model=SGDClassifier(max_iter=4))
    first, again, other = (traces_of(problem, "X", np.random.default_rng(seed))[0] for seed in (0, 0, 1))
    assert first.losses.tobytes() == again.losses.tobytes()
    assert first.losses.tobytes() != other.losses.tobytes()
    with pytest.raises(AssayError, match="X needs a trace"):
        traces_of(Problem(DATA), "X", np.random.default_rng(0))


def test_traces_of_a_trained_network_are_refused():
    """A torch module of a problem is trained already: there is nothing to follow."""
    torch = pytest.importorskip("torch")
    with pytest.raises(AssayError, match="trained already"):
        traces_of(Problem(DATA, model=torch.nn.Linear(6, 3)), "X", np.random.default_rng(0))


def test_sparse_rows_are_followed():
    """Sparse rows are followed as dense ones, through a pipeline, too."""
    dense = np.maximum(X, 0)
    sparse = Data(csr_matrix(dense), NAMES)
    for model in (MultinomialNB(), make_pipeline(MaxAbsScaler(), MultinomialNB())):
        one, two = follow(model, sparse, epochs=2), follow(model, Data(dense, NAMES), epochs=2)
        np.testing.assert_allclose(one.losses, two.losses, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", [None, SGDClassifier])
def test_what_is_no_estimator_is_refused(model):
    """Neither nothing nor a class is followed."""
    with pytest.raises(AssayError, match="pass an estimator itself"):
        follow(model, DATA)


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(3), MLPClassifier(), GaussianNB(), HistGradientBoostingClassifier()]
)
def test_one_class_is_refused(model):
    """A classifier is not followed on rows of one class, or on labels that are numbers."""
    with pytest.raises(AssayError, match="all 'ant'"):
        follow(model, Data(X, ["ant"] * 120))
    with pytest.raises(AssayError, match="take a regressor"):
        follow(model, NUMBERS)


def lightgbm_booster(objective, y, **how):
    """A booster in LightGBM's own form."""
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"objective": objective, "num_leaves": 4, "verbose": -1, "num_threads": 1} | how
    return lightgbm.train(settings, lightgbm.Dataset(X, y), 3)


def xgboost_booster(objective, y, **how):
    """A booster in XGBoost's own form."""
    xgboost = pytest.importorskip("xgboost")
    return xgboost.train(
        {"objective": objective, "max_depth": 2, "nthread": 1} | how, xgboost.DMatrix(X, y), 3
    )


@pytest.mark.parametrize(
    ("make", "objective"), [(lightgbm_booster, "binary"), (xgboost_booster, "binary:logistic")]
)
def test_boosters_know_their_classes(make, objective):
    """Rows of one class alone are read by that class, as rows of both are."""
    y = (CODES > 0).astype(int)
    booster = make(objective, y)
    whole, ones = follow(booster, Data(X, y)), np.flatnonzero(y)
    part = follow(booster, Data(X[ones], y[ones]))
    np.testing.assert_allclose(part.probabilities, whole.probabilities[:, ones], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "objective"), [(lightgbm_booster, "regression"), (xgboost_booster, "reg:squarederror")]
)
def test_boosters_of_numbers_that_are_whole(make, objective):
    """A booster that predicts numbers has residuals, also where all numbers are whole."""
    booster = make(objective, CODES)
    trace = follow(booster, Data(X, CODES))
    assert np.isnan(trace.margins).all()
    said = booster.predict(X) if make is lightgbm_booster else booster.inplace_predict(X)
    np.testing.assert_allclose(trace.errors[-1], abs(said - CODES), rtol=1e-4, atol=1e-5)


def test_boosters_of_many_classes_and_of_counts():
    """Softmax is read, whatever form its predictions have; counts by a logarithm are refused."""
    soft = {"num_class": len(np.unique(CODES))}
    traces = [
        follow(xgboost_booster(f"multi:{k}", CODES, **soft), Data(X, CODES)) for k in ("softmax", "softprob")
    ]
    np.testing.assert_array_equal(traces[0].probabilities, traces[1].probabilities)
    with pytest.raises(AssayError, match="raw scores of Booster are not its predictions"):
        follow(lightgbm_booster("poisson", CODES), Data(X, CODES))


def test_boosters_that_stopped_early_or_saw_other_columns():
    """Rounds after the best one do not count, and other columns than those of the training are refused."""
    xgboost = pytest.importorskip("xgboost")
    y = (CODES > 0).astype(int)
    rows, judges = xgboost.DMatrix(X[:60], y[:60]), xgboost.DMatrix(X[60:], y[60:])
    settings = {"objective": "binary:logistic", "eta": 1.0, "nthread": 1}
    booster = xgboost.train(
        settings, rows, 40, evals=[(judges, "j")], early_stopping_rounds=3, verbose_eval=False
    )
    trace, best = follow(booster, Data(X, y)), booster.best_iteration + 1
    assert trace.epochs == best < booster.num_boosted_rounds()
    said = booster.predict(xgboost.DMatrix(X), iteration_range=(0, best))
    np.testing.assert_allclose(trace.probabilities[-1], np.where(y, said, 1 - said), rtol=1e-5)
    for other in (booster, lightgbm_booster("binary", y)):
        with pytest.raises(AssayError, match="Booster was trained on 6 columns, and the rows have 5"):
            follow(other, Data(X[:, :5], y))


def test_boosters_whose_predictions_are_scores_are_refused():
    """Raw scores of classes or of ranks are no numbers to have squared errors."""
    for booster in (
        xgboost_booster("binary:logitraw", CODES > 0),
        xgboost_booster("rank:pairwise", CODES > 0),
    ):
        with pytest.raises(AssayError, match=r"objective (binary:logitraw|rank:pairwise)"):
            follow(booster, Data(X, (CODES > 0).astype(int)))


def test_a_class_of_ones_own_is_of_the_library_it_builds_on():
    """Stages of a subclass are those of what it builds on."""

    class Own(GradientBoostingRegressor):
        pass

    own, plain = (kind(n_estimators=3, random_state=0) for kind in (Own, GradientBoostingRegressor))
    np.testing.assert_array_equal(follow(own, NUMBERS).losses, follow(plain, NUMBERS).losses)


@pytest.mark.parametrize("epochs", [None, 3])
def test_a_solver_of_one_step_is_refused(epochs):
    """Ridge has max_iter, and a solver that has no iterations."""
    with pytest.raises(AssayError, match="solved in one step"):
        follow(Ridge(max_iter=100), NUMBERS, epochs=epochs)


def test_a_folder_of_something_else_is_refused_before_the_training(tmp_path):
    """Nothing is trained for a folder that cannot be written."""
    (tmp_path / "mine").touch()

    class Late(SGDRegressor):
        def partial_fit(self, *given, **named):
            raise AssertionError

    with pytest.raises(AssayError, match="holds no trace"):
        follow(Late(), NUMBERS, folder=tmp_path)


def test_a_net_that_cannot_be_fitted_and_outputs_that_are_not_finite():
    """What skorch and torch refuse is told in one sentence, and what the recorder refuses in its own."""
    torch, skorch = pytest.importorskip("torch"), pytest.importorskip("skorch")
    how = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 1, "train_split": None, "verbose": 0}
    single = X.astype(np.float32)
    with pytest.raises(
        AssayError, match=r"net NeuralNetClassifier cannot be fitted: .* float32 and labels as codes"
    ):
        follow(skorch.NeuralNetClassifier(torch.nn.Linear(6, 3), **how), Data(X, CODES))
    broken = torch.nn.Linear(6, 3)
    torch.nn.init.constant_(broken.weight, np.nan)
    with pytest.raises(AssayError, match=r"^Recorder got outputs for the row"):
        follow(skorch.NeuralNetClassifier(broken, **how), Data(single, CODES))


def test_bad_networks_and_trainings():
    """Networks that do not fit the rows, batch norm on one row, and several networks are refused by name."""
    torch = pytest.importorskip("torch")
    from assay.metrics import Training

    data = Data(X, CODES)
    wide, classes = X.shape[1], len(np.unique(CODES))
    for told, network, how in (
        ("network fails on rows", torch.nn.Linear(wide + 1, classes), {}),
        ("output", torch.nn.Linear(wide, 1), {}),
        ("no parameter that is trained", torch.nn.Linear(wide, classes).requires_grad_(False), {}),
        ("inits is 3", torch.nn.Linear(wide, classes), {"inits": 3}),
        (
            r"batch of 1 row\(s\)",
            torch.nn.Sequential(torch.nn.BatchNorm1d(wide), torch.nn.Linear(wide, classes)),
            {"batch": len(X) - 1},
        ),
    ):
        with pytest.raises(AssayError, match=told):
            follow(network, data, training=Training(epochs=1, **how))
