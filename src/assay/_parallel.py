"""Parallel work through joblib, so that another executor (Ray, Dask) is one line of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
        pool: Any = Parallel(n_jobs=jobs, backend="threading", return_as="generator")
        return pool(delayed(function)(*task) for task in tasks)
    pool = Parallel(n_jobs=jobs, return_as="generator")
    return pool(delayed(_alone)(function, task) for task in tasks)


def _alone(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    with threadpool_limits(limits=1):
        return function(*task)
