"""Facts about how the process ends: real processes get real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE
from tests.conftest import ROOT

HANGING_MICROPHONE = """
import sys, time
from pathlib import Path
import numpy
from kws_app.daemon.service import Service
from tests.daemon.simulated import SimulatedMicrophone, blocks_of

script = [*blocks_of(numpy.arange(640, dtype=numpy.int16)), *[lambda: time.sleep(0.05)] * 1000]
Service(Path(sys.argv[1]), microphone=SimulatedMicrophone(script, hangs=True)).run()
"""


@pytest.fixture
def configuration(config_file: Path, tiny_model: Path) -> Path:
    config_file.write_text(f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\n", encoding="utf-8")
    return config_file


@pytest.fixture
def minute(tmp_path: Path) -> Path:
    path = tmp_path / "minute.wav"
    soundfile.write(path, np.zeros(60 * RATE, np.int16), RATE)
    return path


@contextmanager
def started(*arguments: str | Path, until: str = "Listening") -> Iterator[subprocess.Popen[str]]:
    """A process that has said *until*."""
    with subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            wait_until_said(process, until)
            yield process
        finally:
            process.kill()


def wait_until_said(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    pytest.fail(f"it ended without saying {words!r}: {said}")


def ended_within(process: subprocess.Popen[str], seconds: float) -> int:
    began = time.monotonic()
    status = process.wait(timeout=10)
    assert time.monotonic() - began < seconds
    return status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_0_within_two_seconds(
    number: signal.Signals, configuration: Path, minute: Path
) -> None:
    with started("-m", "kws_app", "run", "-c", configuration, "--source", minute) as process:
        process.send_signal(number)

        assert ended_within(process, 2) == 0


def test_a_hook_that_hangs_does_not_keep_the_process_longer_than_two_seconds(configuration: Path, minute: Path) -> None:
    hooks = "hooks:\n- {command: [sleep, '60'], on: [state]}\n- {callback: 'sleeper:sleep', on: [state]}\n"
    configuration.write_text(configuration.read_text(encoding="utf-8") + hooks, encoding="utf-8")
    (configuration.parent / "sleeper.py").write_text(
        "import time\ndef sleep(event):\n    time.sleep(60)\n", encoding="utf-8"
    )
    with started("-m", "kws_app", "run", "-c", configuration, "--source", minute) as process:
        process.terminate()

        assert ended_within(process, 2) == 0


def test_the_second_signal_ends_the_process_at_once(configuration: Path, minute: Path) -> None:
    hooks = "hooks:\n- {command: [sleep, '60'], on: [state]}\n"
    configuration.write_text(configuration.read_text(encoding="utf-8") + hooks, encoding="utf-8")
    with started("-m", "kws_app", "run", "-c", configuration, "--source", minute) as process:
        process.terminate()
        wait_until_said(process, "Stopping")
        process.terminate()

        assert ended_within(process, 2) == -signal.SIGTERM


def test_a_device_that_cannot_be_closed_does_not_keep_the_process(configuration: Path) -> None:
    with started("-c", HANGING_MICROPHONE, configuration) as process:
        process.terminate()

        status = ended_within(process, 2)
        assert process.stderr is not None
        said = process.stderr.read()

    assert status == 0
    assert "ERROR closing the microphone has not returned for 0.75 s" in said


def test_a_deaf_device_that_cannot_be_closed_ends_the_process_with_70_and_says_so(configuration: Path) -> None:
    with started("-c", HANGING_MICROPHONE, configuration, until="Deaf: no audio for 2 s") as process:
        status = ended_within(process, 5)
        assert process.stderr is not None
        said = process.stderr.read()

    assert status == 70
    assert "ERROR closing default has not returned for 3 s, and only a new process helps; this one ends here" in said
