"""Sketches: rows in few numbers, whose products are those of the rows on average."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.fft import irfft, rfft
from scipy.sparse import csr_array

from .._errors import AssayError
from .._parallel import each
from .._types import Floats
from .features import Features
from .layers import Full, Outer, Sparse, blocks

WIDE = 64  # sizes, the parameters above which spectra of both sides take less time than all products
SEEN = 64  # rows whose products tell the error of a sketch


def sketched(features: Features, size: int, seed: int) -> Features:
    """A count sketch: each number of a row is added, with a random sign, to a random one of `size` buckets.

    Buckets and signs depend on seed, layer and place alone, so that rows sketched apart have the products
    that they would have together. The product of two sketches is on average that of the rows x and y; its
    variance is at most (|x|² |y|² + (x.y)²) / size, as little as of a dense Gaussian projection. Outer
    products of one token are not multiplied out, and their zeros cost nothing.

    Factors of more than 64 `size` parameters are never multiplied out: a TensorSketch is the convolution of
    count sketches of both sides, summed over tokens as spectra. Its variance is at most 8 |x|² |y|² / size,
    in practice a tenth above the other's. Such a layer needs the same form, factors or full, in all rows.

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

    Source: Charikar, Chen and Farach-Colton (2002), "Finding Frequent Items in Data Streams"; Pham and Pagh
    (2013), "Fast and Scalable Polynomial Kernels via Explicit Feature Maps".
    """
    if size < 1:
        raise AssayError(f"The size of a sketch is {size!r}; it needs to be at least 1.")
    wide = [isinstance(layer, Outer) and layer.width > WIDE * size for layer in features.layers]
    tables = [_tables(layer, size, [seed, at], wide[at]) for at, layer in enumerate(features.layers)]
    kind = np.result_type(*(layer.a if isinstance(layer, Outer) else layer.g for layer in features.layers))

    def block(rows: slice) -> Floats:
        part = features.take(rows)
        out = np.zeros((len(part), size), kind)
        for layer, table, tensor in zip(part.layers, tables, wide, strict=True):
            signed = [(buckets, signs.astype(kind)) for buckets, signs in table]
            if tensor:
                out += _tensor(layer, signed, size)
            else:
                _add(layer, *signed[0], out)
        return out

    heavy = max(_bytes(layer, size, kind.itemsize) for layer in features.layers)
    parts = ((rows,) for rows in blocks(len(features), heavy))
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


def alike(first: Features, second: Features) -> tuple[Features, Features]:
    """Both with every layer in the same form: in full where one of the two is."""
    pairs = [
        (one, other) if type(one) is type(other) else (Full(one.dense()), Full(other.dense()))
        for one, other in zip(first.layers, second.layers, strict=True)
    ]
    return Features([one for one, _ in pairs]), Features([other for _, other in pairs])


def _tables(layer: Any, size: int, seed: list[int], tensor: bool) -> list[tuple[Any, Any]]:
    """The bucket and the sign of each number of a layer, or of each number of both of its sides."""
    rng = np.random.default_rng(seed)
    widths = (layer.a.shape[2], layer.b.shape[2]) if tensor else (layer.width,)
    return [
        (rng.integers(size, size=w, dtype=np.int32), 1 - 2 * rng.integers(2, size=w, dtype=np.int8))
        for w in widths
    ]


def _bytes(layer: Any, size: int, item: int) -> int:
    """Of a row's numbers multiplied out, or of the spectra of its tokens."""
    return max(layer.width * item, 8 * item * size * (layer.a.shape[1] if isinstance(layer, Outer) else 1))


def _tensor(layer: Any, tables: list[tuple[Any, Any]], size: int) -> Floats:
    spectra = []
    for side, (buckets, signs) in zip((layer.a, layer.b), tables, strict=True):
        table = csr_array((signs, buckets, np.arange(len(signs) + 1)), shape=(len(signs), size))
        counted = (table.T @ side.reshape(-1, len(signs)).T).T
        spectrum: Any = rfft(counted, axis=1)
        spectra.append(spectrum.reshape(*side.shape[:2], -1))
    found: Any = irfft((spectra[0] * spectra[1]).sum(axis=1), size, axis=1)
    return found


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
