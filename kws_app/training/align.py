"""``kws-train align``: the phones of every recording that has a text, and when each is spoken.

PocketSphinx finds the likeliest times of the text's phones. One line a stretch of speech is added to OUT: the
recording, where the stretch starts, and its phones with their lengths in hundredths of a second. A stretch that OUT
lists is not aligned again, so the command can be stopped and continued, and given more folders.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kws_app.arrays import RATE, Samples
from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.training.data import read_recording
from kws_app.training.options import add_jobs
from kws_app.training.phonemes import arpabet, plain, spelled
from kws_app.training.phones import COLUMNS, PHONES, SILENCE, aligned_rows, pack
from kws_app.training.spread import processes
from kws_app.training.transcripts import Reading, of_background, of_recordings, of_synthetic, read_texts

logger = logging.getLogger(__name__)

_NAMES = {"<sil>": SILENCE} | {f"_{phone}": phone for phone in PHONES}
"""Phones by the words of the grammar; what else PocketSphinx lists takes no time."""

PAUSE_CHANCE = 0.005
"""Of silence between two words, as PocketSphinx has it by default."""

Found = list[tuple[str, int]]
"""(phone, hundredths of a second) one after another; empty where the text does not fit the sound."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "align",
        help="find the phones of recordings that have a text",
        description=__doc__,
        epilog="example: kws-train align phones.tsv --data DATA --synthetic speech",
    )
    parser.add_argument("out", type=Path, help="file to write, or to go on writing")
    parser.add_argument("--data", type=Path, required=True, help="folder with wakewords, speech_commands, background")
    parser.add_argument("--background", type=Path, action="append", default=[], help="further background folders")
    parser.add_argument("--synthetic", type=Path, action="append", default=[], help="folders of kws-train synthesize")
    parser.add_argument("--transcripts", type=Path, metavar="FILE", help="further texts: columns source_id and text")
    add_jobs(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Align what OUT does not list yet."""
    _require()
    done = _begin(args.out)
    readings = [reading for reading in _readings(args) if _key(reading) not in done]
    recordings = [list(group) for _, group in groupby(readings, key=lambda reading: reading.path)]
    failed = 0
    with args.out.open("a", encoding="utf-8") as file:
        for group, outcome in _aligned(recordings, jobs=args.jobs):
            if isinstance(outcome, str):
                failed += len(group)
                logger.warning("skipped %s", outcome)
                continue
            failed += outcome.count([])
            lines = [[*_key(reading), pack(found)] for reading, found in zip(group, outcome, strict=True)]
            file.write("".join("\t".join(line) + "\n" for line in lines))
            file.flush()
    print(f"{args.out}: {len(done) + len(readings)} stretches, {len(readings)} of them new, {failed} not aligned")
    return 0


def _readings(args: argparse.Namespace) -> Iterator[Reading]:
    texts = read_texts(args.transcripts) if args.transcripts else {}
    yield from of_recordings(args.data)
    for folder in (args.data / "background" / "train", *args.background):
        yield from of_background(folder, texts)
    for folder in args.synthetic:
        yield from of_synthetic(folder)


def _key(reading: Reading) -> tuple[str, str]:
    """What OUT calls the stretch."""
    return str(reading.path.resolve()), f"{reading.start_seconds:.3f}"


def _begin(out: Path) -> set[tuple[str, str]]:
    """The stretches that *out* lists; it is made if it is not there, and loses half a line if a stop left one."""
    text = out.read_text(encoding="utf-8") if out.exists() else ""
    whole = text[: text.rfind("\n") + 1] or "\t".join(COLUMNS) + "\n"
    if whole != text:
        out.write_text(whole, encoding="utf-8")
    return {(row["path"], row["start_s"]) for row in aligned_rows(out)}


def _aligned(recordings: list[list[Reading]], *, jobs: int) -> Iterator[tuple[list[Reading], list[Found] | str]]:
    """Yield what is found in the readings of each recording, in order, from *jobs* processes."""
    pool = processes(jobs)
    try:
        outcomes = pool.map(align_recording, recordings)
        yield from zip(recordings, tqdm(outcomes, total=len(recordings), unit="file"), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # what has begun is finished


def align_recording(readings: list[Reading]) -> list[Found] | str:
    """What is found in each reading of one recording; a recording that cannot be read is a sentence."""
    try:
        samples = read_recording(readings[0].path)
    except RecordingError as error:
        return str(error)
    found = []
    for reading in readings:
        end = len(samples) if reading.end_seconds is None else int(reading.end_seconds * RATE)
        found.append(_aligner().align(samples[int(reading.start_seconds * RATE) : end], reading.text))
    return found


def _require() -> None:
    try:
        import pocketsphinx  # noqa: F401
    except ImportError as error:
        fault = Fault("align", None, "", "needs PocketSphinx: pip install pocketsphinx, or the extra training")
        raise ConfigError(fault) from error


@cache  # once a process
def _aligner() -> Aligner:
    return Aligner()


class Aligner:
    """PocketSphinx with a grammar for each text: its phones in a chain, and pauses between its words.

    Each phone is a word of the grammar. So one pass finds the times of the phones, where PocketSphinx's own second
    pass fails on every fourth text.
    """

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(lm=None, fsgusefiller=False, loglevel="FATAL")
        spoken = PHONES[1:]
        for phone in spoken:
            self._decoder.add_word(f"_{phone}", phone, phone == spoken[-1])

    def align(self, samples: Samples, text: str) -> Found:
        """The phones of *text* as they follow one another in *samples*."""
        phones, _ = spelled(text)
        words = [[list(plain(phones))]] if phones else [self._variants(word) for word in spoken_words(text)]
        decoder = self._decoder
        decoder.add_fsg("text", decoder.create_fsg("text", 0, len(words), list(_transitions(words))))
        decoder.activate_search("text")
        decoder.start_utt()
        decoder.process_raw(np.ascontiguousarray(samples).tobytes(), full_utt=True)
        decoder.end_utt()
        if not words or decoder.hyp() is None:
            return []
        lengths = [(_NAMES.get(s.word), s.end_frame - s.start_frame + 1) for s in decoder.seg()]
        return [(name, length) for name, length in lengths if name is not None]

    def _variants(self, word: str) -> list[list[str]]:
        """How *word* may be pronounced: as the dictionary has it, or else espeak-ng."""
        variants, name = [], word
        while (phones := self._decoder.lookup_word(name)) is not None:
            variants.append(phones.split())
            name = f"{word}({len(variants) + 1})"
        return variants or [arpabet(word)]


def spoken_words(text: str) -> list[str]:
    """The words of *text* without what is not spoken."""
    return [word for word in re.findall(r"[a-z0-9']+", text.lower()) if word.strip("'")]


def _transitions(words: list[list[list[str]]]) -> Iterator[tuple[int, int, float, str]]:
    """The grammar: state ``i`` stands before word ``i``, and further states between the phones of its variants."""
    states = len(words) + 1
    yield from ((state, state, PAUSE_CHANCE, "<sil>") for state in range(states))
    for number, variants in enumerate(words):
        for phones in variants:
            between = [number, *range(states, states + len(phones) - 1), number + 1]
            states += len(phones) - 1
            for phone, start, end in zip(phones, between, between[1:], strict=False):
                yield start, end, 1 / len(variants) if start == number else 1.0, f"_{phone}"
