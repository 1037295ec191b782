"""Sketches: rows in few numbers, whose products are those of the rows on average."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from .._errors import AssayError
from .._parallel import each
from .._types import Floats
from .features import Features
from .layers import Full, Outer, Sparse, blocks

SEEN = 64  # rows whose products tell the error of a sketch


def sketched(features: Features, size: int, seed: int) -> Features:
    """A count sketch: each number of a row is added, with a random sign, to a random one of `size` buckets.

    Buckets and signs depend on seed, layer and place alone, so that rows sketched apart have the products
    that they would have together. The product of two sketches is on average that of the rows x and y; its
    variance is at most (|x|² |y|² + (x.y)²) / size, as little as of a dense Gaussian projection. Outer
    products of one token are not multiplied out, and their zeros cost nothing.

    Parameters
    ----------
    features : Features
        n rows.
    size : int
        Numbers to keep a row, at least 1.
    seed : int

    Raises
    ------
    AssayError
        If `size` is below 1.

    Source: Charikar, Chen and Farach-Colton (2002), "Finding Frequent Items in Data Streams"; Kane and
    Nelson (2014), "Sparser Johnson-Lindenstrauss Transforms".
    """
    if size < 1:
        raise AssayError(f"The size of a sketch is {size!r}; it needs to be at least 1.")
    tables = [_table(width, size, seed, layer) for layer, width in enumerate(features.widths)]
    kind = np.result_type(*(layer.a if isinstance(layer, Outer) else layer.g for layer in features.layers))

    def block(rows: slice) -> Floats:
        part = features.take(rows)
        out = np.zeros((len(part), size), kind)
        for layer, (buckets, signs) in zip(part.layers, tables, strict=True):
            _add(layer, buckets, signs.astype(kind), out)
        return out

    parts = ((rows,) for rows in blocks(len(features), max(features.widths) * kind.itemsize))
    return Features([Full(np.concatenate(list(each(block, parts, threads=True))))])


def sketch_error(features: Features, sketch: Features) -> float:
    """The root mean square error of products of the sketch, over the lengths of the two rows.

    Measured on the products of 64 rows, evenly spaced.
    """
    rows = np.unique(np.linspace(0, len(features) - 1, min(SEEN, len(features))).astype(int))
    exact, found = (part.take(rows).gram(part.take(rows)) for part in (features, sketch))
    lengths = np.sqrt(np.maximum(np.diag(exact), 0))
    scale = np.outer(lengths, lengths)
    off = np.divide(found - exact, scale, out=np.zeros_like(scale), where=scale > 0)
    return float(np.sqrt((off**2).mean()))


def _table(width: int, size: int, seed: int, layer: int) -> tuple[Any, Any]:
    """The bucket and the sign of each number of a layer."""
    rng = np.random.default_rng([seed, layer])
    return rng.integers(size, size=width, dtype=np.int32), 1 - 2 * rng.integers(2, size=width, dtype=np.int8)


def _add(layer: Any, buckets: Any, signs: Any, out: Floats) -> None:
    from ._sketch_kernel import add_full, add_outer

    if isinstance(layer, Sparse):
        places = np.arange(len(buckets) + 1)
        table = csr_array((signs, buckets, places), shape=(len(buckets), out.shape[1]))
        out += (layer.g @ table).toarray()
    elif isinstance(layer, Outer) and layer.a.shape[1] == 1:
        add_outer(layer.a[:, 0], layer.b[:, 0], buckets, signs, out)
    else:
        add_full(layer.dense(), buckets, signs, out)
