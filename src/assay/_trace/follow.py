"""Follows a model while it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from .._errors import AssayError
from .._frozen import frozen
from .._keys import unset_seeds
from .._numbers import check_seed, is_whole
from .._problem import Data, Problem, is_booster, is_torch
from .._training import Training
from ._lines import META, check_unused
from ._passes import can_follow, fitted, passes
from ._says import columns, quiet, says
from ._stages import (
    FORESTS,
    boosts,
    check_raw,
    foretells_numbers,
    grown,
    is_fitted,
    library,
    out_of_bag,
    stages,
)
from .recorder import Recorder
from .trace import Trace

SEEDS = 2**31


def follow(
    model: Any,
    data: Data,
    *,
    epochs: int | None = None,
    seed: int = 0,
    training: Training | None = None,
    folder: str | PathLike[str] | None = None,
    norms: Literal["last", "all"] | None = None,
    hidden: str | None = None,
) -> Trace:
    """The trace of a copy of the model that is trained on these rows.

    What an epoch is:

    - a pass over the rows for estimators with `partial_fit` (`SGDClassifier`, `Perceptron`, `MLPClassifier`,
      ...), a part of the one pass for naive Bayes;
    - an iteration of the solver for others with `max_iter` (`LogisticRegression`, ...): fitted anew for each;
    - a stage for boosting of scikit-learn, LightGBM and XGBoost; fitted ensembles are read as they are;
    - a tree for forests, where a row has the mean of the trees that did not see it;
    - an epoch of a skorch net, or of `training` for a torch module, from its current weights. Rows are
      recorded as their batches pass; all others are asked after the epoch.

    Margins are differences of logits: of the decision function where probabilities are its softmax or where
    there are none (hinge loss), else of log-probabilities, in which 0 counts as 2**-53. Labels that are
    numbers have squared errors, as `Recorder(loss="squared")`.

    Parameters
    ----------
    model : estimator | torch.nn.Module | Booster
        It stays as it is. The first steps of a pipeline are fitted first, on all rows, unless they are.
    data : Data
        With labels.
    epochs : int, optional
        At least 1; as many as the model says itself if not given, or as a whole fit takes until it stops.
    seed : int
        Of a model that leaves chance open, and of the batches of `training`.
    training : Training, optional
        How a torch module is trained.
    folder : path, optional
        Where the trace is kept, see `Recorder`; a new one.
    norms, hidden : optional
        See `Recorder`; for torch modules.

    Raises
    ------
    AssayError
        If the model cannot be followed or fitted, settings do not fit, or the folder holds a trace.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from assay import Data, follow
    >>> data = Data([[0.0], [0.2], [1.0], [1.2]], ["a", "a", "b", "a"])
    >>> follow(SGDClassifier(loss="log_loss"), data, epochs=3).losses.shape
    (3, 4)
    """
    check_seed(seed)
    _check(model, data, epochs, training)
    if folder is not None:
        if (Path(folder) / META).exists():
            raise AssayError(
                f"The folder {folder} holds a trace already; give follow a new one, or Trace.load it."
            )
        check_unused(Path(folder))
    if is_torch(model):
        from ._network import train

        settings = training or (Training() if epochs is None else Training(epochs=epochs))
        if epochs is not None and settings.epochs != epochs:
            raise AssayError("follow got epochs and a training with others; give one of them.")
        return train(model, data, settings, seed, folder, norms, hidden)
    if training is not None or norms is not None or hidden is not None:
        raise AssayError("training, norms and hidden are for torch modules; leave them out of follow.")
    problem = frozen(Problem(data, model=model))
    model, X, y = _seeded(problem.model, seed), problem.train.X, problem.train.y
    assert y is not None
    if isinstance(model, Pipeline):
        steps, model = clone(model[:-1]), model[-1]
        X = fitted(steps, X, y).transform(X)
        X = X if issparse(X) else np.asarray(X)
    if library(model) == "skorch":
        from ._skorch import fit

        return fit(model, data.ids, X, y, epochs, seed, folder)
    own = is_booster(model)
    numbers = quiet(lambda: foretells_numbers(model, X)) if own else is_regressor(model)
    if not own and is_classifier(model) and not (boosts(model) and is_fitted(model)):
        _check_classes(model, y)
    recorder = None
    with threadpool_limits(limits=1, user_api="blas"):
        for epoch, (seen, said, classes) in enumerate(_epochs(model, X, y, epochs, numbers=numbers)):
            names = None if numbers else classes
            recorder = recorder or Recorder(data.ids, folder, classes=names, loss=said[1])
            recorder(data.ids[seen], said[0], y[seen], epoch=epoch)
    assert recorder is not None
    return recorder.trace()


def _epochs(model: Any, X: Any, y: Any, epochs: int | None, *, numbers: bool) -> Iterator[Any]:
    """Which rows are seen, what is said of them with its loss, and the classes, after each epoch."""
    everyone = np.arange(len(y))
    if boosts(model):
        whole = grown(model, X, y, epochs)
        quiet(lambda: check_raw(whole, X, numbers=numbers))
        for said in stages(whole, X, epochs, numbers=numbers):
            yield everyone, said, _codes(said[0]) if is_booster(whole) else columns(whole, y)
    elif isinstance(model, FORESTS):
        for some, said in out_of_bag(model, X, y, epochs):
            yield np.flatnonzero(some), said, np.unique(y)
    elif (numbers or is_classifier(model)) and can_follow(model):
        for now in passes(model, X, y, epochs, numbers=numbers):
            yield everyone, quiet(lambda now=now: says(now, X, numbers=numbers)), columns(now, y)
    else:
        raise AssayError(
            f"The training of {type(model).__name__} cannot be followed, as it has no epochs; take a model "
            "with partial_fit, max_iter or stages, or record your own loop: assay.Recorder(ids)."
        )


def _codes(scores: Any) -> Any:
    """The classes of a booster in its library's own form, which knows them as numbers from 0."""
    return np.arange(2 if scores.ndim == 1 else scores.shape[1])


def _check_classes(model: Any, y: Any) -> None:
    name = type(model).__name__
    if y.dtype.kind == "f" and (y % 1 != 0).any():
        raise AssayError(f"follow got {name}, a classifier, and labels that are numbers; take a regressor.")
    if (y == y[0]).all():
        raise AssayError(
            f"follow got {name} and labels that are all {y[0].item()!r}; a classifier needs rows of two "
            "classes at least."
        )


def _seeded(model: Any, seed: int) -> Any:
    if is_booster(model) or (boosts(model) and is_fitted(model)):
        return model
    open_ = unset_seeds(model)
    if not open_:
        return model
    chosen = np.random.default_rng(seed).integers(SEEDS, size=len(open_))
    copy: Any = clone(model)
    return copy.set_params(**dict(zip(open_, chosen.tolist(), strict=True)))


def _check(model: Any, data: Any, epochs: Any, training: Any) -> None:
    if model is None or isinstance(model, type):
        raise AssayError(
            f"follow got the model {model!r}; pass an estimator itself, such as SGDClassifier()."
        )
    if not isinstance(data, Data) or data.y is None or data.y.ndim != 1:
        raise AssayError("follow needs rows with one label each; pass assay.Data(X, y).")
    if epochs is not None and not (is_whole(epochs) and epochs >= 1):
        raise AssayError(f"follow got epochs={epochs!r}; it needs a whole number of at least 1, or None.")
    if training is not None and not isinstance(training, Training):
        raise AssayError(f"follow got training={training!r}; pass assay.metrics.Training(...), or None.")
    if training is not None and training.inits != 1:
        raise AssayError(f"follow trains one network, and Training.inits is {training.inits}; leave it at 1.")
