"""Several processes train one network, and it is the one that a single process trains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError  # noqa: E402
from kws_app.training.checkpoint import read_checkpoint  # noqa: E402
from kws_app.training.team import Team  # noqa: E402
from kws_app.training.train import Trainer  # noqa: E402
from tests.training.bumps import RECIPE, shard  # noqa: E402

ROOT = Path(__file__).parents[2]


def train_by_two(work: Path, until: int) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = ["-m", "tests.training.teamwork", str(work), str(until)]
    ended = subprocess.run([*torchrun, *program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr


def test_two_processes_train_what_one_does_also_after_a_stop(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    alone.mkdir()
    together.mkdir()
    expected = Trainer(RECIPE, shard(), alone).run()

    train_by_two(together, until=3)
    train_by_two(together, until=6)

    actual = read_checkpoint(together / "checkpoint.pt", RECIPE)
    for one, two in zip(expected.state_dict().values(), actual.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)
    logs = [(work / "log.jsonl").read_text().splitlines() for work in (alone, together)]
    assert [json.loads(row)["words"] for row in logs[0]] == [json.loads(row)["words"] for row in logs[1]]


def test_lanes_that_cannot_be_dealt_out_are_refused() -> None:
    with pytest.raises(ConfigError, match="64 lanes cannot be shared by 3 processes; give a multiple of 3"):
        Team(0, 3).share(64)
