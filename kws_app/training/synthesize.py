"""``kws-train synthesize``: keywords, near misses and running text in many synthetic voices.

Writes FLAC at 16 kHz, mono, 16 bit, and ``manifest.tsv`` beside them. The same seed gives the same script; a clip that
the manifest lists is not made again, so the command can be stopped, continued and asked for more voices.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any
from zlib import crc32

from tqdm import tqdm

from kws_app.errors import ConfigError, Fault
from kws_app.training.clipfolder import ClipFolder, Trimmed, trim
from kws_app.training.engines import ESPEAK, FESTIVAL, FLITE
from kws_app.training.kokoro import Kokoro
from kws_app.training.options import add_jobs
from kws_app.training.script import Engine, Sheet, Utterance, deal, read_phrases
from kws_app.training.spread import processes

logger = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "synthesize",
        help="write synthetic speech for training",
        description=__doc__,
        epilog="examples:\n"
        "  kws-train synthesize speech --voices 120\n"
        "  kws-train synthesize speech --engines kokoro --kokoro kokoro/ --voices 200 --keywords computer jarvis\n"
        "  kws-train synthesize commands --words yes no up down --sentences 0",
    )
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument(
        "--engines",
        nargs="+",
        default=["espeak-ng", "espeak-ng", "flite", "festival"],
        metavar="NAME",
        help="espeak-ng, flite, festival, kokoro; they take turns, and one named twice gets two",
    )
    parser.add_argument("--kokoro", type=Path, metavar="DIR", help="folder with Kokoro's model and voices")
    parser.add_argument("--voices", type=int, default=100, metavar="N", help="how many voices read their sheet")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another seed deals another script")
    add_jobs(parser)
    _add_sheet(parser)
    parser.set_defaults(run=run)


def _add_sheet(parser: argparse.ArgumentParser) -> None:
    """What every voice says."""
    parser.add_argument(
        "--keywords",
        nargs="+",
        metavar="ID",
        help="what every voice says; one named twice is said twice (default: all; with --words, none)",
    )
    parser.add_argument("--words", nargs="+", default=[], metavar="WORD", help="other words that every voice says")
    parser.add_argument(
        "--near-misses",
        type=int,
        choices=range(16),
        default=2,
        metavar="N",
        help="near misses from our list a voice says for each keyword it says, at most 15 (default 2)",
    )
    parser.add_argument(
        "--made-near-misses",
        type=int,
        choices=range(100),
        default=2,
        metavar="N",
        help="near misses made from the keyword's phones a voice says for each keyword it says (default 2)",
    )
    parser.add_argument("--sentences", type=int, default=4, metavar="N", help="passages of running text a voice says")


def run(args: argparse.Namespace) -> int:
    """Write what is missing of the script that *args* ask for."""
    names = tuple(args.engines)
    engines = _engines(names, args.kokoro)
    for engine in engines:
        engine.require()
    sheet = _sheet(args)
    script = list(deal(engines, sheet, voices=args.voices, seed=args.seed))
    folder = ClipFolder(args.out)
    missing = [utterance for utterance in script if utterance.path not in folder.paths]
    failed = 0
    for utterance, outcome in _spoken(missing, partial(_speak, names, args.kokoro), jobs=args.jobs):
        if isinstance(outcome, Trimmed):
            folder.add(utterance, outcome)
        else:
            failed += 1
            logger.warning("%s, %s: %r not spoken: %s", utterance.engine, utterance.voice, utterance.text, outcome)
    print(f"{args.out}: {len(script) - failed} clips of {len(script)}, {len(missing) - failed} of them new")
    return 0


def _sheet(args: argparse.Namespace) -> Sheet:
    """What every voice reads.

    Raises:
        ConfigError: every keyword that we have no phrases of, and every word that is not spelt with letters.
    """
    phrases = read_phrases()
    keywords = ([] if args.words else list(phrases)) if args.keywords is None else args.keywords
    known = ", ".join(phrases)
    faults = [
        Fault("--keywords", None, keyword, f"is not one of {known}; --words says others")
        for keyword in sorted(set(keywords) - phrases.keys())
    ]
    faults += [
        Fault("--words", None, word, "is not spelt with letters alone")  # it is the name of a folder, too
        for word in args.words
        if not word.isalpha()
    ]
    if faults:
        raise ConfigError(*faults)
    return Sheet(tuple(keywords), args.near_misses, args.sentences, args.made_near_misses, tuple(args.words))


Speak = Callable[[Utterance], Trimmed | str]
"""Makes the clip, or says why there is none."""


def _spoken(missing: list[Utterance], speak: Speak, *, jobs: int) -> Iterator[tuple[Utterance, Trimmed | str]]:
    """Yield what *speak* makes of each utterance, in order, from *jobs* processes."""
    pool = processes(jobs)
    try:
        yield from zip(missing, tqdm(pool.map(speak, missing), total=len(missing), unit="clip"), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # what has begun is finished


@cache  # once a process: Kokoro takes seconds to load
def _engines(names: tuple[str, ...], kokoro: Path | None) -> list[Engine]:
    known: dict[str, Engine] = {engine.name: engine for engine in (ESPEAK, FLITE, FESTIVAL)}
    if kokoro is not None:
        known["kokoro"] = Kokoro(kokoro)
    for name in names:
        if name == "kokoro" and kokoro is None:
            raise ConfigError(Fault("--engines", None, name, "needs --kokoro DIR"))
        if name not in known:
            raise ConfigError(Fault("--engines", None, name, f"is not one of {', '.join([*known, 'kokoro'])}"))
    return [known[name] for name in names]


def _speak(names: tuple[str, ...], kokoro: Path | None, utterance: Utterance) -> Trimmed | str:
    """Run in a worker: a clip that fails is a sentence, not the end of the run."""
    engine = next(engine for engine in _engines(names, kokoro) if engine.name == utterance.engine)
    margin_seconds = 0.1 + 0.1 * crc32(utterance.path.encode()) / 2**32
    try:
        return trim(*engine.speak(utterance), margin_seconds)
    except (ValueError, subprocess.SubprocessError) as error:
        return str(error)
