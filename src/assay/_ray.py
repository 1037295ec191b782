"""Ray as an executor of joblib's, for clusters: a node that dies costs the time to do its tasks again.

Tasks of Ray's own pool (`ray.util.joblib`) live in actors, which die with their node and take the run with
them; here they are plain tasks, which Ray starts again elsewhere. A task is pure, so the bits are the same.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

from joblib import parallel_config, register_parallel_backend
from joblib.parallel import ParallelBackendBase

from ._errors import AssayError

RETRIES = 20  # a task survives this many deaths of its node, and does not kill worker after worker for ever
LOOK_SECONDS = 0.05  # how soon a task that was submitted meanwhile is waited for


def ray_backend() -> parallel_config:
    """Run on a Ray cluster: `with assay.ray_backend(): assay.value(problem, method)`.

    Every core of the cluster works. The cluster is the one that `ray.init` connected to, else the one that
    `RAY_ADDRESS` names, else this machine. Assay and the model's library must be installed on every node, in
    the same versions; the values are then the same bits as from one process on a machine of the same kind.
    A node that dies on the way costs the time to do its part again. From then on
    `joblib.parallel_config(backend="ray")` means the same.

    Returns
    -------
    joblib.parallel_config
        Used in `with`; it also holds for other work of joblib inside.

    Raises
    ------
    AssayError
        If Ray is not installed.
    """
    try:
        ray = _ray()
    except ImportError as error:
        raise AssayError("Ray is not installed; install it: pip install 'assay[ray]'.") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    register_parallel_backend("ray", RayBackend)
    return parallel_config("ray", n_jobs=-1)


class RayBackend(ParallelBackendBase):
    """What joblib asks of an executor, by tasks of Ray; Ray must be connected.

    One thread waits for all tasks: Ray's own callbacks run where no new task may be submitted.
    """

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._change = threading.Condition()
        self._pending: dict[Any, Future[Any]] = {}
        self._waiter: threading.Thread | None = None

    def effective_n_jobs(self, n_jobs: Any) -> Any:
        """Return how many tasks run at once; -1 is every core of the cluster as it is now."""
        ray = _ray()
        if n_jobs == 0:
            raise ValueError("n_jobs is 0; it needs to be at least 1, or -1 for every core of the cluster.")
        if n_jobs is None or n_jobs < 0:
            return max(1, int(ray.cluster_resources().get("CPU", 1)))
        return n_jobs

    def submit(self, func: Any, callback: Any = None) -> Future[Any]:
        """Send a batch of calls to the cluster."""
        ray = _ray()
        future: Future[Any] = Future()
        if callback is not None:
            future.add_done_callback(callback)
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_run)
        with self._change:
            self._pending[task.remote(func)] = future
            if self._waiter is None:
                self._waiter = threading.Thread(target=self._wait, daemon=True)
                self._waiter.start()
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Return what a batch returned, or raise what it raised."""
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what is under way: nobody will ask for it."""
        ray = _ray()
        with self._change:
            refs = list(self._pending)
            self._pending.clear()
        for ref in refs:
            ray.cancel(ref, force=True)

    def share(self, thing: Any) -> Any:
        """Put `thing` into the cluster's store once; each worker reads it from its own node's copy."""
        ray = _ray()
        return partial(_fetched, ray.put(thing))

    def _wait(self) -> None:
        ray = _ray()
        while True:
            with self._change:
                refs = list(self._pending)
                if not refs:
                    self._waiter = None
                    return
            try:
                ready = ray.wait(refs, num_returns=1, timeout=LOOK_SECONDS)[0]
            except Exception as error:  # the cluster is gone: nobody may wait for it for ever
                self._fail(error)
                return
            for ref in ready:
                with self._change:
                    future = self._pending.pop(ref, None)
                if future is not None:
                    _settle(future, ref)

    def _fail(self, error: Exception) -> None:
        with self._change:
            lost, self._waiter = list(self._pending.values()), None
            self._pending.clear()
        for future in lost:
            future.set_exception(error)


def _ray() -> Any:
    """Import Ray, which takes a second and may not be there."""
    return import_module("ray")


def _settle(future: Future[Any], ref: Any) -> None:
    ray = _ray()
    try:
        result = ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        future.set_exception(error.cause)
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _run(calls: Any) -> Any:
    return calls()


@lru_cache(maxsize=1)
def _fetched(ref: Any) -> Any:
    return _ray().get(ref)
