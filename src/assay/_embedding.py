"""Embedding: the space in which neighbours are looked for, and whether it tells the classes apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline

from ._errors import AssayError
from ._frozen import _is_fitted as is_fitted
from ._problem import Problem, is_torch
from ._types import Floats

BATCH = 256  # rows that pass through a network at a time
MUCH = 0.05  # of accuracy, or of explained variance, that k-NN may lose


class SurrogateWarning(UserWarning):
    """k-NN in a space predicts much worse than the model that its values stand for."""


@dataclass(frozen=True)
class Surrogate:
    """How well k-NN in a space stands for the model.

    Parameters
    ----------
    neighbours, model : float
        Accuracy on the judging rows; for numbers, the share of their variance explained.
    gap, low, high : float
        How much better the model is, and the 95% interval of that, paired by row.
    """

    neighbours: float
    model: float
    gap: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether k-NN is not measurably worse, or by at most 5 points."""
        return self.gap <= MUCH or self.low <= 0


def embed(rows: Any, encoder: Any, layer: str | None = None) -> Floats:
    """What an encoder makes of rows.

    Parameters
    ----------
    rows : sequence
        Whatever the encoder takes: an array (n, d), a list of text, images.
    encoder : transformer | torch.nn.Module | encoder of text | callable
        A fitted scikit-learn transformer or pipeline of them (`transform`); a torch module, run in batches
        in eval mode without gradients; an object with `encode`, as sentence-transformers have; or a function
        rows -> array.
    layer : str, optional
        Of a torch module: the name of the layer whose output is taken, as in `named_modules`; its output if
        not given. Outputs of more than two dimensions are flattened.

    Returns
    -------
    array of shape (n, features)

    Raises
    ------
    AssayError
        If the encoder is none of these, fails, or makes something else of the rows.

    Examples
    --------
    >>> embed(["a", "bbb"], lambda texts: [[len(text)] for text in texts]).tolist()
    [[1.0], [3.0]]
    """
    if layer is not None and not is_torch(encoder):
        raise AssayError(f"layer is {layer!r}, but the encoder {_name(encoder)} is no torch module.")
    try:
        made = _run(rows, encoder, layer)
        X = made.toarray() if issparse(made) else np.asarray(made, float)
    except AssayError:
        raise
    except Exception as error:  # encoders are foreign code: any error means the same
        raise AssayError(f"The encoder {_name(encoder)} cannot take these rows ({error}).") from error
    n = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    if X.ndim != 2 or len(X) != n or not np.isfinite(X).all():
        raise AssayError(
            f"The encoder {_name(encoder)} made an array of shape {X.shape} of {n} rows; it needs to make "
            "one row of finite numbers of each."
        )
    return X


def embedded(
    problem: Problem, encoder: Any = None, *, layer: str | None = None, k: int = 5, check: bool = True
) -> Problem:
    """The problem in the space of an encoder, where k-NN stands for the model (Jia et al. 2021).

    Parameters
    ----------
    problem : Problem
        Its rows are encoded; labels, keys and groups stay.
    encoder : see `embed`, optional
        Also a scikit-learn transformer that is not fitted yet: it is fitted on the training rows alone. If
        not given, the steps before the last of the problem's pipeline.
    layer : str, optional
        See `embed`.
    k : int
        Neighbours of the check.
    check : bool
        Warn, where there are a model and labels, if k-NN predicts much worse there than the model does.

    Returns
    -------
    Problem
        Without the model: it takes other features. The score stays.

    Raises
    ------
    AssayError
        If there is no encoder, or as in `embed`.

    Warns
    -----
    SurrogateWarning
        If k-NN is worse by more than 5 points of accuracy, or of explained variance, and measurably so.

    Examples
    --------
    >>> from assay import Data
    >>> from sklearn.preprocessing import StandardScaler
    >>> problem = Problem(Data([[0.0], [2.0]], ["a", "b"]), Data([[4.0]], ["b"]))
    >>> embedded(problem, StandardScaler()).valid.X.tolist()
    [[3.0]]
    """
    fitted = _fitted(problem, _prefix(problem) if encoder is None else encoder)
    parts = [
        part and replace(part, X=embed(part.X, fitted, layer)) for part in (problem.train, problem.valid)
    ]
    space = replace(problem, train=parts[0], valid=parts[1], model=None, game=None)
    if check and problem.model is not None and problem.train.y is not None and problem.train.y.ndim == 1:
        found = surrogate_check(space, problem, k=k)
        if not found.holds:
            what = "accuracy" if problem.target_kind == "class" else "explained variance"
            warn(
                f"k-NN in this space reaches an {what} of {found.neighbours:.3f}, and the model one of "
                f"{found.model:.3f} (better by {found.low:.3f} to {found.high:.3f}): values of neighbours "
                "there say little of the model; try another encoder or layer.",
                SurrogateWarning,
                stacklevel=2,
            )
    return space


def surrogate_check(space: Problem, problem: Problem, *, k: int = 5) -> Surrogate:
    """Compare k-NN in a space with the model of the problem, on the same rows.

    Both are fitted on the training rows and judged by the validation rows; without those, cross-validated in
    5 folds.

    Parameters
    ----------
    space : Problem
        The rows in the space, as `embedded` returns them.
    problem : Problem
        The rows as the model takes them, with the model.
    k : int
        Neighbours, at least 1.

    Raises
    ------
    AssayError
        If the model or labels are missing, or the rows are not the same.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise AssayError(f"k is {k!r}; it needs to be a whole number of at least 1.")
    valid, train = problem.valid, problem.train
    if problem.model is None or train.y is None or (valid is not None and valid.y is None):
        raise AssayError("The check needs a model and labels; pass assay.Problem(train, valid, model).")
    same = [len(part) if part else 0 for part in (space.train, space.valid, train, valid)]
    if same[:2] != same[2:]:
        raise AssayError("The space holds other rows than the problem; pass what assay.embedded returned.")
    classes = problem.target_kind == "class"
    near = (KNeighborsClassifier if classes else KNeighborsRegressor)(
        min(int(k), max(1, len(train) * 4 // 5))
    )
    y = train.y if valid is None else valid.y
    told = [_predicted(near, space), _predicted(problem.model, problem)]
    if classes:
        right = [(answer == y).astype(float) for answer in told]
    else:
        spread = max(float(np.var(y)), 1e-300)
        right = [1 - (answer - y) ** 2 / spread for answer in told]
    gain = right[1] - right[0]
    gap, half = float(gain.mean()), np.inf
    if len(gain) > 1:
        half = float(student.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)))
    return Surrogate(float(right[0].mean()), float(right[1].mean()), gap, gap - half, gap + half)


def _predicted(model: Any, problem: Problem) -> NDArray[Any]:
    """Predictions for the rows that judge, by a model fitted without them."""
    train, valid = problem.train, problem.valid
    if valid is not None:
        fresh: Any = clone(model)
        return fresh.fit(train.X, train.y).predict(valid.X)
    folds: Any = KFold(min(5, len(train)), shuffle=True, random_state=0)
    return np.asarray(cross_val_predict(model, train.X, train.y, cv=folds))


def _prefix(problem: Problem) -> Pipeline:
    model = problem.model
    if not isinstance(model, Pipeline) or len(model.steps) < 2:
        raise AssayError(
            "embedded has no encoder; pass one, or a problem whose model is a Pipeline of several steps."
        )
    return model[:-1]


def _fitted(problem: Problem, encoder: Any) -> Any:
    """The encoder, fitted on the training rows if it is a transformer that is not."""
    steps = [step for _, step in encoder.steps] if isinstance(encoder, Pipeline) else [encoder]
    if not all(hasattr(step, "transform") or step in (None, "passthrough") for step in steps):
        if hasattr(encoder, "predict") or isinstance(encoder, Pipeline):
            raise AssayError(
                f"The encoder {_name(encoder)} ends in a model; pass its steps before the last, model[:-1]."
            )
        return encoder
    if all(step in (None, "passthrough") or is_fitted(step) for step in steps):
        return encoder
    try:
        fresh: Any = clone(encoder)
        return fresh.fit(problem.train.X, problem.train.y)
    except Exception as error:  # encoders are foreign code: any error means the same
        raise AssayError(f"The encoder {_name(encoder)} cannot be fitted ({error}).") from error


def _run(rows: Any, encoder: Any, layer: str | None) -> Any:
    if is_torch(encoder):
        return _through(rows, encoder, layer)
    for way in ("transform", "encode"):
        if callable(getattr(encoder, way, None)):
            return getattr(encoder, way)(rows)
    if callable(encoder):
        return encoder(rows)
    raise AssayError(
        f"The encoder is {encoder!r}; pass a transformer, a torch module, one with encode or a function."
    )


def _through(rows: Any, network: Any, layer: str | None) -> Floats:
    """The output of a layer, batch by batch; the network is left in the mode that it was in."""
    torch = import_module("torch")  # there is no other way to have made the network
    known = dict(network.named_modules())
    if layer is not None and layer not in known:
        raise AssayError(f"The network has no layer {layer!r}; there are {', '.join(filter(None, known))}.")
    kept: list[Any] = []

    def keep(module: Any, given: Any, made: Any) -> None:
        del module, given
        kept.append(made)

    handle = (network if layer is None else known[layer]).register_forward_hook(keep)
    weight = next(iter(network.parameters()), torch.zeros(0))
    modes, out = {name: part.training for name, part in known.items()}, []
    try:
        network.eval()
        with torch.no_grad():
            for start in range(0, len(rows), BATCH):
                batch = torch.as_tensor(np.array(rows[start : start + BATCH])).to(weight.device)
                batch = batch.to(weight.dtype) if batch.is_floating_point() else batch
                kept.clear()
                network(batch)
                out.append(kept[-1].reshape(len(batch), -1).double().cpu().numpy())
    finally:
        handle.remove()
        for name, part in known.items():
            part.training = modes[name]
    return np.concatenate(out)


def _name(encoder: Any) -> str:
    return getattr(encoder, "__name__", type(encoder).__name__)
