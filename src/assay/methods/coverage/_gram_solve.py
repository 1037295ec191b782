"""What a positive definite matrix's inverse says of each row, with the memory of one matrix.

Blocks of rows are worked on by threads, each with one BLAS thread, in an order that does not depend on how
many there are: the bits are the same for any number, which those of a threaded factorisation are not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ..._parallel import each
from ..._types import Floats

BLOCK = 256  # rows and columns of a block
STRIP = 4 * BLOCK  # rows that a thread brings up to date at a time


def solved(n: int, matrix: Callable[[slice, slice], Floats], targets: Floats) -> tuple[Floats, Floats]:
    """The inverse of a matrix (n, n) times `targets` (n, c), and the diagonal (n,) of the inverse.

    With a = L L', the diagonal is the sum of squares of each column of the inverse of L, which is made one
    block of columns at a time: 2 n**3 / 3 multiplications in all, and 8 n**2 bytes.

    Parameters
    ----------
    n : int
        Rows.
    matrix : callable
        Gives the block of these rows and columns.
    targets : array of shape (n, c)
    """
    factor, corners = _factor(n, matrix)
    blocks = _slices(0, n, BLOCK)
    halfway = np.empty_like(targets)
    for block, corner in zip(blocks, corners, strict=True):
        rest = targets[block] - factor[block, : block.start] @ halfway[: block.start]
        halfway[block] = corner @ rest

    def columns(j: int) -> tuple[Floats, Floats]:
        start = blocks[j].start
        inverse = np.empty((n - start, len(corners[j])))
        inverse[: len(corners[j])] = corners[j]
        for block, corner in zip(blocks[j + 1 :], corners[j + 1 :], strict=True):
            here = slice(block.start - start, block.stop - start)
            inverse[here] = -corner @ (factor[block, start : block.start] @ inverse[: here.start])
        return inverse.T @ halfway[start:], np.einsum("ij,ij->j", inverse, inverse)

    found = list(each(columns, ((j,) for j in range(len(blocks))), threads=True))
    return np.concatenate([part for part, _ in found]), np.concatenate([part for _, part in found])


def _factor(n: int, matrix: Callable[[slice, slice], Floats]) -> tuple[Floats, list[Floats]]:
    """The lower Cholesky factor (n, n), whose upper half is not set, and its blocks' inverses."""
    factor, corners = np.empty((n, n)), []

    def renew(rows: slice, columns: slice) -> None:
        done = factor[rows, : columns.start] @ factor[columns, : columns.start].T
        factor[rows, columns] = matrix(rows, columns) - done

    def divide(rows: slice, columns: slice, corner: Floats) -> None:
        factor[rows, columns] = factor[rows, columns] @ corner.T

    for block in _slices(0, n, BLOCK):
        renew(block, block)
        top = cholesky(factor[block, block], lower=True, check_finite=False)
        factor[block, block] = top
        corner = solve_triangular(top, np.eye(len(top)), lower=True, check_finite=False)
        corners.append(corner)

        def strip(rows: slice, columns: slice = block, corner: Floats = corner) -> None:
            renew(rows, columns)
            divide(rows, columns, corner)

        for _ in each(strip, ((rows,) for rows in _slices(block.stop, n, STRIP)), threads=True):
            pass
    return factor, corners


def _slices(start: int, stop: int, step: int) -> list[slice]:
    return [slice(at, min(at + step, stop)) for at in range(start, stop, step)]
