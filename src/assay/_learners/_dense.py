"""Dense: small dense matrices, by loops that compile to vector instructions.

Rows are taken by their place, since a slice costs as much as ten numbers, and have `width(d)` numbers, the
last of them zeros, since a loop over what is left of a row is not vectorised.
"""

from __future__ import annotations

import math

from numba import njit

LANES = 16  # numbers that a vectorised loop takes at once


@njit(cache=True, nogil=True)
def width(d):
    """Columns that arrays have for d features."""
    return (d + LANES - 1) // LANES * LANES


@njit(cache=True, nogil=True, error_model="numpy")
def factor(A, r, lines):
    """Turn A, whose first r rows and columns count, into U with A = U'U; whether there is one."""
    right = min(width(r), A.shape[1])
    for a in range(r):
        for b in range(a):
            lines[2, b] = A[b, a]
        combine(A, a, lines, 2, -1.0, A, 0, a, right)
        if not A[a, a] > 1e-14:
            return False
        share = 1.0 / math.sqrt(A[a, a])
        for b in range(right):
            A[a, b] *= share
        for b in range(a):
            A[a, b] = 0.0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def invert_triangle(U, r, lines, back):
    """Write the inverse of an upper triangle (r, r), row by row from the last; the sum of its squares."""
    right, total = min(width(r), U.shape[1]), 0.0
    for i in range(r - 1, -1, -1):
        for b in range(back.shape[1]):
            back[i, b] = 0.0
        back[i, i] = 1.0
        combine(back, i, U, i, -1.0, back, i + 1, r, right)
        share = 1.0 / U[i, i]
        for b in range(back.shape[1]):
            back[i, b] *= share
        total += dot(back, i, back, i)
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def gram(Y, r, K):
    """Write Y Y' of the first r rows, four numbers at a time; its lower triangle is not all written."""
    for i in range(r):
        for j in range(i - i % 4, r, 4):
            t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
            for a in range(Y.shape[1]):
                t0 += Y[i, a] * Y[j, a]
                t1 += Y[i, a] * Y[j + 1, a]
                t2 += Y[i, a] * Y[j + 2, a]
                t3 += Y[i, a] * Y[j + 3, a]
            K[i, j], K[i, j + 1], K[i, j + 2], K[i, j + 3] = t0, t1, t2, t3


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def combine(out, o, weights, i, scale, matrix, start, stop, right):
    """Add to row o of `out`, up to column `right`, rows of `matrix` times scale x weights[i]."""
    whole = stop - (stop - start) % 4
    for a in range(start, whole, 4):
        s0, s1 = scale * weights[i, a], scale * weights[i, a + 1]
        s2, s3 = scale * weights[i, a + 2], scale * weights[i, a + 3]
        for b in range(right):
            near = s0 * matrix[a, b] + s1 * matrix[a + 1, b]
            out[o, b] += near + (s2 * matrix[a + 2, b] + s3 * matrix[a + 3, b])
    for a in range(whole, stop):
        s0 = scale * weights[i, a]
        for b in range(right):
            out[o, b] += s0 * matrix[a, b]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def times(matrix, vectors, i, out, o):
    """Write a square matrix times row i of `vectors` into row o of `out`, four numbers at a time."""
    d = matrix.shape[1]
    for a in range(0, d, 4):
        t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
        for b in range(d):
            t0 += matrix[a, b] * vectors[i, b]
            t1 += matrix[a + 1, b] * vectors[i, b]
            t2 += matrix[a + 2, b] * vectors[i, b]
            t3 += matrix[a + 3, b] * vectors[i, b]
        out[o, a], out[o, a + 1], out[o, a + 2], out[o, a + 3] = t0, t1, t2, t3


@njit(cache=True, nogil=True, fastmath={"contract"})
def add_outer(matrix, scale, vectors, i):
    """Add scale v v' to a matrix, v row i of `vectors`."""
    d = matrix.shape[1]
    for a in range(d):
        weight = scale * vectors[i, a]
        for b in range(d):
            matrix[a, b] += weight * vectors[i, b]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def dot(left, i, right, j):
    """Row i of one by row j of the other."""
    total = 0.0
    for a in range(left.shape[1]):
        total += left[i, a] * right[j, a]
    return total
