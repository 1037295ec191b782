"""Which sketch of gradients has the least error of a product, and what it takes.

`python -m benchmarks.quality.sketch`. Margin gradients of the nets of the gradient benchmarks, and of a
wide layer with one token and with 32, at equal numbers a row. The error is that of single products of
different rows, root mean square over draws, times the root of the size, over the lengths of both rows: 1
for dense Gaussian numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import scipy.fft
from scipy.sparse import csr_array

from assay import Data, TorchGradients
from assay._gradients import sketch as ours
from assay._gradients.features import Features
from assay._gradients.layers import Full, Outer

from ..peers._net import Net, module
from ..speed._nets import net
from ._run import markdown

SIZES, ROWS, DRAWS, CHUNK, DENSE = (512, 2048), 256, 6, 4096, 200_000


def cases() -> Iterator[tuple[str, Features]]:
    """Yield (name, rows)."""
    for name in ("digits", "mnist"):
        found = Net.load(net(name))
        rows = Data(found.X[:ROWS], found.y[:ROWS])
        yield f"{name} net", TorchGradients(module(found.final)).rows(rows, of="margin")
    rng = np.random.default_rng(0)
    for tokens in (1, 32):
        a, b = (rng.normal(size=(ROWS // 4, tokens, 1024)).astype(np.float32) for _ in "ab")
        yield f"1,024 x 1,024, {tokens} token(s)", Features([Outer(np.maximum(a, 0), b)])


def tensor(features: Features, size: int, seed: int) -> Features:
    """TensorSketch: count sketches of both sides, multiplied and summed over tokens and layers as spectra."""
    total = 0.0
    for number, layer in enumerate(features.layers):
        assert isinstance(layer, Outer)
        rng, spectra = np.random.default_rng([seed, number]), []
        for side in (layer.a, layer.b):
            width = side.shape[2]
            signs = rng.choice(np.array([-1, 1], side.dtype), width)
            table = csr_array(
                (signs, rng.integers(size, size=width), np.arange(width + 1)), shape=(width, size)
            )
            spectra.append(scipy.fft.rfft((table.T @ side.reshape(-1, width).T).T, axis=1))
        total = total + (spectra[0] * spectra[1]).reshape(len(layer), -1, size // 2 + 1).sum(axis=1)
    return Features([Full(scipy.fft.irfft(total, size, axis=1))])


def dense(features: Features, size: int, seed: int) -> Features:
    """Gaussian numbers, made a few thousand at a time."""
    total = 0.0
    for number, layer in enumerate(features.layers):
        rng, g = np.random.default_rng([seed, number]), layer.dense()
        for at in range(0, layer.width, CHUNK):
            part = g[:, at : at + CHUNK]
            total = total + part @ (rng.normal(size=(part.shape[1], size)) / size**0.5).astype(g.dtype)
    return Features([Full(total)])


def two_sided(features: Features, size: int, seed: int) -> Features:
    """Kronecker: Gaussian numbers on either side, the root of a layer's part of the size each."""
    each, found = int((size / len(features.layers)) ** 0.5), []
    for number, layer in enumerate(features.layers):
        assert isinstance(layer, Outer)
        rng = np.random.default_rng([seed, number])
        sides = [
            side @ (rng.normal(size=(side.shape[2], each)) / each**0.5).astype(side.dtype)
            for side in (layer.a, layer.b)
        ]
        found.append(Full(np.matmul(sides[1].transpose(0, 2, 1), sides[0]).reshape(len(layer), -1)))
    return Features(found)


def count(features: Features, size: int, seed: int) -> Features:
    """Ours without TensorSketch of wide layers."""
    kept, ours.WIDE = ours.WIDE, 10**9
    try:
        return ours.sketched(features, size, seed)
    finally:
        ours.WIDE = kept


def apart(features: Features, size: int, seed: int) -> Features:
    """A count sketch of each layer in buckets of its own, an equal part of the size each."""
    part = size // len(features.layers)
    layers = [count(Features([layer]), part, seed + k).layers[0] for k, layer in enumerate(features.layers)]
    return Features(layers)


SKETCHES: dict[str, Callable[[Features, int, int], Features]] = {
    "ours": ours.sketched,
    "count": count,
    "count, layers apart": apart,
    "TensorSketch": tensor,
    "dense Gaussian": dense,
    "two-sided": two_sided,
}


def main() -> None:
    """Print one line for each case, size and sketch."""
    print(markdown(["rows", "numbers", "sketch", "error x root of size", "CPU ms a row"], []), flush=True)
    for case, features in cases():
        few = features.take(slice(0, 48))
        exact, lengths = few.gram(few), few.norms()
        other = ~np.eye(len(few), dtype=bool)
        for size in SIZES:
            for name, sketch in SKETCHES.items():
                if name == "dense Gaussian" and features.width > DENSE:
                    continue  # a thousand million numbers to draw
                sketch(few, size, 0)
                start = time.process_time()
                sketch(features, size, 0)
                spent = (time.process_time() - start) / len(features) * 1000
                draws = range(2 if name == "dense Gaussian" else DRAWS)
                off = [(s := sketch(few, size, k)).gram(s) - exact for k in draws]
                errors = np.array(off)[:, other] / np.outer(lengths, lengths)[other]
                error = (size * (errors**2).mean()) ** 0.5
                print(f"| {case} | {size:,} | {name} | {error:.2f} | {spent:.3f} |", flush=True)


if __name__ == "__main__":
    main()
