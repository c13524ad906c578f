"""Work over processes and over a cluster gives what one process gives."""

from __future__ import annotations

import importlib.util
import math
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError, KwsError
from kws_app.training.listening import listen
from kws_app.training.manifest import read_manifest
from kws_app.training.spread import Spread
from tests.training.streams import write_streams

has_dask = importlib.util.find_spec("distributed") is not None


def test_results_come_in_the_order_of_the_tasks() -> None:
    tasks = [(24, 36), (5, 7), (9, 27)]

    assert Spread().map(math.gcd, tasks, of="sums") == Spread(jobs=2).map(math.gcd, tasks, of="sums") == [12, 1, 9]


def test_a_process_that_dies_is_told_in_a_sentence() -> None:
    with pytest.raises(KwsError, match="a process died, often for want of memory; try fewer --jobs"):
        Spread(jobs=2).map(os._exit, [(3,), (3,)], of="exits")


def test_streams_heard_in_two_processes_have_the_same_scores(tmp_path: Path, tiny_model: Path) -> None:
    path = write_streams(tmp_path)
    manifest = read_manifest(path)

    alone, spread = (listen(manifest, tiny_model, Spread(jobs), file=path) for jobs in (1, 2))

    assert list(alone) == list(spread)
    for name in alone:
        np.testing.assert_array_equal(alone[name].smoothed, spread[name].smoothed)


@pytest.mark.skipif(has_dask, reason="the cluster extra is installed")
def test_a_cluster_without_dask_is_refused_with_the_extras_name() -> None:
    with pytest.raises(ConfigError, match=r"--scheduler: needs Dask: pip install 'kws-app\[cluster\]'"):
        Spread(scheduler="tcp://127.0.0.1:8786").map(math.gcd, [(1, 2)], of="sums")


@pytest.mark.skipif(not has_dask, reason="the cluster extra is not installed")
def test_streams_heard_on_a_cluster_have_the_same_scores(tmp_path: Path, tiny_model: Path) -> None:
    from distributed import LocalCluster

    path = write_streams(tmp_path)
    manifest = read_manifest(path)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        spread = listen(manifest, tiny_model, Spread(scheduler=cluster.scheduler_address), file=path)

    alone = listen(manifest, tiny_model, Spread(), file=path)
    for name in alone:
        np.testing.assert_array_equal(alone[name].smoothed, spread[name].smoothed)


@pytest.mark.skipif(not has_dask, reason="the cluster extra is not installed")
def test_a_cluster_that_does_not_answer_is_told_by_its_address(unused_port: int) -> None:
    address = f"tcp://127.0.0.1:{unused_port}"

    with pytest.raises(ConfigError, match=f"--scheduler: {address}: no Dask scheduler answers"):
        Spread(scheduler=address).map(math.gcd, [(1, 2)], of="sums")


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
