"""``kws-app doctor`` on a real audio server: a microphone that is well, and every way in which it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.system.daemon import Daemon
from tests.system.faults.broken_card import broken_card
from tests.system.virtual_microphone import DEVICES, VirtualMicrophone


@pytest.fixture
def microphone() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone() as microphone:
        yield microphone


def examined(microphone: VirtualMicrophone, config: Path, **environment: str) -> dict[str, dict[str, Any]]:
    """The checks by name."""
    ended = subprocess.run(
        [sys.executable, "-m", "kws_app", "doctor", "--json", "-c", config],
        env=microphone.environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode in (0, 1), ended.stderr) == (True, ""), ended.stderr
    found = json.loads(ended.stdout)
    assert ended.returncode == (0 if found["healthy"] else 1)
    return {check["name"]: check for check in found["checks"]}


def test_a_microphone_that_is_well_has_its_level_told(microphone: VirtualMicrophone, config_file: Path) -> None:
    checks = examined(microphone, config_file)

    assert checks["device"]["seen"] == "default, 44100 Hz, 32 channels"
    assert checks["sound"]["verdict"] == "ok"
    assert " level -" in checks["sound"]["seen"]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (lambda chunk: chunk * 0, "digital silence"),
        (lambda chunk: np.where(chunk > 0, 32767, -32768).astype(np.int16), "clipped input: is the gain too high?"),
        (lambda chunk: chunk + np.int16(12_000), "a DC offset: the input never comes near zero"),
    ],
    ids=["silent", "clipped", "offset"],
)
def test_input_that_is_no_sound_is_a_problem(
    microphone: VirtualMicrophone, config_file: Path, fault: Any, seen: str
) -> None:
    microphone.feeder.damage = fault

    check = examined(microphone, config_file)["sound"]

    assert check["verdict"] == "problem"
    assert check["seen"].endswith(seen)


def test_a_device_that_delivers_nothing_is_a_problem(microphone: VirtualMicrophone, config_file: Path) -> None:
    microphone.feeder.stall()

    check = examined(microphone, config_file)["sound"]

    assert check["verdict"] == "problem"
    assert "no audio for 2 s" in check["seen"]


def test_a_device_of_another_rate_than_it_says_is_a_problem(microphone: VirtualMicrophone, config_file: Path) -> None:
    microphone.feeder.speed = 0.8

    check = examined(microphone, config_file)["sound"]

    assert check["verdict"] == "problem"
    assert "wrong rate: about " in check["seen"]


def test_a_device_that_is_not_there_is_told_with_those_that_are(
    microphone: VirtualMicrophone, config_file: Path
) -> None:
    config_file.write_text("audio: {device: ReSpeaker}", encoding="utf-8")

    check = examined(microphone, config_file)["device"]

    assert check["verdict"] == "problem"
    assert 'no input device named "ReSpeaker"' in check["seen"]
    assert check["remedy"] == "set audio.device to one of: Virtual Microphone, default"


def test_a_card_that_another_program_holds_is_a_problem(
    microphone: VirtualMicrophone, config_file: Path, tmp_path: Path
) -> None:
    """PortAudio leaves it out of its list, or does not open it."""
    card = broken_card(tmp_path)
    card.is_busy = True

    checks = examined(microphone, config_file, **card.environment)

    assert "problem" in (checks["device"]["verdict"], checks["sound"]["verdict"])


def test_a_card_that_hangs_does_not_hang_the_doctor(
    microphone: VirtualMicrophone, config_file: Path, tmp_path: Path
) -> None:
    card = broken_card(tmp_path)
    card.close_hangs = True

    checks = examined(microphone, config_file, **card.environment)

    found = [checks[name]["seen"] for name in ("device", "sound") if checks[name]["verdict"] == "problem"]
    hangs = "microphone: listing the devices has not returned for 20 s; the device, or an audio server, hangs"
    assert found in (["the device hangs"], [f"kws-app devices ends with 69: {hangs}"])


def test_no_device_at_all_is_a_problem(microphone: VirtualMicrophone, config_file: Path) -> None:
    microphone.kill_server()

    checks = examined(microphone, config_file)

    assert (checks["device"]["verdict"], checks["sound"]["verdict"]) == ("problem", "skipped")


def test_a_device_that_runs_wild_is_no_microphone(microphone: VirtualMicrophone, config_file: Path) -> None:
    """ALSA's ``null`` waits for nothing: it delivers as fast as it is asked."""
    microphone.list_devices(f"pcm.wild {{ type null }}\n{DEVICES}")
    config_file.write_text("audio: {device: wild}", encoding="utf-8")

    assert examined(microphone, config_file)["sound"]["verdict"] == "problem"


def test_while_the_daemon_listens_its_word_counts_and_the_device_is_left_to_it(
    microphone: VirtualMicrophone, tmp_path: Path, tiny_model: Path
) -> None:
    config = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}"
    with Daemon(tmp_path, microphone, config) as daemon:
        daemon.wait_until_ready()

        checks = {check["name"]: check for check in json.loads(daemon.asked("doctor", "--json"))["checks"]}

    assert (checks["daemon"]["verdict"], checks["device"]["verdict"]) == ("ok", "skipped")
