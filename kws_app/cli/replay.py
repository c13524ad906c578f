"""``kws-app replay``: recordings through the pipeline, as fast as it goes."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_app.cli import choice
from kws_app.errors import EX_OK, RecordingError

if TYPE_CHECKING:
    from kws_app.events import Event
    from kws_app.pipeline import Pipeline


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "replay",
        help="say what would have been heard in recordings",
        description="Run recordings through the daemon's pipeline, as fast as it goes.",
        epilog="examples:\n  kws-app replay examples/computer.flac\n  kws-app replay --json --keyword all *.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="wav, flac, ogg, mp3 or their like")
    choice.add_options(parser, without="the configured ones")
    parser.add_argument("--json", action="store_true", help="one line of JSON an event, and a summary of every file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay every file; those that cannot be read are named on standard error, and the exit code says so."""
    from kws_app.pipeline import Pipeline

    chosen = choice.choose(args)
    status = EX_OK
    for file in args.files:
        report = _JsonReport(file) if args.json else _Report(file)
        try:
            replay(file, Pipeline(chosen.model, chosen.keywords), report)
        except RecordingError as error:
            print(error, file=sys.stderr)
            status = error.exit_code
    return status


def replay(file: Path, pipeline: Pipeline, report: _Report) -> None:
    """Run *file* through a new pipeline and report as it goes.

    Raises:
        RecordingError: the file cannot be read, at its beginning or later on.
    """
    from kws_app.arrays import RATE
    from kws_app.audio.wavefile import WaveFile

    wall, cpu, detections = time.perf_counter(), time.process_time(), 0
    with WaveFile(file) as source:
        report.begin()
        for block in source.blocks():
            for event in pipeline.push(block.samples):
                detections += event.kind == "detection"
                report.event(event)
    seconds = pipeline.position / RATE
    report.end(
        seconds=round(seconds, 4),
        frames=pipeline.frames,
        detections=detections,
        cpu_seconds=round(time.process_time() - cpu, 4),
        real_time_factor=round((time.perf_counter() - wall) / seconds, 6) if seconds else None,
    )


class _Report:
    """What people read."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def begin(self) -> None:
        print(self.file)

    def event(self, event: Event) -> None:
        facts = event.as_dict()
        score = f"score {facts['score']:.2f} of {facts['threshold']:.2f}" if "score" in facts else facts["reason"]
        what = facts.get("keyword", "")
        print(f"  {event.time:10.2f} s  {event.kind.replace('_', ' '):10}  {what:16}  {score}")

    def end(self, *, seconds: float, frames: int, detections: int, cpu_seconds: float, **_: float | None) -> None:
        share = f" ({cpu_seconds / seconds:.2%} of a core in real time)" if seconds else ""
        words = "detection" if detections == 1 else "detections"
        print(f"  {detections} {words} in {seconds:.1f} s, {frames} frames; {cpu_seconds:.2f} s of CPU{share}")


class _JsonReport(_Report):
    """What programs read."""

    def begin(self) -> None:
        pass

    def event(self, event: Event) -> None:
        self._line(event.as_dict())

    def end(self, **facts: float | None) -> None:
        self._line({"event": "summary", **facts})

    def _line(self, facts: dict[str, Any]) -> None:
        print(json.dumps({"event": facts["event"], "file": str(self.file), **facts}, ensure_ascii=False), flush=True)
