"""Recordings for training: manifests in, clips and running audio out.

What is read, each by its own manifest (columns are named in the reader that needs them):

- ``wakewords/``, ``speech_commands/``, ``background/``: the layout of the project's shared recordings, of which only
  the rows of the train split are used;
- further ``background`` folders with a ``segments.tsv``;
- folders of synthesized speech, as ``kws-train synthesize`` writes them;
- files of moments in any of these, as ``kws-train mine`` writes them.

Where ``kws-train align`` has found phones, they come along.
A file that cannot be read is listed and skipped; a speaker who stands in two splits is refused by name.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no stubs (0.14)

from kws_app.arrays import RATE, Audio, Samples
from kws_app.audio.wavefile import WaveFile
from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.training.augment import direct_sound_first
from kws_app.training.moments import read_moments
from kws_app.training.phones import SLOT, Alignment, Phones
from kws_app.wholefile import whole

logger = logging.getLogger(__name__)

BACKGROUNDS = ("speech", "speech_other_languages", "noise", "music")
"""Folders of running audio."""

IN_ONE_GO = 3600.0
"""Seconds; read in pieces, the last samples of some Opus files come out one count away."""


AROUND = RATE // 4
"""Samples of sound that a mined moment keeps before and after it."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One spoken word: its audio, and the first and last sample of the word in it."""

    samples: Samples
    start: int
    end: int
    speaker: str
    phones: Phones | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """Running audio of one recording or one reader, int16 ``(n,)``."""

    samples: Samples
    phones: Phones | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def crop(self, rng: np.random.Generator, length: int) -> Take:
        """At most *length* samples from somewhere in it, cut where a label begins."""
        start = int(rng.integers(max(1, len(self) - length))) // SLOT * SLOT
        phones = None if self.phones is None else self.phones[start // SLOT :]
        return Take(self.samples[start : start + length], phones)


@dataclass(slots=True)
class Corpus:
    """All that a training hears, decoded and in memory (about 115 MB an hour)."""

    alignment: Alignment = field(default_factory=Alignment)
    keywords: dict[str, list[Clip]] = field(default_factory=dict)
    synthetic: dict[str, list[Clip]] = field(default_factory=dict)
    near_misses: list[Clip] = field(default_factory=list)
    mined: list[Clip] = field(default_factory=list)
    commands: list[Clip] = field(default_factory=list)
    speech: list[Take] = field(default_factory=list)
    other_languages: list[Take] = field(default_factory=list)
    noise: list[Take] = field(default_factory=list)
    music: list[Take] = field(default_factory=list)
    rooms: list[Audio] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def speakers(self) -> int:
        """How many people said the keywords; synthesized voices are not counted."""
        return len({clip.speaker for clips in self.keywords.values() for clip in clips})

    @property
    def hours(self) -> float:
        """Hours of recordings, synthesized speech included."""
        clips = [*self.near_misses, *self.commands]
        for group in (*self.keywords.values(), *self.synthetic.values()):
            clips += group
        takes = [*self.speech, *self.other_languages, *self.noise, *self.music]
        return (sum(len(c.samples) for c in clips) + sum(map(len, takes))) / RATE / 3600

    def add_recordings(self, root: Path, keywords: tuple[str, ...]) -> None:
        """Add ``wakewords``, ``speech_commands`` and ``background`` below *root*, train split only."""
        _refuse_shared_speakers(root / "wakewords" / "manifest.tsv")
        for row in rows(root / "wakewords" / "manifest.tsv"):
            keyword = keyword_of(row["word"])
            if row["path"].startswith("train/") and keyword in keywords and "unsure-times" not in row["flags"]:
                self._add_keyword(root / "wakewords" / row["path"], row, keyword)
        for row in rows(root / "speech_commands" / "manifest.tsv"):
            if row["path"].startswith("train/") and not row["word"].startswith("_"):
                clip = self._clip(root / "speech_commands" / row["path"], row)
                if clip is not None:
                    self.commands.append(clip)
        self.add_background(root / "background" / "train")
        for path in sorted((root / "background" / "train" / "rirs").glob("*.flac")):
            response = self._read(path)
            if response is not None:
                self.rooms.append(direct_sound_first(as_audio(response)))

    def add_background(self, root: Path) -> None:
        """Add the running audio that *root*/segments.tsv lists, cut where it says clips were joined."""
        kinds = dict(zip(BACKGROUNDS, (self.speech, self.other_languages, self.noise, self.music), strict=True))
        decoded: dict[str, Samples | None] = {}
        for row in rows(root / "segments.tsv"):
            takes = kinds.get(row["path"].split("/")[0])
            if takes is None:
                continue
            if row["path"] not in decoded:
                decoded = {row["path"]: self._read(root / row["path"])}
            samples = decoded[row["path"]]
            if samples is not None:
                first, last = int(float(row["start_s"]) * RATE), int(float(row["end_s"]) * RATE)
                last = min(last, len(samples))
                takes.append(Take(samples[first:last], self.alignment.of(root / row["path"], first, last)))

    def add_synthetic(self, root: Path) -> None:
        """Add the train split of what ``kws-train synthesize`` wrote to *root*: keywords, near misses, sentences."""
        for row in rows(root / "manifest.tsv"):
            if row.get("split", "train") != "train":
                continue
            clip = self._clip(root / row["path"], row | {"speaker": f"{row['engine']}/{row['voice']}"})
            if clip is None:
                continue
            if row["kind"] == "word":
                self.synthetic.setdefault(row["keyword"], []).append(clip)
            elif row["kind"] == "near_miss":
                self.near_misses.append(clip)
            else:
                self.speech.append(Take(clip.samples, clip.phones))

    def add_mined(self, file: Path) -> None:
        """Add the moments that ``kws-train mine`` listed in *file*, with some sound around each."""
        for path, moments in groupby(sorted(read_moments(file), key=attrgetter("path")), key=attrgetter("path")):
            samples = self._read(path)
            if samples is None:
                continue
            for moment in moments:
                start, end = round(moment.start * RATE), round(moment.end * RATE)
                first, last = max(0, start - AROUND), min(len(samples), end + AROUND)
                phones = self.alignment.of(path, first, last)
                self.mined.append(Clip(samples[first:last], start - first, end - first, path.stem, phones))

    def _add_keyword(self, path: Path, row: dict[str, str], keyword: str) -> None:
        clip = self._clip(path, row)
        if clip is None:
            return
        # Around the recording itself most clips hold digital silence, which would give the word away.
        first, last = int(float(row["rec_start_s"]) * RATE), int(float(row["rec_end_s"]) * RATE)
        first, last = min(first, clip.start), max(last, clip.end)
        phones = self.alignment.of(path, first, last)
        cut = Clip(clip.samples[first:last], clip.start - first, clip.end - first, clip.speaker, phones)
        self.keywords.setdefault(keyword, []).append(cut)

    def _clip(self, path: Path, row: dict[str, str]) -> Clip | None:
        samples = self._read(path)
        if samples is None:
            return None
        start, end = (int(float(row[name]) * RATE) for name in ("speech_start_s", "speech_end_s"))
        if not 0 <= start < end:
            start, end = 0, len(samples)
        phones = self.alignment.of(path, 0, len(samples))
        return Clip(samples, start, min(end, len(samples)), row["speaker"], phones)

    def _read(self, path: Path) -> Samples | None:
        """One file, or None with the file noted as skipped."""
        try:
            samples = read_recording(path)
        except RecordingError as error:
            self.skipped.append(str(error))
            logger.warning("skipped %s", error)
            return None
        if not samples.any():
            self.skipped.append(f"{path}: empty or silent")
            return None
        return samples


def read_recording(path: Path) -> Samples:
    """A whole recording at 16 kHz mono.

    Raises:
        RecordingError: it cannot be read.
    """
    with WaveFile(path, block_seconds=IN_ONE_GO) as recording:
        blocks = [block.samples for block in recording.blocks()]
    return np.concatenate([np.empty(0, np.int16), *blocks])


def write_recording(path: Path, samples: Samples) -> None:
    """Write samples at 16 kHz, whole or not at all, in the format that the path ends with: .wav or .flac.

    Raises:
        OutputError: it cannot be written.
    """
    encoded = BytesIO()  # soundfile writing to a full disk raises an AssertionError that hides the reason
    soundfile.write(encoded, samples, RATE, subtype="PCM_16", format=path.suffix[1:].upper())
    with whole(path) as file:
        file.write(encoded.getbuffer())


def as_audio(samples: Samples) -> Audio:
    """The samples as training mixes them."""
    return samples.astype(np.float32) / 32768


def keyword_of(word: str) -> str:
    """The identifier of *word* in a model: "smart-mirror" and "Smart Mirror" are ``smart_mirror``."""
    return word.lower().replace("-", "_").replace(" ", "_")


def rows(manifest: Path) -> Iterator[dict[str, str]]:
    """The rows of a folder's manifest, by column."""
    if not manifest.exists():
        raise ConfigError(Fault(str(manifest), None, "", "no such file; a data folder has its manifest in it"))
    with manifest.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter="\t")


def _refuse_shared_speakers(manifest: Path) -> None:
    splits: dict[str, set[str]] = {}
    for row in rows(manifest):
        splits.setdefault(row["speaker"], set()).add(row["path"].split("/")[0])
    shared = sorted(speaker for speaker, names in splits.items() if len(names) > 1)
    if shared:
        message = f"stand in more than one split: {', '.join(shared)}; give every speaker one split"
        raise ConfigError(Fault(str(manifest), None, "speaker", message))
