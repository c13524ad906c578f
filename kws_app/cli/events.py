"""``kws-app events``: what happens, as it happens."""

from __future__ import annotations

import argparse
import json
from typing import Any

from kws_app.cli.options import add_config
from kws_app.cli.wording import moment

EXAMPLES = """\
examples:
  kws-app events
  kws-app events --json | jq --unbuffered .keyword

It goes on until Ctrl-C, or until the daemon ends: then with 69.
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "events",
        help="follow what the running daemon hears",
        description="Print every event of the running daemon as it happens.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON an event")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print events until there are no more.

    Raises:
        NoDaemonError, NoPermissionError: the daemon has ended, or cannot be asked.
    """
    from kws_app.cli.client import connect

    with connect(args) as client:
        for event in client.events():
            print(json.dumps(event) if args.json else text_of(event), flush=True)
    raise AssertionError("events end with an error alone")


def text_of(event: dict[str, Any]) -> str:
    """The event on one line, for people."""
    return f"{moment(event['at']):%H:%M:%S}  {_said(event)}"


def _said(event: dict[str, Any]) -> str:
    match event:
        case {"event": "detection" | "near_miss" as kind, "keyword": keyword, "score": score, "threshold": threshold}:
            almost = "almost " * (kind == "near_miss")
            return f'{almost}heard "{keyword}" (score {score:.2f} of {threshold:.2f})'
        case {"event": "audio_lost", "seconds": seconds, "reason": reason}:
            return f"lost {seconds:.2f} s of audio: {reason}"
        case {"event": "state", "state": state}:
            return ": ".join(filter(None, [state, event.get("reason")]))
        case {"event": "hook", "hook": hook, "outcome": outcome, "seconds": seconds}:
            return ": ".join(filter(None, [f'hook "{hook}" {outcome} after {seconds:.2f} s', event.get("message")]))
        case _:
            facts = (f"{name} {fact}" for name, fact in event.items() if name not in ("event", "at", "time"))
            return f"{event['event'].replace('_', ' ')}: {', '.join(facts)}"
