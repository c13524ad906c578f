"""``kws-train streams``: what is built from folders of recordings, and that it can be judged on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE, Samples
from kws_app.training.augment import rms
from kws_app.training.cli import main
from kws_app.training.composing import Far, Over, background_streams, in_noise, on_television
from kws_app.training.manifest import read_manifest
from kws_app.training.page import page
from tests.conftest import SAID, spoken_words
from tests.training.streams import evaluated


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of "rise" by two speakers, noise, and talk."""
    root = tmp_path_factory.mktemp("recordings")
    clip = np.rint(np.pad(SAID["rise"](), RATE // 4)).astype(np.int16)
    for name in ("words/Rise/ann/1.wav", "words/Rise/ann/2.wav", "words/Rise/bob_1.wav"):
        write(root / name, clip)
    write(root / "background/noise/hiss.wav", np.random.default_rng(1).normal(scale=300, size=9 * RATE))
    write(root / "background/talk/hum.wav", spoken_words(*["hum", "fall"] * 10, seed=4))
    return root


def write(path: Path, samples: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.asarray(samples).astype(np.int16), RATE)


def build(recordings: Path, out: Path, *more: str) -> int:
    arguments = ["--words", recordings / "words", "--background", recordings / "background", "--out", out]
    return main(["streams", *map(str, arguments), "--rooms", "0", "--television", "talk", *more])


def samples_of(out: Path, name: str) -> Samples:
    return soundfile.read(out / f"{name}.wav", dtype="int16")[0]


def test_what_is_built_is_what_a_model_is_judged_on(recordings: Path, tmp_path: Path, tiny_model: Path) -> None:
    assert build(recordings, tmp_path / "streams", "--snr", "20") == 0

    evaluation = evaluated(tmp_path / "streams" / "truth.json", tiny_model)

    tally = evaluation.tally("rise", 0.5)
    assert evaluation.manifest.conditions == ["clean", "snr20", "television"]
    assert (tally.missed("clean"), len(tally.outcomes["clean"])) == (0, 3)
    assert {outcome.word.speaker for outcome in tally.outcomes["clean"]} == {"ann", "bob"}


def test_hours_without_words_are_judged_beside_other_streams(
    recordings: Path, tmp_path: Path, tiny_model: Path
) -> None:
    build(recordings, tmp_path / "streams")
    arguments = ["--background", str(recordings / "background"), "--television", "talk", "--television-hours", "0.005"]
    arguments += ["--noisy-hours", "0.002"]
    assert main(["streams", *arguments, "--rooms", "2", "--out", str(tmp_path / "more")]) == 0
    streams, out = tmp_path / "streams" / "truth.json", tmp_path / "out.json"

    command = ["evaluate", "--stream", streams, "--negatives", tmp_path / "more" / "truth.json", "--model", tiny_model]
    assert main([*map(str, command), "--json", str(out)]) == 0

    found = json.loads(out.read_text())
    hours = {c: f["hours"] for c, f in found["keywords"]["rise"]["figures"]["false_alarms"].items()}
    assert hours == {"noise": 0.005, "noisy_talk": 0.002, "talk": 0.017, "television": 0.005}
    assert found["negatives"] == ["more/truth.json"]
    assert "truth.json and more/truth.json" in page(found)
    assert found["keywords"]["rise"]["figures"]["misses"]["clean"]["words"] == 3


@pytest.mark.parametrize(("kind", "option"), [("television", "--television-hours"), ("noisy_talk", "--noisy-hours")])
def test_a_kind_that_is_called_like_what_is_made_is_refused(
    recordings: Path, tmp_path: Path, kind: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words").symlink_to(recordings / "words")
    write(tmp_path / "background" / kind / "hum.wav", spoken_words("hum"))

    assert build(tmp_path, tmp_path / "out", option, "1") == 78
    assert f"is what {option} makes" in capsys.readouterr().err


def test_only_the_kinds_that_are_asked_for_become_negatives(recordings: Path, tmp_path: Path) -> None:
    assert build(recordings, tmp_path / "out", "--kinds", "talk") == 0

    streams = read_manifest(tmp_path / "out" / "truth.json").streams
    assert "positive/rise.snr5" in streams
    assert [name for name in streams if name.startswith("negative/")] == ["negative/talk.0"]


@pytest.mark.parametrize(
    "more",
    [
        ["--kinds", "tlak"],
        ["--music", "tlak"],
        ["--television", "tlak", "--television-hours", "1"],
        ["--noise", "tlak", "--noisy-hours", "1"],
    ],
)
def test_a_kind_that_is_not_there_is_refused_with_the_nearest(
    recordings: Path, tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(recordings, tmp_path / "out", *more) == 78
    assert "no folder 'tlak'; did you mean 'talk'?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_streams_without_a_negative_leave_the_manifest_that_was_there(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(recordings, tmp_path / "out")
    before = (tmp_path / "out" / "truth.json").read_bytes()

    assert build(recordings, tmp_path / "out", "--hours", "0") == 78

    assert "gave no hours without the words" in capsys.readouterr().err
    assert (tmp_path / "out" / "truth.json").read_bytes() == before


@pytest.mark.parametrize("hours", ["-1", "nan", "inf"])
def test_hours_that_are_none_are_refused(
    recordings: Path, tmp_path: Path, hours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        build(recordings, tmp_path / "out", "--television-hours", hours)
    assert f"must be at least 0, and finite, got {hours}" in capsys.readouterr().err


def test_a_television_plays_another_music_under_its_talk_every_minute() -> None:
    talk = np.full(90 * RATE, 0.1, np.float32)
    music = [np.tile(np.array([0.5, -0.5], np.float32), 100)]

    played = on_television(np.random.default_rng(0), talk, music, [])

    louder = decibels_above(talk, played, (0, 30), (30, 59), (61, 90))
    assert all(5 <= decibels <= 25 for decibels in louder)
    assert louder[0] == pytest.approx(louder[1], abs=0.1)
    assert abs(louder[0] - louder[2]) > 1


def test_talk_is_over_another_noise_every_half_minute_which_goes_on_where_nobody_talks() -> None:
    talk = np.full(50 * RATE, 0.1, np.float32)
    talk[5 * RATE : 6 * RATE] = 0
    hum = [np.tile(np.array([0.5, -0.5], np.float32), RATE)]

    noisy = in_noise(np.random.default_rng(0), talk, hum)

    louder = decibels_above(talk, noisy, (1, 10), (20, 29), (31, 49))
    assert all(-1 <= decibels <= 15 for decibels in louder)
    assert louder[1] == pytest.approx(louder[0], abs=1)
    assert abs(louder[1] - louder[2]) > 1
    assert rms(noisy[5 * RATE : 6 * RATE]) == pytest.approx(rms((noisy - talk)[6 * RATE : 29 * RATE]), rel=0.01)


def decibels_above(talk: np.ndarray, mixed: np.ndarray, *seconds: tuple[int, int]) -> list[float]:
    """By how much the talk is louder than what was mixed with it, from second to second."""
    return [
        float(20 * np.log10(rms(talk[first * RATE : last * RATE]) / rms((mixed - talk)[first * RATE : last * RATE])))
        for first, last in seconds
    ]


def test_a_television_is_across_the_room() -> None:
    talk = np.zeros(RATE, np.float32)
    talk[4000] = 0.9

    played = on_television(np.random.default_rng(0), talk, [], [np.array([1.0, 0.0, 0.5], np.float32)])

    assert played[[4000, 4002]].tolist() == pytest.approx([0.3, 0.15], abs=1e-6)


def test_noise_that_nobody_can_read_is_refused(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words").symlink_to(recordings / "words")
    (tmp_path / "background/noise").mkdir(parents=True)
    (tmp_path / "background/talk").symlink_to(recordings / "background/talk")

    assert build(tmp_path, tmp_path / "out", "--noisy-hours", "0.001") == 78
    assert "no recordings that can be read, which --noisy-hours needs" in capsys.readouterr().err


def test_the_same_recordings_and_seed_give_the_same_streams(recordings: Path, tmp_path: Path) -> None:
    for out, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        build(recordings, tmp_path / out, "--seed", seed)

    a, b, c = (json.loads((tmp_path / out / "truth.json").read_text())["streams"] for out in "abc")
    assert a == b
    assert a["positive/rise.snr0"]["digest"] != c["positive/rise.snr0"]["digest"]


def test_a_stream_does_not_change_when_others_are_left_out(recordings: Path, tmp_path: Path) -> None:
    build(recordings, tmp_path / "few", "--snr", "5")
    build(recordings, tmp_path / "many", "--snr", "10", "5")

    few, many = (samples_of(tmp_path / out, "positive/rise.snr5") for out in ("few", "many"))
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("decibels", [0.0, 10.0])
def test_a_word_is_louder_than_its_noise_by_so_many_decibels(decibels: float) -> None:
    rng = np.random.default_rng(3)
    word = np.zeros(3 * RATE, np.float32)
    word[RATE : 2 * RATE] = 0.1 * rng.standard_normal(RATE, np.float32)
    noise = 0.003 * rng.standard_normal(10 * RATE, np.float32)

    slot = Over([noise], (decibels, decibels))(rng, word, RATE, 2 * RATE)

    bed = slot - word
    assert 20 * np.log10(rms(word[RATE : 2 * RATE]) / rms(bed[RATE : 2 * RATE])) == pytest.approx(decibels, abs=0.1)


def test_a_television_that_pauses_while_the_word_is_said_is_no_louder_before_it() -> None:
    word = np.zeros(3 * RATE, np.float32)
    word[RATE : 2 * RATE] = 0.1
    talk = np.full(3 * RATE, 0.2, np.float32)
    talk[RATE : 2 * RATE] = 0.002

    slot = Over([talk], (10, 10), pauses=True)(np.random.default_rng(0), word, RATE, 2 * RATE)

    bed = slot - word
    assert 20 * np.log10(0.1 / rms(bed)) == pytest.approx(10, abs=0.1)


def test_a_far_word_stays_where_it_was_and_is_softer() -> None:
    slot = np.zeros(RATE, np.float32)
    slot[4000] = 0.9

    far = Far([np.array([1.0, 0.0, 0.5], np.float32)])(np.random.default_rng(0), slot, 4000, 4001)

    assert int(np.abs(far).argmax()) == 4000
    assert far[[4000, 4002]].tolist() == pytest.approx([0.3, 0.15], abs=1e-6)


def test_backgrounds_are_cut_at_half_an_hour_and_at_the_hours_asked_for() -> None:
    long = np.zeros(2000 * RATE, np.float32)

    streams = [*background_streams(np.random.default_rng(0), [("a", long), ("b", long)], hours=1.0)]

    assert [[source["file"] for source in sources] for _, sources in streams] == [["a"], ["a", "b"]]
    assert [round(len(audio) / RATE) for audio, _ in streams] == [1800, 1800]


def test_files_that_hold_nothing_are_listed_and_skipped(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "words/rise/ann_1.wav", spoken_words("rise"))
    write(tmp_path / "words/rise/ann_2.wav", np.zeros(RATE))
    (tmp_path / "words/rise/ann_3.wav").write_bytes(b"no sound")
    (tmp_path / "background").symlink_to(recordings / "background")

    assert build(tmp_path, tmp_path / "out") == 0

    skipped = json.loads((tmp_path / "out" / "truth.json").read_text())["skipped"]
    assert ["ann_2.wav" in skipped[0], "ann_3.wav" in skipped[1]] == [True, True]
    assert "skipped 2 files, listed in" in capsys.readouterr().out


def listed(folder: Path, *lines: str) -> Path:
    """A folder with clips that its manifest lists."""
    for line in lines:
        write(folder / "words" / line.split()[0], spoken_words("rise"))
    text = "path\tword\tspeaker\tgroups\n" + "".join("\t".join(line.split()) + "\n" for line in lines)
    (folder / "words" / "manifest.tsv").write_text(text)
    return folder


def test_a_manifest_says_who_speaks_and_which_split_is_meant(recordings: Path, tmp_path: Path) -> None:
    root = listed(tmp_path, "dev/1.wav rise ann child,hoarse", "train/2.wav rise bob adult")
    (root / "background").symlink_to(recordings / "background")

    build(root, tmp_path / "out")

    manifest = read_manifest(tmp_path / "out" / "truth.json")
    assert [word.clip for word in manifest.streams["positive/rise.clean"].words] == ["1.wav"]
    assert manifest.groups == {"ann": ("child", "hoarse")}


def test_a_speaker_in_two_splits_is_refused_by_name(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = listed(tmp_path, "dev/1.wav rise ann -", "train/2.wav rise ann -")
    (root / "background").symlink_to(recordings / "background")

    assert build(root, tmp_path / "out") == 78
    assert "stand in another split than dev too: ann" in capsys.readouterr().err


def test_a_folder_without_negatives_is_refused(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words").symlink_to(recordings / "words")
    (tmp_path / "background").mkdir()

    assert build(tmp_path, tmp_path / "out") == 78
    assert "no recordings in KIND/ below it" in capsys.readouterr().err
