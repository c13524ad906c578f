"""Clips of a folder: labels, silence, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError
from kws_app.training.speechcommands.clips import clip_weights, label_of, noise, read_clips, read_split, read_synthetic
from tests.training.speechcommands.corpus import WORDS, write_corpus, write_synthetic

KEYWORDS = WORDS[:10]


def test_words_that_are_no_keywords_are_unknown_and_noise_is_silence(tmp_path: Path) -> None:
    clips = read_split(write_corpus(tmp_path) / "speech_commands", "dev", KEYWORDS)

    labels = dict(zip(clips.words, clips.labels.tolist(), strict=True))
    assert labels == {word: number for number, word in enumerate(KEYWORDS)} | {"bed": 10, "cat": 10, "_silence_": 11}
    assert clips.words.count("_silence_") == 2  # a fifth of ten seconds


@pytest.mark.parametrize("name", ["silence", "_silence_", "_background_noise_"])
def test_silence_is_known_by_each_of_its_names(name: str) -> None:
    assert label_of(name, KEYWORDS) == 11
    assert label_of("silence", ["silence"]) == 0


def test_no_noise_is_in_both_splits(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path) / "speech_commands"

    ((train,), _), ((dev,), _) = noise(corpus, "train"), noise(corpus, "dev")

    whole, _ = soundfile.read(next((corpus / "train" / "_background_noise_").iterdir()), dtype="int16")
    np.testing.assert_array_equal(np.concatenate([train, dev]), whole)


def test_a_clip_that_cannot_be_used_is_named_with_its_reason(tmp_path: Path) -> None:
    good, short, slow, broken = (tmp_path / name for name in ("good.wav", "short.wav", "slow.wav", "broken.wav"))
    soundfile.write(good, np.full(8000, 0.1), 16_000)
    soundfile.write(short, np.full(800, 0.1), 16_000)
    soundfile.write(slow, np.full(8000, 0.1), 8000)
    broken.write_bytes(b"RIFF")

    clips = read_clips([(path, "yes") for path in (good, short, slow, broken, tmp_path / "gone.wav")], KEYWORDS)

    assert clips.samples.shape == (1, 16_000)
    names = [reason.split(":")[0].split("/")[-1] for reason in clips.skipped]
    assert names == ["short.wav", "slow.wav", "broken.wav", "gone.wav"]
    assert "0.05 s long" in clips.skipped[0]
    assert "8000 Hz" in clips.skipped[1]


def test_synthetic_words_stand_in_the_middle_of_a_second_of_hiss(tmp_path: Path) -> None:
    clips = read_synthetic(write_synthetic(tmp_path, seconds=0.5), KEYWORDS)

    assert clips.words == ("yes", "cat")
    assert clips.labels.tolist() == [0, 10]
    before, middle, after = clips.samples[0, :3900], clips.samples[0, 4000:12000], clips.samples[0, 12100:]
    assert np.abs(middle).max() > 3000
    for hiss in (before, after):
        assert 5 < hiss.std() < 30


def test_longer_synthetic_words_lose_both_ends(tmp_path: Path) -> None:
    clips = read_synthetic(write_synthetic(tmp_path, seconds=1.5), KEYWORDS)

    assert clips.samples.shape == (2, 16_000)
    assert np.abs(clips.samples[0]).argmax() == pytest.approx(8000, abs=600)


def test_a_folder_without_synthetic_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.tsv").write_text("path\tkind\tkeyword\tsplit\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="holds no synthetic word"):
        read_synthetic(tmp_path, KEYWORDS)


def test_all_labels_are_drawn_equally_often_but_unknown_words(tmp_path: Path) -> None:
    clips = read_split(write_corpus(tmp_path) / "speech_commands", "train", KEYWORDS)

    shares = np.bincount(clips.labels, clip_weights(clips, KEYWORDS, unknown=3))

    np.testing.assert_allclose(shares, np.array([*[1] * 10, 3, 1]) / 14)


def test_a_folder_without_clips_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "manifest.tsv").write_text("path\tword\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="holds no clip of the split train"):
        read_split(tmp_path, "train", KEYWORDS)
