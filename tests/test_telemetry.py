"""Nothing leaves the machine, and nothing is written that was not configured.

ONNX Runtime's wheels queue telemetry under HOME and in /tmp at import and try to send it. These tests watch the
system calls of our own commands, so they see whatever a library does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile

from tests.conftest import ROOT

SAMPLE = ROOT / "examples" / "computer.flac"
WRITES = re.compile(r'"(?P<path>[^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)')
MAKES = re.compile(r'\b(?:creat|mkdir)\("(?P<path>[^"]+)"')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def short_recording(tmp_path: Path) -> Path:
    samples, rate = soundfile.read(SAMPLE, dtype="int16", stop=2 * 16_000)
    path = tmp_path / "short.wav"
    soundfile.write(path, samples, rate)
    return path


def kws_app(*arguments: str | Path, home: Path, before: Sequence[str | Path] = ()) -> None:
    """Run a command with an empty HOME and with the switch that would allow telemetry."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "ORT_DISABLE_TELEMETRY": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "RUNTIME_DIRECTORY": str(home.parent / "run"),
        "STATE_DIRECTORY": str(home.parent / "state"),
    }
    command = [*before, sys.executable, "-m", "kws_app", *arguments]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def calls_of(*arguments: str | Path, home: Path) -> list[str]:
    """The network calls and opened files of a command and all its threads."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = home.parent / "strace.log"
    kws_app(*arguments, home=home, before=["strace", "-f", "-qq", "-o", log, "-e", "trace=network,openat,creat,mkdir"])
    return log.read_text(encoding="utf-8", errors="replace").splitlines()


def outside(calls: Sequence[str], home: Path) -> list[str]:
    """The calls that wrote a file or reached for a network. Devices and a process's own /proc are no files."""
    ours = ("/dev/", "/proc/", str(home.parent / "run"), str(home.parent / "state"))
    written = [call for call in calls if (found := WRITES.search(call)) and not found["path"].startswith(ours)]
    made = [call for call in calls if (found := MAKES.search(call)) and not found["path"].startswith(ours)]
    reached = [call for call in calls if "AF_INET" in call]
    return written + made + reached


def test_replay_opens_no_socket_and_writes_no_file(home: Path) -> None:
    calls = calls_of("replay", "--json", SAMPLE, home=home)
    assert any("wakewords-en.onnx" in call for call in calls)
    assert outside(calls, home) == []


def test_the_daemon_opens_no_socket_and_writes_no_file(home: Path, short_recording: Path, config_file: Path) -> None:
    calls = calls_of("run", "-c", config_file, "--source", short_recording, home=home)
    assert any("wakewords-en.onnx" in call for call in calls)
    assert outside(calls, home) == []


def test_replay_leaves_an_empty_home_empty(home: Path) -> None:
    kws_app("replay", SAMPLE, home=home)
    assert list(home.rglob("*")) == []
