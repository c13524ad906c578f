"""The clips of a Speech Commands folder: one second each, with a label; and the noise that is mixed into them.

The twelve labels of the task are its ten words, ``_unknown_`` for every other word, and ``_silence_``, which is cut
from the corpus's background noise. Of each noise file the last fifth is dev's, since dev has no file of its own.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE, Samples
from kws_app.audio.wavefile import WaveFile
from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.training.data import IN_ONE_GO, read_recording, rows
from kws_app.training.network import FILLERS

logger = logging.getLogger(__name__)

UNKNOWN, SILENCE = FILLERS
NOISE_FOLDER = "_background_noise_"
SILENCES = (SILENCE, "silence", NOISE_FOLDER)
"""What a folder of clips without a word is called; every other name that is no keyword is an unknown word's."""
SHORTEST_SECONDS = 0.1
DEV_SHARE = 0.2
"""Of each noise file."""
HISS = 15.0
"""Deviation of what surrounds a synthetic word: -67 dBFS, as a quiet room."""


@dataclass(frozen=True, slots=True)
class Clips:
    """``samples`` int16 ``(clips, 16000)``, ``labels`` int64 ``(clips,)``, what is said in each, and what was skipped.

    Shorter clips end in digital silence, as everybody who reports on this corpus has them.
    """

    samples: npt.NDArray[np.int16]
    labels: npt.NDArray[np.int64]
    words: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.words)


def label_of(word: str, keywords: Sequence[str]) -> int:
    """The column of the scores that is right for a folder's name."""
    if word in keywords:
        return list(keywords).index(word)
    return len(keywords) + (1 if word in SILENCES else 0)


def read_split(root: Path, split: str, keywords: Sequence[str]) -> Clips:
    """The clips of *split*, ``train`` or ``dev``, that the manifest in *root* lists, and the split's silence."""
    listed = [row for row in rows(root / "manifest.tsv") if row["path"].startswith(f"{split}/")]
    spoken = [(root / row["path"], row["word"]) for row in listed if not row["word"].startswith("_")]
    found = read_clips(spoken, keywords)
    if not len(found):
        raise ConfigError(Fault(str(root), None, "", f"holds no clip of the split {split} that can be read"))
    recorded, skipped = noise(root, split)
    silence = np.concatenate([np.empty((0, RATE), np.int16), *map(_seconds, recorded)])
    return Clips(
        np.concatenate([found.samples, silence]),
        np.concatenate([found.labels, np.full(len(silence), label_of(SILENCE, keywords))]),
        (*found.words, *[SILENCE] * len(silence)),
        found.skipped + skipped,
    )


def read_clips(paths: Iterable[tuple[Path, str]], keywords: Sequence[str]) -> Clips:
    """Decode clips, given as (path, word); those that cannot be used are named in ``skipped``."""
    kept, skipped = read_words(paths)
    return Clips(
        np.stack([second(samples) for samples, _ in kept]) if kept else np.empty((0, RATE), np.int16),
        np.array([label_of(word, keywords) for _, word in kept], np.int64),
        tuple(word for _, word in kept),
        skipped,
    )


def read_words(paths: Iterable[tuple[Path, str]]) -> tuple[list[tuple[Samples, str]], tuple[str, ...]]:
    """Decode clips, given as (path, word), at their full length; and say why others cannot be used."""
    listed = list(paths)
    with ThreadPoolExecutor() as pool:  # libsndfile decodes outside the interpreter's lock
        read = list(pool.map(_read, [path for path, _ in listed]))
    skipped = tuple(found for found in read if isinstance(found, str))
    for reason in skipped:
        logger.warning("skipped %s", reason)
    kept = [(samples, word) for samples, (_, word) in zip(read, listed, strict=True) if not isinstance(samples, str)]
    return kept, skipped


def second(samples: Samples) -> Samples:
    """A clip's first second; digital silence follows a shorter one."""
    return np.pad(samples[:RATE], (0, max(0, RATE - len(samples))))


def read_synthetic(root: Path, keywords: Sequence[str]) -> Clips:
    """The words for training in a folder of ``kws-train synthesize``, in the middle of a second of quiet hiss.

    Digital silence around them, which no recording has, would tell them from recordings.

    Raises:
        ConfigError: there are none.
    """
    listed = [row for row in rows(root / "manifest.tsv") if row["kind"] == "word" and row["split"] == "train"]
    kept, skipped = read_words((root / row["path"], row["keyword"]) for row in listed)
    if not kept:
        raise ConfigError(Fault(str(root), None, "", "holds no synthetic word of the split train that can be read"))
    rng = np.random.default_rng(0)
    return Clips(
        np.stack([_amid(samples, rng) for samples, _ in kept]),
        np.array([label_of(word, keywords) for _, word in kept], np.int64),
        tuple(word for _, word in kept),
        skipped,
    )


def joined(clips: Clips, others: Clips) -> Clips:
    """All of both, the *others* last."""
    return Clips(
        np.concatenate([clips.samples, others.samples]),
        np.concatenate([clips.labels, others.labels]),
        clips.words + others.words,
        clips.skipped + others.skipped,
    )


def noise(root: Path, split: str) -> tuple[list[Samples], tuple[str, ...]]:
    """The split's part of the corpus's noise files, which stand in ``train``, and why some could not be read."""
    parts, skipped = read_noise(sorted((root / "train" / NOISE_FOLDER).glob("*.*")))
    cuts = [round(len(samples) * (1 - DEV_SHARE)) for samples in parts]
    at_train = split == "train"
    return [s[:cut] if at_train else s[cut:] for s, cut in zip(parts, cuts, strict=True)], skipped


def read_noise(paths: Iterable[Path]) -> tuple[list[Samples], tuple[str, ...]]:
    """Recordings of any length, and why some could not be read."""
    parts, skipped = [], []
    for path in paths:
        try:
            parts.append(read_recording(path))
        except RecordingError as error:
            skipped.append(str(error))
            logger.warning("skipped %s", error)
    return parts, tuple(skipped)


def clip_weights(clips: Clips, keywords: Sequence[str], *, unknown: float) -> npt.NDArray[np.float64]:
    """How often each clip is drawn, so that all labels come equally often, and ``_unknown_`` *unknown* times as often.

    Inside ``_unknown_`` a word comes as often as the root of the number of its clips: a word with ten clips would be
    learnt by heart if it came as often as one with three hundred, and hardly be heard if it came thirty times less.
    """
    words = Counter(clips.words)
    weights = np.array([words[word] ** -0.5 for word in clips.words])
    for label in np.unique(clips.labels):
        at = clips.labels == label
        weights[at] *= (unknown if label == label_of(UNKNOWN, keywords) else 1.0) / weights[at].sum()
    return weights / weights.sum()


def _amid(samples: Samples, rng: np.random.Generator) -> Samples:
    """The middle second of a clip, or the clip in the middle of a second."""
    samples = samples[max(0, len(samples) - RATE) // 2 :][:RATE]
    before = (RATE - len(samples)) // 2
    return np.pad(samples, (before, RATE - len(samples) - before)) + rng.normal(0, HISS, RATE).astype(np.int16)


def _read(path: Path) -> Samples | str:
    """One clip, or why it cannot be used."""
    try:
        with WaveFile(path, block_seconds=IN_ONE_GO) as recording:
            rate = recording.rate
            blocks = [block.samples for block in recording.blocks()]
    except RecordingError as error:
        return str(error)
    if rate != RATE:
        return f"{path}: has {rate} Hz; clips must have {RATE}"
    samples = np.concatenate([np.empty(0, np.int16), *blocks])
    if len(samples) < SHORTEST_SECONDS * RATE:
        return f"{path}: {len(samples) / RATE:.2f} s long; clips must have {SHORTEST_SECONDS:g} s at least"
    return samples


def _seconds(samples: Samples) -> Samples:
    return samples[: len(samples) // RATE * RATE].reshape(-1, RATE)
