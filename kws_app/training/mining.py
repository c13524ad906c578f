"""``kws-train mine``: the moments of training audio without a keyword that a model takes for one.

The daemon's own pipeline hears running audio, commands, and synthesized near misses and sentences. Whatever raises a
smoothed score is listed in OUT, highest first; ``kws-train train --mined OUT`` lays these moments down more often.
Only what training hears anyway is searched, so nothing is learnt from recordings that judge.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.errors import RecordingError
from kws_app.pipeline import KeywordSettings
from kws_app.trace import Trace, trace_of
from kws_app.training.composing import room_tone
from kws_app.training.data import BACKGROUNDS, read_recording, rows
from kws_app.training.listening import loaded
from kws_app.training.moments import Moment, write_moments
from kws_app.training.options import add_spread, spread_of
from kws_app.training.spread import Spread

Hear = Callable[[Sequence[Samples]], Trace]
"""The scores of sounds that follow one another."""

AROUND = (1.5, 0.2)
"""Seconds before and after the highest score that a moment holds: what the network remembered, about a word's time."""
HUSH = RATE
"""Samples of room tone after each recording, in which the scores still rise and then fall."""
TOGETHER = 100
"""Short clips that are heard in one go, one after another."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "mine",
        help="find what a model takes for its keywords in training audio without them",
        description=__doc__,
        epilog="example: kws-train mine wakewords-en.onnx mined.tsv --data DATA --synthetic SPEECH --jobs 4",
    )
    parser.add_argument("model", type=Path, help="a model file")
    add_search(parser)
    add_spread(parser)
    parser.set_defaults(run=run)


def add_search(parser: argparse.ArgumentParser) -> None:
    """Where to search, and how much to keep."""
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--data", type=Path, required=True, help="folder with speech_commands, background")
    parser.add_argument("--background", type=Path, action="append", default=[], help="further background folders")
    parser.add_argument("--synthetic", type=Path, action="append", default=[], help="folders of kws-train synthesize")
    parser.add_argument("--moments", type=int, default=1000, metavar="N", help="at most, for each keyword (1000)")
    parser.add_argument("--least", type=float, default=0.05, metavar="SCORE", help="smoothed score to be one (0.05)")


def run(args: argparse.Namespace) -> int:
    """Search with a model file."""
    return search(args, partial(_hear, args.model), spread_of(args))


def search(args: argparse.Namespace, hear: Hear, spread: Spread) -> int:
    """Hear everything, and write the moments."""
    clips = list(_clips(args))
    tasks = [[path] for path in dict.fromkeys(_running(args))]  # a recording has many rows
    tasks += [clips[first : first + TOGETHER] for first in range(0, len(clips), TOGETHER)]
    heard = spread.map(find_moments, [(paths, hear, args.least) for paths in tasks], of="recordings")
    found = [moment for moments, _ in heard for moment in moments]
    found.sort(key=lambda moment: (moment.keyword, -moment.score))
    kept = [m for _, group in groupby(found, key=lambda moment: moment.keyword) for m in list(group)[: args.moments]]
    write_moments(args.out, kept)
    skipped = [reason for _, reasons in heard for reason in reasons]
    for reason in skipped:
        print(f"skipped {reason}")
    print(f"{args.out}: {len(kept)} moments of {len(found)} found; {len(skipped)} recordings skipped")
    for keyword, group in groupby(kept, key=lambda moment: moment.keyword):
        scores = [moment.score for moment in group]
        print(f"  {keyword}: {len(scores)}, scores {scores[-1]:.2f} to {scores[0]:.2f}")
    return 0


def _running(args: argparse.Namespace) -> Iterator[Path]:
    """The recordings of running audio."""
    for folder in (args.data / "background" / "train", *args.background):
        for row in rows(folder / "segments.tsv"):
            if row["path"].split("/")[0] in BACKGROUNDS:
                yield folder / row["path"]


def _clips(args: argparse.Namespace) -> Iterator[Path]:
    """The short recordings, none of a keyword."""
    folder = args.data / "speech_commands"
    for row in rows(folder / "manifest.tsv"):
        if row["path"].startswith("train/"):
            yield folder / row["path"]
    for folder in args.synthetic:
        for row in rows(folder / "manifest.tsv"):
            if row["kind"] != "word" and row.get("split", "train") == "train":
                yield folder / row["path"]


def find_moments(paths: Sequence[Path], hear: Hear, least: float) -> tuple[list[Moment], list[str]]:
    """The moments in recordings that are heard one after another, and why some could not be heard."""
    tone = np.rint(room_tone(np.random.default_rng(0), HUSH) * 32767).astype(np.int16)
    sounds: list[Samples] = [tone]
    places: list[tuple[Path, float, float]] = []
    at, skipped = len(tone), []
    for path in paths:
        try:
            samples = read_recording(path)
        except RecordingError as error:
            skipped.append(str(error))
            continue
        sounds += [samples, tone]
        places.append((path, at / RATE, (at + len(samples)) / RATE))
        at += len(samples) + len(tone)
    heard = hear(sounds)
    return [moment for place in places for moment in _peaks(heard, *place, least=least)], skipped


def _hear(model: Path, sounds: Sequence[Samples]) -> Trace:
    ear = loaded(model)
    return trace_of(sounds, ear, dict.fromkeys(ear.card.keyword_ids, KeywordSettings()))


def _peaks(heard: Trace, path: Path, begin: float, end: float, *, least: float) -> Iterator[Moment]:
    """The highest scores of a recording heard from *begin* to *end*, each a moment's time from the others."""
    first, last = np.searchsorted(heard.times, (begin, end + HUSH / RATE))
    times = heard.times[first:last]
    for column, keyword in enumerate(heard.keywords):
        scores = heard.smoothed[first:last, column].copy()
        while len(scores) and scores.max() >= least:
            peak = int(scores.argmax())
            start, stop = max(times[peak] - AROUND[0], begin), min(times[peak] + AROUND[1], end)
            yield Moment(path, start - begin, stop - begin, keyword, float(scores[peak]))
            scores[np.abs(times - times[peak]) < sum(AROUND)] = 0
