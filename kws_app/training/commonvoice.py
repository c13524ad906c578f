"""``kws-train common-voice``: background folders of Mozilla Common Voice, which thousands of people read at home.

A clip whose sentence holds a keyword, inside a longer word too, is left out, and so is one that cannot be read or is
silent. No speaker fills a folder, and each is in one: OUT/train is for training, OUT/held-out for streams to judge by.
Which one a speaker is in depends on nothing but the release's own name for them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.schema import did_you_mean
from kws_app.training.backgroundfolder import BackgroundFolder, ReadSentence
from kws_app.training.data import read_recording
from kws_app.training.options import numbers
from kws_app.training.recipe import Recipe, read_recipe

logger = logging.getLogger(__name__)

SIDES = ("train", "held-out")
NEEDED = ("client_id", "path", "sentence", "locale")
"""Columns of a release's tables."""
SILENT = 30.0
"""RMS of 16-bit samples, -60 dBFS: whoever reads is louder, and a few clips in a thousand hold nothing."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "common-voice",
        help="make background folders of Mozilla Common Voice",
        description=__doc__,
        epilog="example: kws-train common-voice cv-corpus-25.0/en crowd --recipe wakewords-en",
    )
    parser.add_argument("release", type=Path, help="a language of a release: the folder with clips and validated.tsv")
    parser.add_argument("out", type=Path, help="folder to make, with train and held-out in it")
    parser.add_argument("--recipe", required=True, help="name or file; clips that say its keywords are left out")
    parser.add_argument(
        "--table",
        action="append",
        metavar="NAME",
        help="table of the release to take clips from, as validated or other; may be repeated (default validated)",
    )
    parser.add_argument(
        "--hours", type=numbers(0.01), default=20.0, help="stop after; training holds 115 MB an hour (default 20)"
    )
    parser.add_argument(
        "--minutes-a-speaker", type=numbers(0.1), default=5.0, metavar="N", help="take no more (default 5)"
    )
    parser.add_argument(
        "--held-out", type=numbers(0, 1), default=0.1, metavar="SHARE", help="share of the speakers (default 0.1)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make both folders, whole or not at all."""
    recipe = read_recipe(args.recipe)
    _refuse(args.release, args.out)
    listed = {s.clip: s for name in args.table or ["validated"] for s in read_table(args.release, name)}
    sentences, spoken, untold = without_keywords(listed.values(), recipe)
    logger.info("%d clips; %d of them hold a keyword, %d have no text that would say so", len(listed), spoken, untold)
    partial = args.out.with_name(f"{args.out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    languages = {keyword.language for keyword in recipe.keywords.values()}
    source = "/".join(("Common Voice", *args.release.resolve().parts[-2:]))
    folders = {side: BackgroundFolder(partial / side, languages, source, "CC0-1.0") for side in SIDES}
    skipped = take(sentences, folders, args)
    for folder in folders.values():
        folder.close()
    partial.replace(args.out)
    for side, folder in folders.items():
        print(f"{args.out / side}: {folder.hours:.2f} h of {len(folder.speakers)} speakers")
    print(f"left out: {spoken} clips with a keyword, {untold} without a text, {skipped} silent or unreadable")
    return 0


def take(sentences: Iterable[ReadSentence], folders: dict[str, BackgroundFolder], args: argparse.Namespace) -> int:
    """Fill the folders as the options say; how many clips were of no use.

    Raises:
        ConfigError: all were.
    """
    skipped = 0
    for speaker, read in by_speaker(sentences):
        folder = folders["held-out" if place(speaker, "side") < args.held_out else "train"]
        most = folder.samples + 60 * RATE * args.minutes_a_speaker
        for sentence in read:
            samples = usable(args.release / "clips" / sentence.clip)
            if samples is None:
                skipped += 1
                continue
            folder.add(sentence, samples)
            if folder.samples >= most:
                break
        if sum(folder.hours for folder in folders.values()) >= args.hours:
            break
    if not any(folder.samples for folder in folders.values()):
        raise ConfigError(Fault(str(args.release), None, "", f"gave no speech; {skipped} clips were of no use"))
    return skipped


def read_table(release: Path, name: str) -> Iterator[ReadSentence]:
    """The clips that ``name.tsv`` of a release lists.

    Raises:
        ConfigError: it is not there, no such table, or damaged.
    """
    path = release / f"{name.removesuffix('.tsv')}.tsv"
    if not path.exists():
        there = [file.stem for file in release.glob("*.tsv")]
        raise ConfigError(Fault(str(path), None, "", f"no such table{did_you_mean(path.stem, there)}"))
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            missing = [column for column in NEEDED if column not in (rows.fieldnames or ())]
            if missing:
                raise ConfigError(Fault(str(path), 1, "", f"has no column {', '.join(missing)}; is it Common Voice's?"))
            for row in rows:
                speaker, clip, text, locale = (row[column] for column in NEEDED)
                yield ReadSentence(clip.strip(), sys.intern(speaker), text, sys.intern(locale))  # millions of rows
        except (UnicodeDecodeError, csv.Error, AttributeError, TypeError) as error:  # of a None where a row is cut off
            message = "is damaged or cut off; unpack the release again"
            raise ConfigError(Fault(str(path), rows.line_num, "", message)) from error


def without_keywords(sentences: Iterable[ReadSentence], recipe: Recipe) -> tuple[list[ReadSentence], int, int]:
    """Those whose text holds no keyword, whatever stands between its letters; how many hold one, or have no text."""
    phrases = [letters(how.phrase or keyword) for keyword, how in recipe.keywords.items()]
    kept, spoken, untold = [], 0, 0
    for sentence in sentences:
        text = letters(sentence.text)
        if not text:
            untold += 1
        elif any(phrase in text for phrase in phrases):
            spoken += 1
        else:
            kept.append(sentence)
    return kept, spoken, untold


def letters(text: str) -> str:
    """What of a text is spoken: letters, their marks, and numbers, however they are typed."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if unicodedata.category(c)[0] in "LMN")


def by_speaker(sentences: Iterable[ReadSentence]) -> list[tuple[str, list[ReadSentence]]]:
    """Speaker after speaker, in an order that has nothing to do with when they joined or which side they are on."""
    spoken: dict[str, list[ReadSentence]] = {}
    for sentence in sorted(sentences, key=attrgetter("clip")):
        spoken.setdefault(sentence.speaker, []).append(sentence)
    return sorted(spoken.items(), key=lambda item: place(item[0], "order"))


def place(speaker: str, of: str) -> float:
    """Where a speaker stands between 0 and 1, evenly spread, the same at every call."""
    return int.from_bytes(hashlib.sha256(f"{of} {speaker}".encode()).digest()[:8], "big") / 2**64


def usable(clip: Path) -> Samples | None:
    """A clip's samples; one that is silent or cannot be read is named, and None."""
    try:
        samples = read_recording(clip)
    except RecordingError as error:
        logger.warning("skipped %s", error)
        return None
    if len(samples) == 0 or np.sqrt(np.mean(np.square(samples, dtype=float))) < SILENT:
        logger.warning("skipped %s: empty or silent", clip)
        return None
    return samples


def _refuse(release: Path, out: Path) -> None:
    """Say what is wrong with either folder.

    Raises:
        ConfigError: something is.
    """
    if not (release / "clips").is_dir():
        inside = sorted(folder.parent.name for folder in release.glob("*/clips"))
        near = f"; name a language's folder, as {release / inside[0]}" if inside else "; unpack a release, and name it"
        raise ConfigError(Fault(str(release), None, "", f"is no folder with clips and tables in it{near}"))
    if out.exists():
        raise ConfigError(Fault(str(out), None, "", "is there already; name a folder that is not"))
