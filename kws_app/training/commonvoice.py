"""``kws-train common-voice``: background folders of Mozilla Common Voice, which thousands of people read at home.

A clip whose sentence holds a keyword, inside a longer word too, is left out, and so is one that cannot be read or is
silent. No speaker fills a folder, and each is in one: OUT/train is for training, OUT/held-out for streams to judge by.
Which one a speaker is in depends on nothing but the release's own name for him.
"""

from __future__ import annotations

import argparse
import csv
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from kws_app.arrays import RATE, Samples
from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.schema import did_you_mean
from kws_app.training.data import read_recording
from kws_app.training.options import numbers
from kws_app.training.recipe import Recipe, read_recipe
from kws_app.wholefile import whole

logger = logging.getLogger(__name__)

NEEDED = ("client_id", "path", "sentence", "locale")
"""Columns of a release's tables."""
FILE_SECONDS, GAP_SECONDS = 240.0, 0.3
SILENT = 30
"""RMS of 16-bit samples, -60 dBFS: whoever reads is louder, and a few clips in a thousand hold nothing."""
SIDES = ("train", "held-out")
TABLES = {
    "manifest": ("path", "kind", "speaker_or_recording", "language", "seconds", "source", "licence"),
    "segments": ("path", "start_s", "end_s", "speaker_or_recording", "source_id", "language"),
    "transcripts": ("source_id", "text"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A clip of a release, and who reads what in it."""

    file: Path
    speaker: str
    sentence: str
    language: str


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "common-voice",
        help="make background folders of Mozilla Common Voice",
        description=__doc__,
        epilog="example: kws-train common-voice cv-corpus-25.0/en crowd --hours 20",
    )
    parser.add_argument("release", type=Path, help="a language of a release: the folder with clips and validated.tsv")
    parser.add_argument("out", type=Path, help="folder to make, with train and held-out in it")
    parser.add_argument("--recipe", default="wakewords-en", help="name or file; its keywords are left out")
    parser.add_argument("--tables", nargs="+", default=["validated"], metavar="NAME", help="of the release")
    parser.add_argument(
        "--hours", type=numbers(0.01), default=20.0, help="when to stop; an hour takes 115 MB in training"
    )
    parser.add_argument("--minutes-a-speaker", type=numbers(0.1), default=5.0, metavar="N", help="at most")
    parser.add_argument("--held-out", type=numbers(0, 1), default=0.1, metavar="SHARE", help="of the speakers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make both folders."""
    recipe = read_recipe(args.recipe)
    if args.out.exists() and any(args.out.iterdir()):
        raise ConfigError(Fault(str(args.out), None, "", "is not empty; name a folder that is not there yet"))
    listed = [reading for name in args.tables for reading in read_table(args.release, name)]
    readings = without_keywords(listed, recipe)
    languages = {spoken.language for spoken in recipe.keywords.values()}
    source = "/".join(("Common Voice", *args.release.resolve().parts[-2:]))
    folders = {side: BackgroundFolder(args.out / side, source, languages) for side in SIDES}
    unusable: list[Path] = []
    for speaker, clips in by_speaker(readings):
        folder = folders["held-out" if place(speaker, "side") < args.held_out else "train"]
        most = folder.samples + 60 * RATE * args.minutes_a_speaker
        for reading, samples in usable(clips, unusable):
            folder.add(reading, samples)
            if folder.samples >= most:
                break
        if sum(folder.samples for folder in folders.values()) >= 3600 * RATE * args.hours:
            break
    for folder in folders.values():
        folder.close()
        print(f"{folder.root}: {folder.samples / RATE / 3600:.2f} h of {len(folder.speakers)} speakers")
    print(f"left out: {len(listed) - len(readings)} clips with a keyword, {len(unusable)} silent or unreadable")
    return 0


def read_table(release: Path, name: str) -> Iterator[Reading]:
    """The clips that ``name.tsv`` of a release lists.

    Raises:
        ConfigError: it is not there, or no such table.
    """
    path = release / f"{name.removesuffix('.tsv')}.tsv"
    if not path.exists():
        there = [file.stem for file in release.glob("*.tsv")]
        raise ConfigError(Fault(str(path), None, "", f"no such table{did_you_mean(path.stem, there)}"))
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [column for column in NEEDED if column not in (rows.fieldnames or ())]
        if missing:
            raise ConfigError(Fault(str(path), 1, "", f"has no column {', '.join(missing)}; is it Common Voice's?"))
        for row in rows:
            yield Reading(release / "clips" / row["path"], row["client_id"], row["sentence"], row["locale"])


def without_keywords(readings: Iterable[Reading], recipe: Recipe) -> list[Reading]:
    """Those whose sentence holds no keyword, whatever stands between its letters."""
    phrases = [letters(spoken.phrase or keyword) for keyword, spoken in recipe.keywords.items()]
    return [r for r in readings if not any(phrase in letters(r.sentence) for phrase in phrases)]


def letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def by_speaker(readings: Iterable[Reading]) -> Iterator[tuple[str, Iterator[Reading]]]:
    """Speaker after speaker, in an order that has nothing to do with when they joined."""
    ordered = sorted(readings, key=lambda reading: (place(reading.speaker, "order"), reading.speaker, reading.file))
    return groupby(ordered, key=attrgetter("speaker"))


def place(speaker: str, of: str) -> float:
    """Where a speaker stands between 0 and 1, evenly spread, the same at every call."""
    return zlib.crc32(f"{of} {speaker}".encode()) / 2**32


def usable(readings: Iterable[Reading], unusable: list[Path]) -> Iterator[tuple[Reading, Samples]]:
    """Each with its samples; those that are silent or cannot be read are named and added to *unusable*."""
    for reading in readings:
        try:
            samples = read_recording(reading.file)
            reason = f"{reading.file}: silent" if np.sqrt(np.mean(np.square(samples, dtype=float))) < SILENT else ""
        except RecordingError as error:
            reason = str(error)
        if reason:
            unusable.append(reading.file)
            logger.warning("skipped %s", reason)
        else:
            yield reading, samples


@dataclass(slots=True)
class BackgroundFolder:
    """Clips joined to files of four minutes, with the tables that ``kws-train`` reads.

    Args:
        source: what the manifest says of where it is from.
        languages: those of the keywords; what is read in another is background of its own.
    """

    root: Path
    source: str
    languages: set[str]
    samples: int = 0
    speakers: set[str] = field(default_factory=set)
    _files: int = 0
    _open: dict[str, list[tuple[Reading, Samples]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        for name, columns in TABLES.items():
            self._write(name, [columns])

    def add(self, reading: Reading, samples: Samples) -> None:
        """Add a clip; a file that is long enough is written."""
        self.samples += len(samples)
        self.speakers.add(reading.speaker)
        joined = self._open.setdefault(reading.language, [])
        joined.append((reading, samples))
        if sum(len(samples) for _, samples in joined) >= FILE_SECONDS * RATE:
            self._join(reading.language)

    def close(self) -> None:
        """Write what is left."""
        for language in list(self._open):
            self._join(language)

    def _join(self, language: str) -> None:
        joined = self._open.pop(language)
        kind = "speech" if language.split("-")[0] in self.languages else "speech_other_languages"
        name = f"{kind}/common-voice-{language}-{self._files:04d}.flac"
        self._files += 1
        gap, at, parts, segments, texts = np.zeros(round(GAP_SECONDS * RATE), np.int16), 0, [], [], []
        for reading, samples in joined:
            times = (f"{place / RATE:.3f}" for place in (at, at + len(samples)))
            segments.append((name, *times, reading.speaker, reading.file.stem, language))
            texts.append((reading.file.stem, reading.sentence))
            parts += [samples, gap]
            at += len(samples) + len(gap)
        (self.root / kind).mkdir(exist_ok=True)
        with whole(self.root / name) as file:
            soundfile.write(file, np.concatenate(parts), RATE, subtype="PCM_16", format="FLAC")
        speakers = len({reading.speaker for reading, _ in joined})
        about = (f"{speakers} speakers", language, f"{at / RATE:.2f}", self.source, "CC0-1.0")
        self._write("manifest", [(name, kind, *about)])
        self._write("segments", segments)
        self._write("transcripts", texts)
        print(f"{self.root / name}: {at / RATE / 60:.1f} min, {speakers} speakers", flush=True)

    def _write(self, name: str, rows: Iterable[tuple[str, ...]]) -> None:
        with (self.root / f"{name}.tsv").open("a", encoding="utf-8") as file:
            file.writelines("\t".join(row) + "\n" for row in rows)
