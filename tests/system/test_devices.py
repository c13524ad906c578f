"""``kws-app devices`` on a real audio server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.faults.broken_card import broken_card
from tests.system.virtual_microphone import VirtualMicrophone


@pytest.fixture
def server() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone() as server:
        yield server


def devices(server: VirtualMicrophone, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kws_app", "devices", *words],
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_device_is_listed_with_all_that_is_known_of_it(server: VirtualMicrophone, config_file: Path) -> None:
    config_file.write_text("audio: {device: virtual}", encoding="utf-8")

    ended = devices(server, "-c", config_file, "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    known = {"host_api": "ALSA", "channels": 32, "default_rate": 44100, "opens_16khz": True}
    assert json.loads(ended.stdout) == [
        {"index": 0, "name": "Virtual Microphone", **known, "picked": True},
        {"index": 1, "name": "default", **known, "picked": False},
    ]


def test_people_see_a_star_at_the_device_that_is_picked(server: VirtualMicrophone, config_file: Path) -> None:
    ended = devices(server, "-c", config_file)

    stars = [line for line in ended.stdout.splitlines() if "*" in line]
    assert [line.split() for line in stars] == [["*", "1", "default", "ALSA", "32", "44100", "Hz", "yes"]]


def test_a_device_that_is_not_there_is_a_sentence_beside_the_list(server: VirtualMicrophone, config_file: Path) -> None:
    config_file.write_text("audio: {device: ReSpeaker}", encoding="utf-8")

    ended = devices(server, "-c", config_file)

    assert ended.returncode == 69
    assert 'no input device named "ReSpeaker"; nearest is' in ended.stderr
    assert "Virtual Microphone" in ended.stdout


def test_where_there_is_no_device_it_says_so(server: VirtualMicrophone, config_file: Path) -> None:
    server.kill_server()

    ended = devices(server, "-c", config_file, "--json")

    assert (ended.returncode, json.loads(ended.stdout)) == (69, [])
    assert ended.stderr == "microphone: there is no input device; is one plugged in, and is this user in group audio?\n"


def test_an_empty_name_is_the_systems_default_and_not_the_first_device(
    server: VirtualMicrophone, config_file: Path
) -> None:
    config_file.write_text("audio: {device: ''}", encoding="utf-8")

    rows = json.loads(devices(server, "-c", config_file, "--json").stdout)

    assert [row["name"] for row in rows if row["picked"]] == ["default"]


def test_ctrl_c_ends_it_though_a_card_hangs(server: VirtualMicrophone, config_file: Path, tmp_path: Path) -> None:
    card = broken_card(tmp_path)
    card.open_hangs = True
    command = [sys.executable, "-m", "kws_app", "devices", "-c", config_file]
    with subprocess.Popen(command, env={**server.environment(), **card.environment}) as process:
        while not card.is_hanging:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)

        assert process.wait(5) == 130
