"""The drift test: the same words after other audio, built from the manifest's own recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.training.drift import BASELINE, PLAN, Before, Reel, drift, hear
from kws_app.training.manifest import read_manifest
from kws_app.training.spread import Spread
from tests.training.streams import evaluated, write_streams

SHORT = (
    BASELINE,
    Before("5 s", "anything", 5.0),
    Before("silence", "silence", 2.0, each=True),
    Before("clipping", "clipped", 2.0, each=True),
    Before("music", "music", 2.0, each=True),
)


def test_words_are_heard_again_after_everything_that_the_manifest_has(tmp_path: Path, tiny_model: Path) -> None:
    found = drift(evaluated(write_streams(tmp_path), tiny_model), tiny_model, Spread(), plan=SHORT)

    assert list(found) == ["0 s", "5 s", "silence", "clipping"]
    assert {name: by["all_words"]["words"] for name, by in found.items()} == dict.fromkeys(found, 3)
    assert (found["0 s"]["all_words"]["lost"], found["0 s"]["all_words"]["score_change_largest"]) == ([], 0)
    assert found["5 s"]["all_words"]["missed"] == 1


def test_a_word_that_is_no_longer_found_is_named(tmp_path: Path, tiny_model: Path) -> None:
    """With clipped noise up to where the word begins, it is another word."""
    manifest = read_manifest(write_streams(tmp_path))
    stream = manifest.streams["rise.clean"]
    reel = [manifest.streams["other"].path]

    before = hear(BASELINE, stream, reel, tiny_model, 0.5)
    after = hear(Before("6 s", "clipped", 6.0, each=True), stream, reel, tiny_model, 0.5)

    assert [heard.clip for heard in before] == [heard.clip for heard in after] == ["v_1", "v_2", "w_3"]
    assert [heard.found for heard in before] == [True, True, False]


def test_music_is_heard_where_there_is_a_category_of_it(tmp_path: Path, tiny_model: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.random.default_rng(1).normal(scale=99, size=RATE).astype(np.int16), RATE)
    song = {"path": "song.wav", "seconds": 1.0, "kind": "negative", "category": "music"}
    evaluation = evaluated(write_streams(tmp_path, streams={"song": song}), tiny_model)

    assert "music" in drift(evaluation, tiny_model, Spread(), plan=SHORT)


def test_a_reel_begins_again_when_it_is_over(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(3, value, np.int16), RATE)
    reel = Reel([tmp_path / "a.wav", tmp_path / "b.wav"])

    assert [reel.take(4).tolist(), reel.take(4).tolist()] == [[1, 1, 1, 2], [2, 2, 1, 1]]


def test_ten_minutes_and_two_hours_are_among_what_is_heard_before() -> None:
    assert {before.name: before.seconds for before in PLAN if not before.each} == {"0 s": 0, "10 min": 600, "2 h": 7200}
