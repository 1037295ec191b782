"""Parallel work: results come in the order of the tasks, whoever does them."""

from __future__ import annotations

import os

import pytest
from joblib import parallel_config
from threadpoolctl import threadpool_info

from assay._parallel import each, workers


def whoami(number: int) -> tuple[int, int, int]:
    """The task, the process that did it, and the most BLAS threads it may use."""
    import numpy as np

    np.eye(2) @ np.eye(2)
    return number, os.getpid(), max(pool["num_threads"] for pool in threadpool_info())


@pytest.mark.parametrize(("n_jobs", "threads"), [(1, False), (2, False), (2, True)])
def test_results_come_in_the_order_of_the_tasks(n_jobs, threads):
    """By this process, by workers or by threads."""
    done = list(each(whoami, ((i,) for i in range(6)), n_jobs, threads=threads))
    assert [number for number, _, _ in done] == list(range(6))
    apart = n_jobs > 1 and not threads
    assert all((process != os.getpid()) == apart for _, process, _ in done)
    if apart:
        assert {pools for _, _, pools in done} == {1}


def test_none_is_what_the_user_configured():
    """The number of workers comes from joblib's configuration, else it is one."""
    assert workers() == 1
    with parallel_config(n_jobs=3):
        assert workers() == 3
