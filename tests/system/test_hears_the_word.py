"""The whole product: ``kws-app run`` as a process, on a real audio server, hears a word and runs its command."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import soundfile

from kws_app.arrays import RATE, Samples
from tests.conftest import ROOT
from tests.system.virtual_microphone import VirtualMicrophone

MODEL = ROOT / "models" / "computer.onnx"

HOOKS = "hooks: [{command: [tee, -a, heard.jsonl], on: [detection]}]"
"""What is heard goes into a file beside the configuration."""


class Daemon:
    """``kws-app run`` from its start to its end, on a microphone of its own."""

    def __init__(self, folder: Path, config: str) -> None:
        self._folder = folder
        (folder / "config.yaml").write_text(f"{config}\n{HOOKS}\n", encoding="utf-8")
        self.microphone = VirtualMicrophone(rate=RATE)
        self.log = folder / "log.txt"

    def __enter__(self) -> Self:
        self.microphone.__enter__()
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(str(self._folder / "notify"))
        self._notices.settimeout(0.1)
        environment = {**self.microphone.environment(), "NOTIFY_SOCKET": str(self._folder / "notify")}
        command = [sys.executable, "-m", "kws_app", "run", "-c", str(self._folder / "config.yaml")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._notices.close()
        self.microphone.__exit__()

    def wait_until_ready(self) -> None:
        """Return when it has told its supervisor that it listens."""
        notices: list[bytes] = []
        while b"READY=1" not in notices:
            assert self.process.poll() is None, f"it ended before it was ready; the log:\n{self.log.read_text()}"
            with contextlib.suppress(TimeoutError):
                notices = self._notices.recv(4096).split(b"\n")

    def heard(self, *, within: float) -> dict[str, Any]:
        """The first event that its hook was given, *within* so many seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            lines = self._lines()
            if lines:
                event: dict[str, Any] = json.loads(lines[0])
                return event
            time.sleep(0.05)
        raise AssertionError(f"no hook ran within {within} s; the log:\n{self.log.read_text()}")

    def ends(self, *, within: float) -> int:
        """Its exit code; it must end within so many seconds."""
        return self.process.wait(within)

    def _lines(self) -> list[str]:
        file = self._folder / "heard.jsonl"
        return [line for line in file.read_text().splitlines(keepends=True) if "\n" in line] if file.exists() else []


@pytest.fixture
def daemon(tmp_path: Path, tiny_model: Path) -> Iterator[Daemon]:
    """Listening for the tests' own "rise"."""
    with Daemon(tmp_path, f"model: {{path: {tiny_model}}}\nkeywords: {{rise: {{}}}}") as daemon:
        daemon.wait_until_ready()
        yield daemon


@pytest.mark.skipif(not MODEL.exists(), reason="models/computer.onnx is not there yet")
def test_computer_spoken_into_the_microphone_runs_the_command(tmp_path: Path) -> None:
    sentence, _ = soundfile.read(ROOT / "examples" / "computer.flac", dtype="int16")

    with Daemon(tmp_path, "keywords: {computer: {sensitivity: balanced}}") as daemon:
        daemon.wait_until_ready()
        daemon.microphone.speak(sentence)
        event = daemon.heard(within=len(sentence) / RATE + 5)

    assert (event["event"], event["keyword"]) == ("detection", "computer")


def test_a_word_is_heard_within_a_second_of_its_end(daemon: Daemon, spoken: Samples) -> None:
    word_ends = int(1.5 * RATE)
    daemon.microphone.speak(spoken[:word_ends])
    daemon.microphone.wait_until_said()
    begin = time.monotonic()

    event = daemon.heard(within=5)

    assert event["keyword"] == "rise"
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("request_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds_of_being_asked_to(daemon: Daemon, request_to_stop: signal.Signals) -> None:
    daemon.process.send_signal(request_to_stop)

    assert daemon.ends(within=2) == 0


def test_it_stops_within_two_seconds_though_the_microphone_delivers_nothing(daemon: Daemon) -> None:
    daemon.microphone.stall()
    time.sleep(0.5)  # until all that was under way has arrived

    daemon.process.send_signal(signal.SIGTERM)

    assert daemon.ends(within=2) == 0


def test_an_audio_server_that_dies_ends_it_with_a_sentence_and_status_69(daemon: Daemon) -> None:
    daemon.microphone.kill_server()

    assert daemon.ends(within=10) == 69
    assert "is gone" in daemon.log.read_text()
    assert "Traceback" not in daemon.log.read_text()


def test_a_microphone_that_is_not_there_ends_it_with_the_nearest_name_and_status_69(
    tmp_path: Path, tiny_model: Path
) -> None:
    config = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: {{}}}}\naudio: {{device: Virtaul Microphone}}"

    with Daemon(tmp_path, config) as daemon:
        assert daemon.ends(within=10) == 69
        assert 'no input device named "Virtaul Microphone"; nearest is "Virtual Microphone"' in daemon.log.read_text()


def test_listening_needs_at_most_80_megabytes_and_nothing_that_reads_recordings(daemon: Daemon) -> None:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    kilobytes = int(status.split("VmRSS:")[1].split()[0])
    loaded = Path(f"/proc/{daemon.process.pid}/maps").read_text()

    assert kilobytes < 80_000
    assert not [package for package in ("/_soundfile", "/scipy/", "/torch/", "/onnx/") if package in loaded]
