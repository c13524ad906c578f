"""``kws-app profile``: what listening costs on this board."""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_app.cli import choice
from kws_app.errors import EX_OK, MicrophoneError

if TYPE_CHECKING:
    from kws_app.audio.settings import AudioSettings
    from kws_app.audio.wavefile import WaveFile
    from kws_app.daemon.supervisor import Supervisor

MICROPHONE = "microphone"
SAMPLE = "examples/computer.flac"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "profile",
        help="measure what listening costs on this board",
        description="Listen as the daemon does and say what every stage and every part costs: processor, memory, "
        "start-up, page faults, context switches, wake-ups, and temperature and throttling where the board tells.",
        epilog="examples:\n  kws-app profile --seconds 60\n  kws-app profile --source examples/computer.flac --json",
    )
    parser.add_argument("--seconds", type=_seconds, default=10.0, metavar="N", help="how long to listen (10)")
    parser.add_argument(
        "--source",
        metavar=f"{MICROPHONE}|FILE",
        help="where audio comes from, a file in real time; without: the microphone or, if there is none, the sample",
    )
    choice.add_options(parser, without="the configured ones")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen, measure, report.

    Raises:
        MicrophoneError, RecordingError: there is nothing to listen to, or was not in the end.
        HungError: PortAudio hangs. It does so on a thread of its own, so that Ctrl-C is heard.
    """
    from kws_app.profiler import profile

    chosen = choice.choose(args)
    with ExitStack() as opened:
        source = _opened(args.source, chosen.config.values.audio, opened)
        facts = {"source": source.description} | profile(source, chosen.model, chosen.keywords, seconds=args.seconds)
        print(json.dumps(facts) if args.json else table(facts), flush=True)  # before what may hang: closing
        _judge(source)
    return EX_OK


def _opened(wanted: str | None, settings: AudioSettings, opened: ExitStack) -> Supervisor | WaveFile:
    """The source, opened for as long as *opened* is."""
    from kws_app.audio.wavefile import WaveFile
    from kws_app.daemon.supervisor import Supervisor
    from kws_app.model.shipped import find_shipped

    if wanted not in (None, MICROPHONE):
        return opened.enter_context(WaveFile(Path(str(wanted)), paced=True))
    try:
        microphone = Supervisor(settings)
        microphone.open()  # outside of the stack: one that hangs cannot be closed either
        return opened.enter_context(microphone)
    except MicrophoneError as error:
        sample = find_shipped(SAMPLE)
        if wanted == MICROPHONE or not sample.is_file():
            raise
        print(f"{error}\nprofiling on {sample} instead", file=sys.stderr)
        return opened.enter_context(WaveFile(sample, paced=True))


def _judge(source: Supervisor | WaveFile) -> None:
    """Have nobody take for the cost of listening what was measured while nothing came."""
    from kws_app.daemon.hearing import DIGITAL_SILENCE
    from kws_app.daemon.supervisor import Supervisor

    if isinstance(source, Supervisor) and source.deaf not in (None, DIGITAL_SILENCE):
        raise MicrophoneError(f"microphone: {source.deaf}; the figures are of what was heard until then")


def table(facts: dict[str, Any]) -> str:
    """The report for people."""
    board, stages = facts["board"], facts["stages"]
    seconds, rss, faults, switches = (
        facts[name] for name in ("start_up_seconds", "rss_bytes", "page_faults", "context_switches")
    )
    lines = [f"{board['name']}, {board['cores']} cores{_health(board)}", f"{facts['source']}", ""]
    lines += ["stage         us/frame    % of a core"]
    lines += [
        f"{name:12} {cost['microseconds_per_frame']:9.1f} {cost['cpu_percent']:14.3f}" for name, cost in stages.items()
    ]
    lines += [
        f"{'whole loop':22} {facts['cpu_percent']:14.3f}   ({facts['frames']} frames in {facts['seconds']:.1f} s)",
        "",
    ]
    lines += ["part             start, ms    memory, MB"]
    lines += [f"{part:16} {1000 * seconds[part]:9.0f} {rss[part] / 1e6:13.1f}" for part in seconds]
    lines += ["", f"wake-ups a second: {facts['wake_ups_per_second']}"]
    lines += [f"context switches: {switches['voluntary']} voluntary, {switches['involuntary']} involuntary"]
    lines += [f"page faults: {faults['minor']} minor, {faults['major']} major"]
    return "\n".join(lines)


def _health(board: dict[str, Any]) -> str:
    parts = []
    if "frequency_mhz" in board:
        parts.append(f"{board['frequency_mhz']:.0f} MHz")
    if "temperature_celsius" in board:
        parts.append(f"{board['temperature_celsius']:.0f} °C")
    if "throttled" in board:
        parts.append(", ".join(board["throttled"]) or "not throttled")
    return "".join(f", {part}" for part in parts)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"must lie between 0.1 and 86400, got {text}")
    return seconds
