"""``kws-app status``: what the running daemon says of itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kws_app.cli.options import add_config
from kws_app.cli.wording import clock, count, lasting, moment
from kws_app.errors import EX_OK, EX_UNAVAILABLE

AS_WANTED = ("listening", "muted")

EXAMPLES = """\
examples:
  kws-app status
  kws-app status --json
  kws-app status >/dev/null || systemctl restart kws-app

exit code:
  0    it listens, or is muted because somebody wanted it so
  69   it is starting, deaf or stopping, or no daemon runs
  77   this user may not ask it
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "status",
        help="say how the running daemon is",
        description="Say whether the running daemon hears, what it heard so far, and what it costs.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the status.

    Raises:
        NoDaemonError, NoPermissionError: it cannot be asked.
    """
    from kws_app.cli.client import connect

    with connect(args) as client:
        status = client.ask("status")["status"]
    print(json.dumps(status) if args.json else table(status, now=datetime.now(UTC)))
    return EX_OK if status["state"] in AS_WANTED else EX_UNAVAILABLE


def table(status: dict[str, Any], *, now: datetime) -> str:
    """The status for people."""
    return "\n".join(f"{label:11}{fact}" for label, fact in _rows(status, now))


def _rows(status: dict[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    yield "state", _state(status, now)
    yield "device", status["device"]
    yield "level", f"{status['level_dbfs']:.0f} dBFS, noise floor {status['noise_floor_dbfs']:.0f} dBFS"
    heard, gaps, overflows = status["seconds_since_last_frame"], status["gaps"], status["overflows"]
    last = "nothing heard yet" if heard is None else f"last heard {heard:.1f} s ago"
    yield (
        "audio",
        f"{last}, {status['lag_seconds']:.2f} s waiting, {count(gaps, 'gap')}, {count(overflows, 'overflow')}",
    )
    label = "keywords"
    for keyword, heard in status["keywords"].items():
        detections, near = count(heard["detections"], "detection"), count(heard["near_misses"], "near miss", "es")
        yield label, f"{keyword}: {detections}, {near}"
        label = ""
    yield "hooks", ", ".join(f"{number} {outcome}" for outcome, number in status["hooks"].items())
    yield "model", status["model"]
    yield "config", status["config"] or "none found; the defaults"
    megabytes, up = status["rss_bytes"] / 1e6, lasting(status["uptime"])
    cost = f"{status['cpu_percent']:.1f} % of a core, {megabytes:.0f} MB"
    yield "process", f"kws-app {status['version']}, pid {status['pid']}, up {up}, {cost}"


def _state(status: dict[str, Any], now: datetime) -> str:
    since = moment(status["since"])
    parts = [f"{status['state']} for {lasting((now - since).total_seconds())}, since {clock(since)}"]
    if status["reason"]:
        parts.append(status["reason"])
    if status["muted_until"]:
        parts.append(f"{lasting((moment(status['muted_until']) - now).total_seconds())} left")
    return "; ".join(parts)
