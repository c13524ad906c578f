"""Facts about ``kws-app profile``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws_app.cli.main import main
from kws_app.errors import EX_NOINPUT, EX_OK, EX_UNAVAILABLE
from tests.conftest import TINY_MODEL

OPTIONS = ["profile", "--model", str(TINY_MODEL), "--keyword", "all", "--seconds", "0.5"]


def test_a_profile_names_the_cost_of_every_stage_and_part(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([*OPTIONS, "--source", str(recording), "--json"])

    facts = json.loads(capsys.readouterr().out)
    assert status == EX_OK
    assert [*facts["stages"]] == ["resample", "framing", "mfcc", "step", "decision", "overhead"]
    assert all(cost["microseconds_per_frame"] >= 0 for cost in facts["stages"].values())
    parts = ["interpreter", "numpy", "onnxruntime", "model", "pipeline", "ring", "total"]
    assert [*facts["rss_bytes"]] == [*facts["start_up_seconds"]] == parts
    assert facts["rss_bytes"]["total"] == sum(facts["rss_bytes"][part] for part in parts[:-1])


def test_a_profile_listens_in_real_time(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*OPTIONS, "--source", str(recording), "--json"])

    facts = json.loads(capsys.readouterr().out)
    assert 0.5 <= facts["seconds"] < 1.5
    assert 15 <= facts["frames"] <= 60
    assert facts["context_switches"]["voluntary"] >= 5
    assert facts["wake_ups_per_second"] > 0
    assert set(facts["page_faults"]) == {"minor", "major"}


def test_people_read_a_table(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*OPTIONS, "--source", str(recording)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{recording}, 16000 Hz, 1 channel, PCM_16"
    assert [line.split()[0] for line in lines if line.startswith(("step", "onnxruntime", "wake-ups"))] == [
        "step",
        "onnxruntime",
        "wake-ups",
    ]


def test_a_source_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*OPTIONS, "--source", str(tmp_path / "absent.wav")]) == EX_NOINPUT
    assert capsys.readouterr().err == f"{tmp_path / 'absent.wav'}: No such file or directory\n"


def test_a_microphone_asked_for_and_absent_is_not_replaced_by_the_sample(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.write_text("audio: {device: no microphone of this name}\nkeywords: {rise: }\n", encoding="utf-8")

    status = main([*OPTIONS, "-c", str(config_file), "--source", "microphone"])

    assert status == EX_UNAVAILABLE
    assert capsys.readouterr().err.startswith("microphone: ")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "long"])
def test_how_long_must_be_a_sensible_time(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["profile", "--seconds", seconds])

    assert "--seconds" in capsys.readouterr().err


def test_a_time_that_is_none_is_answered_with_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["profile", "--seconds", "ten"])

    assert capsys.readouterr().err.endswith("must lie between 0.1 and 86400, got ten\n")
