"""An hour with a daemon; ``make soak`` is a day."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.timeout(600)  # ten seconds on a machine that does nothing else
def test_every_word_of_an_hour_of_mishaps_is_heard_and_nothing_grows(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "1", "--model", tiny_model]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 missed, 0 unexpected" in ended.stdout
