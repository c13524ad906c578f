"""Facts about ``kws-app run``: the whole daemon as a process, on a recording in real time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from kws_app.arrays import RATE, Samples
from tests.conftest import modules_loaded_by, spoken_words


@pytest.fixture
def moment(tmp_path: Path, quiet: Samples) -> Path:
    """A recording of a tenth of a second."""
    path = tmp_path / "moment.wav"
    soundfile.write(path, quiet[: RATE // 10], RATE)
    return path


@pytest.fixture
def configuration(config_file: Path, tiny_model: Path) -> Path:
    config_file.write_text(
        f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\nhooks: [{{command: [cat]}}]\n", encoding="utf-8"
    )
    return config_file


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws_app", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_a_recording_is_heard_in_real_time_and_the_process_ends_with_0(configuration: Path, recording: Path) -> None:
    began = time.monotonic()

    result = run("-c", configuration, "--source", recording)

    assert result.returncode == 0
    assert time.monotonic() - began > soundfile.info(recording).duration
    assert json.loads(result.stdout)["keyword"] == "rise"


def test_lines_have_the_time_of_day_in_a_terminal(configuration: Path, moment: Path) -> None:
    result = run("-c", configuration, "--source", moment)

    time.strptime(result.stderr.split()[0], "%H:%M:%S")
    assert result.stderr.split(maxsplit=1)[1].startswith("INFO Starting\n")


def test_lines_have_their_priority_and_no_time_in_the_journal(
    configuration: Path, moment: Path, tmp_path: Path
) -> None:
    with (tmp_path / "journal").open("w") as journal:
        status = os.fstat(journal.fileno())
        subprocess.run(
            [sys.executable, "-m", "kws_app", "run", "-c", configuration, "--source", moment],
            stdout=subprocess.DEVNULL,
            stderr=journal,
            check=True,
            env=os.environ | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
        )

    lines = (tmp_path / "journal").read_text().splitlines()
    assert lines[0] == "<6>Starting"
    assert lines[1].startswith("<6>Listening for rise on ")


def test_a_journal_that_is_not_our_standard_error_changes_nothing(configuration: Path, moment: Path) -> None:
    assert "INFO Starting" in run("-c", configuration, "--source", moment, JOURNAL_STREAM="1:2").stderr


def test_the_level_is_the_configurations(configuration: Path, moment: Path) -> None:
    configuration.write_text(configuration.read_text() + "log: {level: error}\n", encoding="utf-8")

    assert run("-c", configuration, "--source", moment).stderr == ""


def test_a_recording_that_is_none_ends_with_66(configuration: Path) -> None:
    result = run("-c", configuration, "--source", configuration)

    assert result.returncode == 66
    assert f"{configuration}: no recording; expected wav" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_microphone_it_says_so_and_ends_with_69(configuration: Path, tmp_path: Path) -> None:
    (tmp_path / "asound.conf").write_text("pcm.!default { type hw card 77 }\n", encoding="utf-8")

    result = run("-c", configuration, ALSA_CONFIG_PATH=str(tmp_path / "asound.conf"), JACK_NO_START_SERVER="1")

    assert result.returncode == 69
    assert "microphone: " in result.stderr
    assert "Traceback" not in result.stderr


def test_every_mistake_is_on_standard_error_and_the_code_is_78(config_file: Path) -> None:
    config_file.write_text("audio: {devcie: x}\nlog: {level: loud}\n", encoding="utf-8")

    result = run("-c", config_file)

    assert result.returncode == 78
    assert result.stderr.splitlines() == [
        f"{config_file}:1: audio.devcie: unknown key; did you mean 'device'?",
        f"{config_file}:2: log.level: unknown value 'loud'; there are debug, error, info, warning",
    ]


def test_a_daemon_on_a_microphone_has_loaded_only_what_it_needs(configuration: Path) -> None:
    loaded = modules_loaded_by(f"""
from pathlib import Path
import numpy
from kws_app.daemon.service import Service
from tests.daemon.simulated import SimulatedMicrophone, blocks_of
Service(Path({str(configuration)!r}), microphone=SimulatedMicrophone(blocks_of(numpy.zeros(16000, numpy.int16)))).run()
""")

    assert {"onnxruntime", "kws_app.hooks.command"} <= loaded
    heavy = {"torch", "scipy", "onnx", "soundfile", "asyncio", "http", "kws_app.hooks.callback", "kws_app.training"}
    assert loaded & heavy == set()


def test_two_words_are_heard_across_one_stream(configuration: Path, tmp_path: Path) -> None:
    configuration.write_text(configuration.read_text().replace("rise: ", "rise: , fall: "), encoding="utf-8")
    soundfile.write(tmp_path / "two.flac", spoken_words("rise", "fall", gap=0.5), RATE)

    result = run("-c", configuration, "--source", tmp_path / "two.flac")

    assert [json.loads(line)["keyword"] for line in result.stdout.splitlines()] == ["rise", "fall"]
