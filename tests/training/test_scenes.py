"""Scenes: the words are where they say, levels and lengths are kept, and the same seed gives the same scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the training extra is not installed")
pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.features.mfcc import MfccSettings
from kws_app.training.data import Clip, Corpus, Take
from kws_app.training.phones import SLOT, UNKNOWN
from kws_app.training.scenes import SceneBuilder, SceneSettings, read_shards, write_shard

QUIET = {
    "word_share": 1.0,
    "speech_share": 0.0,
    "noise_share": 0.0,
    "bed_share": 0.0,
    "room_share": 0.0,
    "coloured_share": 0.0,
    "clipped_share": 0.0,
    "coded_share": 0.0,
    "near_miss_share": 0.0,
    "simulated_rooms": 2,
}


def tone(hertz: float, seconds: float) -> np.ndarray:
    return np.rint(8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.int16)


def corpus() -> Corpus:
    """The word is a 1 kHz tone in the middle of half a second; all other sound is a 300 Hz tone."""
    silence = np.zeros(2000, np.int16)
    word = Clip(np.concatenate([silence, tone(1000, 0.5), silence]), 2000, 10_000, "a")
    other = Clip(tone(300, 0.5), 0, 8000, "b")
    takes = [Take(tone(300, 20.0))]
    return Corpus(keywords={"word": [word]}, commands=[other], speech=takes, noise=takes, music=takes)


def builder(**changed: float) -> SceneBuilder:
    return SceneBuilder(corpus(), ("word",), {}, SceneSettings(**(QUIET | changed)))


def band_level(samples: np.ndarray, hertz: float) -> float:
    """Level of the band around *hertz*, relative to the whole."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    bins = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[np.abs(bins - hertz) < 0.3 * hertz].sum() / spectrum.sum())


def test_every_word_is_where_its_event_says() -> None:
    scene = builder().build(np.random.default_rng(1))

    samples, words = scene.samples, scene.words
    assert len(words) > 5
    for _, start, end in words:
        assert 0.3 * RATE < end - start < 0.85 * RATE
        assert band_level(samples[start + 400 : end - 400], 1000) > 0.9
    rest = np.ones(len(samples), bool)
    for _, start, end in words:
        rest[start - 400 : end + 400] = False
    assert band_level(samples[rest], 1000) < 0.1


def test_the_same_seed_gives_the_same_scene() -> None:
    one = builder(bed_share=1.0, room_share=1.0, coloured_share=1.0).build(np.random.default_rng(7))
    two = builder(bed_share=1.0, room_share=1.0, coloured_share=1.0).build(np.random.default_rng(7))

    assert (one.samples == two.samples).all()
    assert one.words == two.words


@pytest.mark.parametrize("kind", ["speech_share", "noise_share", "music"])
def test_other_scenes_hold_no_word_and_are_full(kind: str) -> None:
    shares = {"word_share": 0.0, **({kind: 1.0} if kind != "music" else {})}

    scene = builder(**shares).build(np.random.default_rng(3))

    assert scene.words == []
    assert len(scene.samples) == 30 * RATE
    assert np.abs(scene.samples).max() > 50


def test_shards_read_back_as_one_with_their_scenes_numbered_on(tmp_path: Path) -> None:
    mfcc = MfccSettings(appendEnergy=False)
    for number in range(2):
        write_shard(tmp_path / f"{number}.npz", builder(), mfcc, scenes=2, seed=(number,))

    shard = read_shards(sorted(tmp_path.glob("*.npz")))

    assert shard.features.shape == (4, 2998, 13)
    assert shard.features.dtype == np.float32
    assert set(shard.events[:, 0].tolist()) == {0, 1, 2, 3}
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04half"])
def test_a_damaged_shard_is_answered_with_what_would_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0000.npz").write_bytes(content)

    with pytest.raises(ConfigError, match=r"0000\.npz: is damaged; delete it, and it is composed again"):
        read_shards([tmp_path / "0000.npz"])


@pytest.mark.parametrize(("word_share", "mined_share"), [(1.0, 0.38), (0.0, 1.0)])
def test_moments_that_were_mined_take_the_share_of_items_they_are_given(word_share: float, mined_share: float) -> None:
    sounds = corpus()
    sounds.mined = [Clip(tone(3000, 0.5), 0, 8000, "m")]
    settings = SceneSettings(**(QUIET | {"word_share": word_share, "speech_share": 1.0, "mined_share": mined_share}))

    scene = SceneBuilder(sounds, ("word",), {}, settings).build(np.random.default_rng(1))

    assert band_level(scene.samples, 300) < 0.01
    assert band_level(scene.samples, 3000) > (0.1 if scene.words else 0.9)


def test_a_television_is_5_to_15_db_below_the_words() -> None:
    building = builder(bed_share=1.0, television_share=1.0)
    below = []
    for seed in range(8):
        scene = building.build(np.random.default_rng(seed))
        for _, start, end in scene.words:
            spoken = scene.samples[start + 400 : end - 400]
            below.append(10 * np.log10(band_level(spoken, 1000) / band_level(spoken, 300)))

    assert 7 < np.median(below) < 13
    assert 0 < np.percentile(below, 5) < np.percentile(below, 95) < 20


def test_a_childs_voice_is_higher_and_no_faster() -> None:
    scene = builder(changed_share=1.0, child_share=1.0).build(np.random.default_rng(1))

    for _, start, end in scene.words:
        spectrum = np.abs(np.fft.rfft(scene.samples[start + 400 : end - 400].astype(float)))
        assert 1150 < np.argmax(spectrum) * RATE / (end - start - 800) < 1500
        assert 0.5 / 1.15 < (end - start) / RATE < 0.5 / 0.87


@pytest.mark.parametrize("seed", range(3))
def test_a_codec_leaves_the_words_where_they_are(seed: int) -> None:
    scene = builder(codec_share=1.0).build(np.random.default_rng(seed))

    assert len(scene.samples) == 30 * RATE
    for _, start, end in scene.words:
        assert band_level(scene.samples[start + 400 : end - 400], 1000) > 0.9


def labelled(samples: np.ndarray, phone: int) -> np.ndarray:
    return np.full(len(samples) // SLOT, phone, np.uint8)


@pytest.mark.parametrize("changed_share", [0.0, 1.0])
def test_phones_go_with_the_sound_that_they_label(changed_share: float) -> None:
    """The word says phone 1 in its tone and silence around it; other sounds say phone 2."""
    sounds = corpus()
    (word,) = sounds.keywords["word"]
    phones = np.zeros(len(word.samples) // SLOT, np.uint8)
    phones[word.start // SLOT : word.end // SLOT] = 1
    sounds.keywords["word"] = [replace(word, phones=phones)]
    sounds.commands = [replace(clip, phones=labelled(clip.samples, 2)) for clip in sounds.commands]
    sounds.speech = [Take(take.samples, labelled(take.samples, 2)) for take in sounds.speech]
    settings = SceneSettings(**(QUIET | {"changed_share": changed_share}))

    scene = SceneBuilder(sounds, ("word",), {}, settings).build(np.random.default_rng(1))

    said = np.repeat(scene.phones, SLOT)[: len(scene.samples)]
    for _, start, end in scene.words:
        assert (said[start + 400 : end - 400] == 1).all()
        assert said[start - 800] == 0
    assert band_level(scene.samples[said == 1], 1000) > 0.9
    assert band_level(scene.samples[said == 2], 300) > 0.9
    level = np.abs(scene.samples.astype(float))
    assert level[said == 0].mean() < 0.1 * level[said == 2].mean()


def test_what_nobody_has_aligned_is_unknown() -> None:
    assert (builder().build(np.random.default_rng(1)).phones == UNKNOWN).all()


def test_a_shard_has_the_phone_in_the_middle_of_each_frame(tmp_path: Path) -> None:
    sounds = corpus()
    sounds.speech = [Take(take.samples, labelled(take.samples, 2)) for take in sounds.speech]
    speaking = SceneBuilder(sounds, ("word",), {}, SceneSettings(**(QUIET | {"word_share": 0.0, "speech_share": 1.0})))
    mfcc = MfccSettings(appendEnergy=False)

    write_shard(tmp_path / "0.npz", speaking, mfcc, scenes=1, seed=(1,))

    phones = speaking.build(np.random.default_rng((1, 0))).phones
    shard = read_shards([tmp_path / "0.npz"])
    assert shard.phones.shape == shard.features.shape[:2]
    assert shard.phones[0, 1000] == phones[1001]  # from 10.000 s to 10.025 s
    assert set(np.unique(shard.phones)) <= {0, 2, UNKNOWN}


def test_shards_older_than_phones_know_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "0.npz", features=np.zeros((2, 5, 13), np.float32), events=np.zeros((0, 4), np.int32))

    assert (read_shards([tmp_path / "0.npz"]).phones == np.full((2, 5), UNKNOWN)).all()
