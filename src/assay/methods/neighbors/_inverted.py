"""Inverted: nearest rows from the cells of an inverted file (faiss)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..._errors import AssayError
from ..._problem import Data
from ..._types import Positions
from ._nearest import Nearest, Screened, in_order
from ._space import Metric

RECALL = 0.95  # share of the nearest rows of the sampled judges that has to be found
SAMPLED = 16  # judges
CELLS = 2  # times the root of n
LEARNT = 64  # rows for each cell, to place it


@final
@dataclass(frozen=True)
class Inverted(Nearest):
    """Cells around centres of k-means; as many are looked into as sampled judges need.

    Parameters
    ----------
    screened : Screened
        Rows and judges.
    index : faiss.IndexIVFFlat
    """

    screened: Screened
    index: Any

    @classmethod
    def of(cls, train: Data, valid: Data, metric: Metric, count: int, rng: np.random.Generator) -> Inverted:
        """Build the file, and double the cells looked into until `RECALL` is reached."""
        try:
            import faiss
        except ImportError as error:
            raise AssayError(
                "ApproximateKNNShapley.index 'ivf' needs faiss; install assay[index], or take index='exact'."
            ) from error
        faiss.omp_set_num_threads(1)  # its threads would decide the last bits of the centres
        screened = Screened.of(train, valid, metric)
        n, d = screened.screen.shape
        cells = max(1, min(int(CELLS * np.sqrt(n)), n // 40))  # faiss wants 39 rows to place a centre
        index: Any = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, cells)
        index.cp.seed, index.cp.niter = int(rng.integers(2**31 - 1)), 10
        index.cp.max_points_per_centroid = LEARNT
        index.train(screened.screen)
        index.add(screened.screen)
        found, judges = cls(screened, index), rng.choice(len(valid), min(SAMPLED, len(valid)), replace=False)
        near = [screened.rows(judge, judge + 1, count)[0] for judge in judges]
        index.nprobe = 1
        while index.nprobe < cells and found._recall(judges, near) < RECALL:
            index.nprobe = min(2 * index.nprobe, cells)
        return found

    def _recall(self, judges: Positions, near: list[Positions]) -> float:
        """The mean share of the nearest rows that is found."""
        rows = [self.rows(judge, judge + 1, len(one))[0] for judge, one in zip(judges, near, strict=True)]
        return float(np.mean([np.isin(one, got).mean() for one, got in zip(near, rows, strict=True)]))

    def rows(self, start: int, stop: int, count: int) -> Positions:
        """The nearest rows in the cells looked into, in the order of exact distances."""
        import faiss

        from ._sift import distances

        faiss.omp_set_num_threads(1)  # of this thread
        _, rows = self.index.search(self.screened.judges[start:stop], count)
        far, points = np.empty(rows.shape), self.screened.points[start:stop]
        distances(rows, self.screened.given, points, self.screened.product, far)
        return in_order(rows, far)
