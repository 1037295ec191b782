"""The name of a game: a digest of all that decides its worths; equal names mean equal worths."""

from __future__ import annotations

import sys
from hashlib import blake2b
from types import CodeType
from typing import Any

import joblib
import numpy as np
import sklearn
from scipy.sparse import issparse
from sklearn.base import clone

from ._errors import AssayError
from ._frozen import frozen
from ._learners._learner import Learner
from ._problem import Data, Problem
from ._types import Score

VERSION = b"assay game 1"


def unset_seeds(model: Any) -> list[str]:
    """The parameters of `model` (and of its steps) that are random states left to chance."""
    params = model.get_params(deep=True)
    return sorted(
        p for p, v in params.items() if v is None and (p == "random_state" or p.endswith("__random_state"))
    )


def twin(problem: Problem) -> Learner | None:
    """The learner that answers for `problem.model` without refits, if there is one."""
    if problem.train.y is None or problem.model is None or problem.valid is None or problem.valid.y is None:
        return None
    from ._learners._find import find  # twins bring the compiler, which is slow to load

    return find(problem)


def game_key(problem: Problem, seed: int = 0, *, refit: bool = False) -> bytes:
    """A 32-byte name for the game of refitting `problem.model`.

    Covers the arrays, the model's class and parameters, the score, the versions of the libraries, and `seed`
    where the model leaves its random state to chance. Never an address or an `id`. Fitted steps of a pipeline
    count by what they make of the arrays (see `ModelGame`). A model that grows row by row has another name
    than its refits: worths may differ in their last digits.

    Parameters
    ----------
    problem : Problem
        What the game is of.
    seed, refit : see `ModelGame`

    Raises
    ------
    AssayError
        If the game is the user's own, or the model cannot be pickled.
    """
    if problem.game is not None:
        raise AssayError(
            "memory= names a game by its model and data, but this problem brings its own game; "
            "wrap that: Problem(train, game=assay.CachedGame(game, memory, key=b'a name of your own'))."
        )
    problem = frozen(problem)
    digest = blake2b(VERSION, digest_size=32)
    parts = [_data(problem.train), b"" if problem.valid is None else _data(problem.valid)]
    parts += [model_key(problem.model), score_key(problem.score), _versions(problem.model)]
    if problem.model is not None and unset_seeds(problem.model):
        parts.append(str(seed).encode())
    if not refit and (learner := twin(problem)) is not None:
        parts.append(f"twin {learner.name}".encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _data(data: Data) -> bytes:
    digest = blake2b(digest_size=32)
    features = (data.X.data, data.X.indices, data.X.indptr) if issparse(data.X) else (data.X,)
    for array in (*features, data.y):
        given = np.empty(0) if array is None else array
        digest.update(f"{given.dtype.str}{given.shape}".encode() + np.ascontiguousarray(given).tobytes())
    return digest.digest()


def model_key(model: Any) -> bytes:
    """What a model is: its class and parameters, whatever its repr leaves out."""
    try:
        return _hash(None if model is None else clone(model))
    except Exception as error:  # pickling runs foreign code: any error means the same
        raise AssayError(f"Assay cannot name the model {model!r}, which does not pickle: {error}.") from error


def score_key(score: Score | str) -> bytes:
    """What a score is: its name, or the code of the function."""
    if isinstance(score, str):
        return score.encode()
    code: CodeType | None = getattr(score, "__code__", None)
    if code is None:
        try:
            return _hash(score)
        except Exception as error:  # as above
            raise AssayError(f"Assay cannot name the score {score!r}: {error}; use a function.") from error
    cells = [cell.cell_contents for cell in getattr(score, "__closure__", None) or ()]
    settings = [getattr(score, name, None) for name in ("__defaults__", "__kwdefaults__", "__self__")]
    return _hash((score.__qualname__, _code(code), settings, cells))


def _hash(thing: Any) -> bytes:
    return str(joblib.hash(thing)).encode()


def _code(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(_code(c) if isinstance(c, CodeType) else _constant(c) for c in code.co_consts)
    return code.co_code, code.co_names, constants


def _constant(constant: Any) -> str:
    """A constant as text; a set of texts is in another order in every process."""
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def _versions(model: Any) -> bytes:
    home = type(model).__module__.partition(".")[0]
    own = getattr(sys.modules.get(home), "__version__", "")
    return f"numpy {np.__version__} scikit-learn {sklearn.__version__} {home} {own}".encode()
