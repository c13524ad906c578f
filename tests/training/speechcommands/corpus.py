"""A Speech Commands folder of tones: every word has a pitch of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from kws_app.arrays import RATE
from kws_app.training.speechcommands.recipe import ClipRecipe, read_clip_recipe, shortened

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "bed", "cat")


def recipe() -> ClipRecipe:
    """The shipped one, in seconds."""
    return shortened(read_clip_recipe("comparison"), examples=256, updates=6)


def write_corpus(root: Path, *, clips: int = 2) -> Path:
    """A data folder with some clips a word and split, and noise."""
    rng, corpus = np.random.default_rng(0), root / "speech_commands"
    lines = ["path\tword\tspeaker\tseconds\tspeech_start_s\tspeech_end_s\tofficial_set\tsource"]
    for split in ("train", "dev"):
        for number, word in enumerate(WORDS):
            for clip in range(clips):
                path = corpus / split / word / f"{split}{clip}_nohash_0.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, tone(rng, 300 * (number + 2)), RATE)
                lines.append(f"{path.relative_to(corpus)}\t{word}\t{split}{clip}\t1.0\t0.2\t0.8\ttraining\tmade")
    (corpus / "manifest.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for folder in (corpus / "train" / "_background_noise_", root / "background" / "train" / "noise"):
        folder.mkdir(parents=True)
        soundfile.write(folder / "hiss.wav", 0.05 * rng.standard_normal(10 * RATE), RATE)
    return root


def write_synthetic(root: Path, *, seconds: float = 0.6) -> Path:
    """A folder such as ``kws-train synthesize`` writes: two words for training, and others that are not."""
    lines = ["path\tkind\tkeyword\ttext\tengine\tvoice\tseconds\tspeech_start_s\tspeech_end_s\tsplit"]
    time = np.arange(round(seconds * RATE)) / RATE
    for number, (word, kind, split) in enumerate(
        (("yes", "word", "train"), ("cat", "word", "train"), ("yes", "word", "test"), ("yes", "near_miss", "train"))
    ):
        swell = np.sin(np.pi * time / seconds) ** 4
        soundfile.write(root / f"{number}.flac", 0.3 * swell * np.cos(2 * np.pi * 500 * (time - seconds / 2)), RATE)
        lines.append(f"{number}.flac\t{kind}\t{word}\t{word}\tflite\tslt\t{seconds}\t0.1\t{seconds}\t{split}")
    (root / "manifest.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def tone(rng: np.random.Generator, hertz: float) -> np.ndarray:
    """A faded tone of a second in a little noise, float64 ``(16000,)``."""
    time = np.arange(RATE) / RATE
    return 0.3 * np.sin(np.pi * time) * np.sin(2 * np.pi * hertz * time) + 0.001 * rng.standard_normal(RATE)
