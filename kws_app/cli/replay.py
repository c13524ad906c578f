"""``kws-app replay``: recordings through the pipeline, as fast as it goes."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_app.cli import choice
from kws_app.cli.wording import count
from kws_app.errors import EX_OK, RecordingError

if TYPE_CHECKING:
    from kws_app.pipeline import Pipeline


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "replay",
        help="say what would have been heard in recordings",
        description="Run recordings through the daemon's pipeline, as fast as it goes.",
        epilog="examples:\n  kws-app replay examples/computer.flac\n  kws-app replay --json --keyword all *.wav",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="wav, flac, ogg, mp3 or their like")
    choice.add_options(parser, without="the configured ones")
    parser.add_argument("--json", action="store_true", help="one line of JSON an event, and a summary of every file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay every file; those that cannot be read are named on standard error, and the exit code says so."""
    from kws_app.pipeline import Pipeline

    chosen = choice.choose(args)
    line = _json_line if args.json else _text_line
    status = EX_OK
    for file in args.files:
        try:
            for facts in replay(file, Pipeline(chosen.model, chosen.keywords)):
                print(line(file, facts), flush=True)
        except RecordingError as error:
            print(error, file=sys.stderr)
            status = error.exit_code
    return status


def replay(file: Path, pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """Run *file* through a new pipeline: yields the facts of every event as it happens, and a summary last.

    Raises:
        RecordingError: the file cannot be read, at its beginning or later on.
    """
    from kws_app.arrays import RATE
    from kws_app.audio.wavefile import WaveFile

    wall, cpu, detections = time.perf_counter(), time.process_time(), 0
    with WaveFile(file) as source:
        for block in source.blocks():
            for event in pipeline.push(block.samples):
                detections += event.kind == "detection"
                yield event.as_dict()
    seconds = pipeline.position / RATE
    yield {
        "event": "summary",
        "seconds": round(seconds, 4),
        "frames": pipeline.frames,
        "detections": detections,
        "cpu_seconds": round(time.process_time() - cpu, 4),
        "real_time_factor": round((time.perf_counter() - wall) / seconds, 6) if seconds else None,
    }


def _json_line(file: Path, facts: dict[str, Any]) -> str:
    return json.dumps({"event": facts["event"], "file": str(file), **facts})


def _text_line(file: Path, facts: dict[str, Any]) -> str:
    match facts:
        case {"event": "summary", "detections": number, "seconds": seconds, "cpu_seconds": cpu}:
            share = f", {cpu / seconds:.2%} of a core in real time" if seconds else ""
            text = f"{count(number, 'detection')} in {seconds:.1f} s; {cpu:.2f} s of CPU{share}"
        case {"time": seconds, "keyword": keyword, "score": score, "threshold": threshold, "event": kind}:
            text = f"{seconds:8.2f} s  {kind.replace('_', ' '):9}  {keyword}  (score {score:.2f} of {threshold:.2f})"
        case _:
            text = f"{facts['time']:8.2f} s  {facts['event'].replace('_', ' ')}: {facts['reason']}"
    return f"{file}: {text}"
