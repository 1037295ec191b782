"""The compiled loop of the transport solver: sums over the rows and the columns of a tile of a plan."""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled, compiled_with

MOST = 700.0  # e to this, and to minus this, is still a normal number
LOG2E, MAGIC = 1.4426950408889634, 6755399441055744.0  # 1.5 x 2**52: adding it rounds to a whole number
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
TILE = 2048  # columns whose sums stay in the cache while the rows go by


@compiled_with("contract")
def _fill(products, scale, tilt, shift, line, columns):
    """Fill `line` with e**(products scale + tilt + shift), and add it to `columns`.

    Exponents are cut at +-MOST. The exponential is 2**k times a polynomial on |r| <= ln(2) / 2, right to the
    last place or two: the C library's would keep the loop from being vectorised. No reassociation here: it
    would take MAGIC away. All arrays are contiguous and begin at 0, for the same reason.
    """
    for j in range(len(products)):
        v = min(max(products[j] * scale + (tilt[j] + shift), -MOST), MOST)
        z = v * LOG2E + MAGIC
        k = z - MAGIC
        r = (v - k * LN2_HIGH) - k * LN2_LOW
        p = 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        p = p * r + 1.0
        power = (np.float64(z).view(np.int64) + 1023) << 52
        e = p * np.int64(power).view(np.float64)
        line[j] = e
        columns[j] += e


@compiled_with("reassoc", "nsz")
def _total(line, size):
    total = 0.0
    for j in range(size):
        total += line[j]
    return total


@compiled
def add_sums(products, scale, tilt, codes, shift, rows, columns):
    """Add the sums of e**(products scale + tilt[codes] + shift) to `rows` (r,) and `columns` (m,).

    `products` (r, m); `tilt` (classes, m) belongs to a column and a class of rows, `codes` (r,) says which
    class a row is of, `shift` (r,) belongs to the row.
    """
    line = np.empty(min(TILE, products.shape[1]))
    for start in range(0, products.shape[1], TILE):
        stop = min(start + TILE, products.shape[1])
        part = columns[start:stop]
        for i in range(products.shape[0]):
            _fill(products[i][start:stop], scale, tilt[codes[i]][start:stop], shift[i], line, part)
            rows[i] += _total(line, stop - start)
