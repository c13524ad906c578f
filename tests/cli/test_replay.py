"""Facts about ``kws-app replay``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE
from kws_app.cli.main import main
from kws_app.errors import EX_CONFIG, EX_NOINPUT, EX_OK
from tests.conftest import TINY_MODEL, spoken_words

MODEL = ["--model", str(TINY_MODEL)]


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    """The JSON lines of a replay that went well."""
    status = main(["replay", "--json", *MODEL, *map(str, arguments)])
    output = capsys.readouterr()
    assert (status, output.err) == (EX_OK, "")
    return [json.loads(line) for line in output.out.splitlines()]


def test_every_detection_is_a_line_of_json(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = replayed(capsys, "--keyword", "all", recording)

    detections = [line for line in lines if line["event"] == "detection"]
    assert [(line["file"], line["keyword"]) for line in detections] == [(str(recording), w) for w in ("rise", "fall")]
    assert [line["time"] for line in detections] == pytest.approx([1.5, 3.0], abs=0.25)
    assert all(line["threshold"] <= line["score"] <= 1 for line in detections)


def test_the_last_line_is_a_summary(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = replayed(capsys, "--keyword", "all", recording)[-1]

    assert (summary["event"], summary["file"], summary["detections"]) == ("summary", str(recording), 2)
    assert summary["seconds"] == 4.0
    assert summary["frames"] == (4 * RATE - 480) // 320 + 1
    assert 0 <= summary["cpu_seconds"] < 4
    assert 0 < summary["real_time_factor"] < 1


@pytest.mark.parametrize(
    ("chosen", "heard"), [(["rise"], {"rise"}), (["fall"], {"fall"}), (["rise", "fall"], {"rise", "fall"})]
)
def test_only_the_keywords_named_are_heard(
    recording: Path, capsys: pytest.CaptureFixture[str], chosen: list[str], heard: set[str]
) -> None:
    options = [option for keyword in chosen for option in ("--keyword", keyword)]

    lines = replayed(capsys, *options, recording)

    assert {line["keyword"] for line in lines if line["event"] == "detection"} == heard


def test_the_configuration_says_what_to_hear_and_how(
    recording: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.write_text("keywords:\n  rise: {threshold: 0.31}\n", encoding="utf-8")

    lines = replayed(capsys, "-c", config_file, recording)

    assert [(line["keyword"], line["threshold"]) for line in lines[:-1]] == [("rise", 0.31)]


def test_a_keyword_named_keeps_its_configured_threshold(
    recording: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.write_text("keywords:\n  rise: {threshold: 0.31}\n", encoding="utf-8")

    lines = replayed(capsys, "-c", config_file, "--keyword", "all", recording)

    assert {line["keyword"]: line["threshold"] for line in lines[:-1]} == {"rise": 0.31, "fall": 0.5}


def test_the_configuration_may_be_named_before_the_command(recording: Path, config_file: Path) -> None:
    config_file.write_text("keywords: {rise: }\n", encoding="utf-8")

    assert main(["--config", str(config_file), "replay", *MODEL, str(recording)]) == EX_OK


def test_every_file_begins_with_fresh_state(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = replayed(capsys, "--keyword", "all", recording, recording)

    half = len(lines) // 2
    assert [line["time"] for line in lines[: half - 1]] == [line["time"] for line in lines[half:-1]]


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_heard(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "letter.wav"
    text.write_text("no recording")

    status = main(
        ["replay", "--json", *MODEL, "--keyword", "all", str(text), str(tmp_path / "absent.wav"), str(recording)]
    )

    output = capsys.readouterr()
    assert status == EX_NOINPUT
    assert [line.partition(": ")[0] for line in output.err.splitlines()] == [str(text), str(tmp_path / "absent.wav")]
    assert output.err.count("\n") == 2
    assert json.loads(output.out.splitlines()[-1])["detections"] == 2


def test_what_the_decoder_of_a_damaged_mp3_says_is_kept_from_people(tmp_path: Path) -> None:
    path, noise = tmp_path / "damaged.mp3", np.random.default_rng(1)
    soundfile.write(path, noise.normal(scale=0.1, size=2 * RATE), RATE)
    damaged = bytearray(path.read_bytes())
    damaged[2000:2200] = noise.bytes(200)
    path.write_bytes(damaged)

    command = [sys.executable, "-m", "kws_app", "replay", *MODEL, "--keyword", "all", path]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    assert (ended.stderr, ended.stdout.count("\n")) == ("", 1)


def test_an_empty_recording_has_nothing_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "empty.wav", np.empty(0, np.int16), RATE)

    [summary] = replayed(capsys, "--keyword", "all", tmp_path / "empty.wav")

    assert (summary["seconds"], summary["frames"], summary["real_time_factor"]) == (0.0, 0, None)


def test_a_file_may_have_a_name_that_is_no_text(recording: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = recording.with_name(os.fsdecode(b"caf\xe9.wav"))
    recording.rename(path)

    assert main(["replay", *MODEL, "--keyword", "rise", str(path)]) == EX_OK
    assert main(["replay", "--json", *MODEL, "--keyword", "rise", str(path)]) == EX_OK

    *_, summary = capfdbinary.readouterr().out.splitlines()
    assert json.loads(summary)["file"] == str(path)


def test_people_read_the_time_the_word_and_the_score(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["replay", *MODEL, "--keyword", "rise", str(recording)])

    heard, total = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{recording}: +1\.5\d s  detection  rise  \(score 0\.\d\d of 0\.50\)", heard)
    assert total.startswith(f"{recording}: 1 detection in 4.0 s; ")


def test_a_word_the_model_does_not_have_is_a_mistake_of_the_configuration(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["replay", *MODEL, "--keyword", "raise", str(recording)])

    assert status == EX_CONFIG
    assert capsys.readouterr().err == f"{TINY_MODEL}: has no keyword 'raise'; did you mean 'rise'?\n"


def test_ten_minutes_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(spoken_words("rise", "fall", "hum"), 110)[: 600 * RATE], RATE)
    # What getrusage tells would be the peak of this process, which the child inherits.
    program = (
        "import sys; from kws_app.cli.main import main; main(sys.argv[1:]);"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", program, "replay", "--json", *MODEL, "--keyword", "all", str(path)]

    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    *_, summary, peak_kilobytes = map(json.loads, output.splitlines())
    assert summary["cpu_seconds"] > 0
    assert summary["seconds"] == 600
    assert peak_kilobytes < 80_000
