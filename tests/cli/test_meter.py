"""Facts about ``kws-app meter``."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from kws_app.cli.meter import bar
from tests.daemon.simulated_service import SimulatedService

LEVEL = {"level_dbfs": -38.2, "noise_floor_dbfs": -64.0, "peak_dbfs": -34.0, "clipped": 0, "scores": {"computer": 0.02}}


def test_people_get_a_bar_with_floor_and_peak_and_the_scores() -> None:
    assert bar(LEVEL, is_clipping=False) == (
        " -38 dBFS [########:############  |                ]  floor -64, peak -34  computer 0.02"
    )


def test_clipping_is_said() -> None:
    assert bar(LEVEL, is_clipping=True).endswith("computer 0.02  CLIPPED")


@pytest.mark.parametrize("dbfs", [-200.0, -80.0, 0.0, 3.0])
def test_the_bar_is_as_wide_whatever_the_level(dbfs: float) -> None:
    level = LEVEL | {"level_dbfs": dbfs, "noise_floor_dbfs": dbfs, "peak_dbfs": dbfs}

    assert len(bar(level, is_clipping=False).partition("[")[2].partition("]")[0]) == 40


def test_programs_get_a_line_of_json_each_time(service: SimulatedService) -> None:
    command = [sys.executable, "-m", "kws_app", "meter", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        levels = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.kill()

    assert levels == [LEVEL | {"peak_dbfs": service.level().peak_dbfs}] * 2


@pytest.mark.usefixtures("service")
def test_on_a_terminal_the_line_stays_in_its_place_until_ctrl_c() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "kws_app", "meter"], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while shown.count(b"\r") < 3:
            shown += os.read(ours, 1000)
        process.send_signal(signal.SIGINT)
    os.close(ours)

    assert shown.startswith(b"\r -38 dBFS [")
    assert b"\n" not in shown
    assert process.returncode == 130
