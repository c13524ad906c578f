"""The whole product: ``kws-app run`` as a process, on a real audio server, hears a word and runs its command."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from kws_app.arrays import RATE, Samples
from tests.conftest import ROOT
from tests.system.daemon import Daemon
from tests.system.virtual_microphone import VirtualMicrophone

MODEL = ROOT / "models" / "wakewords-en.onnx"


@pytest.fixture
def microphone() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone(rate=RATE) as microphone:
        yield microphone


@pytest.fixture
def daemon(tmp_path: Path, microphone: VirtualMicrophone, tiny_model: Path) -> Iterator[Daemon]:
    """Listening for the tests' own "rise"."""
    with Daemon(tmp_path, microphone, f"model: {{path: {tiny_model}}}\nkeywords: {{rise: {{}}}}") as daemon:
        daemon.wait_until_ready()
        yield daemon


@pytest.mark.skipif(not MODEL.exists(), reason="models/wakewords-en.onnx is not there yet")
def test_computer_spoken_into_the_microphone_runs_the_command(tmp_path: Path, microphone: VirtualMicrophone) -> None:
    sentence, _ = soundfile.read(ROOT / "examples" / "computer.flac", dtype="int16")

    with Daemon(tmp_path, microphone, "keywords: {computer: {sensitivity: balanced}}") as daemon:
        daemon.wait_until_ready()
        microphone.feeder.speak(sentence)
        event = daemon.next("detection", within=len(sentence) / RATE + 5)

    assert event["keyword"] == "computer"


def test_a_word_is_heard_within_a_second_of_its_end(daemon: Daemon, spoken: Samples) -> None:
    word_ends = int(1.5 * RATE)
    daemon.microphone.feeder.speak(spoken[:word_ends])
    daemon.microphone.feeder.wait_until_said()
    begin = time.monotonic()

    event = daemon.next("detection", within=5)

    assert event["keyword"] == "rise"
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("request_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds_of_being_asked_to(daemon: Daemon, request_to_stop: signal.Signals) -> None:
    daemon.send(request_to_stop)

    assert daemon.ends(within=2) == 0


def test_it_stops_within_two_seconds_though_the_microphone_delivers_nothing(daemon: Daemon) -> None:
    daemon.microphone.feeder.stall()
    time.sleep(0.5)  # until all that was under way has arrived

    daemon.send(signal.SIGTERM)

    assert daemon.ends(within=2) == 0


def test_a_microphone_that_is_not_there_ends_it_with_the_nearest_name_and_status_69(
    tmp_path: Path, microphone: VirtualMicrophone, tiny_model: Path
) -> None:
    audio = "audio: {device: Virtaul Microphone, give_up_after_seconds: 1}"
    config = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: {{}}}}\n{audio}"

    with Daemon(tmp_path, microphone, config) as daemon:
        assert daemon.ends(within=10) == 69
        assert 'no input device named "Virtaul Microphone"; nearest is "Virtual Microphone"' in daemon.log.read_text()
        assert "Traceback" not in daemon.log.read_text()


def test_listening_needs_at_most_80_megabytes_and_nothing_that_reads_recordings(daemon: Daemon) -> None:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    kilobytes = int(status.split("VmRSS:")[1].split()[0])
    loaded = Path(f"/proc/{daemon.process.pid}/maps").read_text()

    assert kilobytes < 80_000
    assert not [package for package in ("/_soundfile", "/scipy/", "/torch/", "/onnx/") if package in loaded]
