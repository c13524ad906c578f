"""Facts about ``kws-app score``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE
from kws_app.cli.main import main
from kws_app.errors import EX_CANTCREAT, EX_CONFIG, EX_NOINPUT, EX_OK
from tests.conftest import TINY_MODEL

MODEL = ["--model", str(TINY_MODEL)]


def scored(recording: Path, *options: str) -> dict[str, np.ndarray]:
    out = recording.with_name("scores.npz")
    assert main(["score", str(recording), "--npz", str(out), *MODEL, *options]) == EX_OK
    with np.load(out) as arrays:
        return dict(arrays)


def test_every_frame_has_its_time_and_its_scores(recording: Path) -> None:
    arrays = scored(recording)

    frames = (4 * RATE - 480) // 320 + 1
    assert {name: array.shape for name, array in arrays.items()} == {
        "times": (frames,),
        "scores": (frames, 2),
        "smoothed": (frames, 2),
        "keywords": (2,),
    }
    np.testing.assert_allclose(arrays["times"], 0.03 + 0.02 * np.arange(frames))


def test_without_a_keyword_all_of_the_models_are_scored(recording: Path, config_file: Path) -> None:
    config_file.write_text("keywords: {fall: }\n", encoding="utf-8")

    assert scored(recording, "-c", str(config_file))["keywords"].tolist() == ["rise", "fall"]


def test_columns_stand_in_the_order_asked_for(recording: Path) -> None:
    both, swapped = scored(recording), scored(recording, "--keyword", "fall", "--keyword", "rise")

    assert swapped["keywords"].tolist() == ["fall", "rise"]
    assert np.array_equal(swapped["scores"], both["scores"][:, ::-1])
    assert np.array_equal(swapped["smoothed"], both["smoothed"][:, ::-1])


def test_smoothed_is_the_mean_of_the_last_raw_scores(recording: Path) -> None:
    arrays = scored(recording)

    padded = np.concatenate([np.zeros((4, 2), np.float32), arrays["scores"]])
    means = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=0).mean(axis=-1)
    np.testing.assert_allclose(arrays["smoothed"], means, atol=1e-6)


def test_replay_fires_where_the_smoothed_score_reaches_the_threshold(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = scored(recording)

    main(["replay", "--json", *MODEL, "--keyword", "all", str(recording)])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fired = {line["keyword"]: line["time"] for line in lines if line["event"] == "detection"}
    for column, keyword in enumerate(arrays["keywords"].tolist()):
        first = np.flatnonzero(arrays["smoothed"][:, column] >= 0.5)[0]
        assert arrays["times"][first] == pytest.approx(fired[keyword])


def test_an_empty_recording_gives_empty_arrays(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.empty(0, np.int16), RATE)

    arrays = scored(tmp_path / "empty.wav")

    assert (arrays["times"].shape, arrays["scores"].shape) == ((0,), (0, 2))


def test_an_output_that_cannot_be_written_is_named(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recording.parent / "absent" / "scores.npz"

    assert main(["score", str(recording), "--npz", str(out), *MODEL]) == EX_CANTCREAT
    assert capsys.readouterr().err == f"{out}: cannot be written: No such file or directory\n"


def test_a_recording_that_cannot_be_read_leaves_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["score", str(tmp_path / "absent.wav"), "--npz", str(tmp_path / "out.npz"), *MODEL])

    assert status == EX_NOINPUT
    assert capsys.readouterr().err == f"{tmp_path / 'absent.wav'}: No such file or directory\n"
    assert list(tmp_path.iterdir()) == []


def test_a_word_the_model_does_not_have_is_answered_with_the_nearest(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["score", str(recording), "--npz", str(recording.with_suffix(".npz")), *MODEL, "--keyword", "raise"])

    assert status == EX_CONFIG
    assert capsys.readouterr().err == f"{TINY_MODEL}: has no keyword 'raise'; did you mean 'rise'?\n"


@pytest.mark.parametrize("out", ["fifo", ".", "/", ""])
def test_what_is_no_file_is_not_replaced_by_one(
    out: str, recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(recording.parent)
    os.mkfifo("fifo")

    assert main(["score", str(recording), "--npz", out, *MODEL]) == EX_CANTCREAT
    assert capsys.readouterr().err == f"{Path(out)}: cannot be written: what is there is no file\n"
    assert Path("fifo").is_fifo()


def test_a_full_disk_leaves_the_old_file_and_no_part_of_a_new_one(recording: Path) -> None:
    out = recording.with_name("scores.npz")
    out.write_text("old", encoding="utf-8")
    # A limit on what this process may write to a file is as near as a test comes to a full disk.
    program = "import resource, sys; from kws_app.cli.main import main\n"
    program += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "score", str(recording), "--npz", str(out), *MODEL]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (EX_CANTCREAT, f"{out}: cannot be written: File too large\n")
    assert out.read_text(encoding="utf-8") == "old"
    assert {path.name for path in recording.parent.iterdir()} == {"scores.npz", "words.wav"}
