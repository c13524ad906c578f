"""Independent tasks over processes of this machine, or over the machines of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from tqdm import tqdm

from kws_app.errors import ConfigError, Fault, KwsError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """Where tasks run: in *jobs* processes, or on the cluster whose Dask scheduler listens at *scheduler*.

    The machines of a cluster have this package installed and see the same files under the same paths.
    """

    jobs: int = 1
    scheduler: str | None = None

    def map(self, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], *, of: str) -> list[T]:
        """Results of ``function(*task)`` in the order of the tasks; *of* names what is counted while they run.

        Raises:
            KwsError: a process died.
            ConfigError: there is no such cluster, or Dask is not installed.
        """
        if self.scheduler is not None:
            results = _on_cluster(self.scheduler, function, tasks)
        elif self.jobs > 1 and len(tasks) > 1:
            results = in_processes(min(self.jobs, len(tasks)), function, tasks)
        else:
            results = (function(*task) for task in tasks)
        return list(tqdm(results, desc=of, total=len(tasks), unit=of.removesuffix("s")))


def processes(jobs: int, *, start: str = "spawn") -> ProcessPoolExecutor:
    """Processes that leave Ctrl-C to this one, which decides what of their work is finished and what is cancelled.

    They are spawned, because a fork of a process with ONNX Runtime's threads can hang.
    """
    context = multiprocessing.get_context(start)
    return ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))


def in_processes(
    jobs: int, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], *, start: str = "spawn"
) -> Iterator[T]:
    """Results of ``function(*task)`` in the order of the tasks; what has begun is finished at Ctrl-C, the rest is not.

    Raises:
        KwsError: a process died.
    """
    pool = processes(jobs, start=start)
    try:
        yield from pool.map(function, *zip(*tasks, strict=True))
    except BrokenProcessPool as error:
        raise KwsError("a process died, often for want of memory; try fewer --jobs") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _on_cluster(scheduler: str, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]]) -> Iterator[T]:
    try:
        from distributed import Client  # the extra `cluster`
    except ImportError as error:
        message = "needs Dask: pip install 'kws-app[cluster]', here and on every machine of the cluster"
        raise ConfigError(Fault("--scheduler", None, "", message)) from error
    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(Fault("--scheduler", None, scheduler, f"no Dask scheduler answers: {error}")) from error
    with client:
        futures = client.map(function, *zip(*tasks, strict=True), pure=False)
        for future in futures:
            yield future.result()
