"""Parallel work through joblib, so that another executor (Ray, Dask) is one line of the user's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from threadpoolctl import threadpool_limits


def workers(n_jobs: int | None = None) -> int:
    """How many work at once; None is what `joblib.parallel_config` says, else 1."""
    jobs: Any = n_jobs
    return effective_n_jobs(jobs)


def each(
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    n_jobs: int | None = None,
    *,
    threads: bool = False,
) -> Iterator[Any]:
    """Yield `function(*task)` in the order of the tasks, by processes unless `threads`.

    A worker process uses one BLAS thread: their number must not decide the last bits of a sum.
    """
    jobs = workers(n_jobs)
    if jobs == 1:
        return (function(*task) for task in tasks)
    if threads:
        return _by_threads(function, tasks, jobs)
    pool: Any = Parallel(n_jobs=jobs, return_as="generator")
    return pool(delayed(_alone)(function, task) for task in tasks)


def _by_threads(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[Any]:
    """As joblib's threads, whose results are looked for every 10 ms only: kernels may need less than that."""
    rest = iter(tasks)
    first = list(islice(rest, 2))
    if len(first) < 2:
        yield from (function(*task) for task in first)
        return
    pool, ahead = ThreadPoolExecutor(jobs), deque[Future[Any]]()
    try:
        for task in chain(first, rest):
            ahead.append(pool.submit(function, *task))
            if len(ahead) > 2 * jobs:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    with threadpool_limits(limits=1):
        return function(*task)
