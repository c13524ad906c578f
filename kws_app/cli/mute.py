"""``kws-app mute``: not to be heard for a while."""

from __future__ import annotations

import argparse
from typing import Any

from kws_app.cli.options import add_config
from kws_app.cli.wording import clock, moment, seconds_of
from kws_app.errors import EX_OK

EXAMPLES = """\
examples:
  kws-app mute                      nothing is detected until: kws-app unmute
  kws-app mute --for 30m
  kws-app mute --for 1h30m --release

A mute survives a restart. Muted again, the newer wish counts.
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "mute",
        help="let the running daemon detect nothing for a while",
        description="Let the running daemon detect nothing; or close the microphone, so that nothing reaches it.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument(
        "--for",
        dest="seconds",
        type=seconds_of,
        metavar="TIME",
        help="how long, such as 90s, 30m, 1h30m or 2d; without: until unmuted",
    )
    parser.add_argument(
        "--release", action="store_true", help="really close the microphone: other programs can have it"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mute, and say until when.

    Raises:
        NoDaemonError, NoPermissionError: the daemon cannot be asked.
    """
    from kws_app.cli.client import connect

    with connect(args) as client:
        status = client.ask("mute", seconds=args.seconds, release=args.release)["status"]
    until = f"until {clock(moment(status['muted_until']))}" if status["muted_until"] else "until: kws-app unmute"
    how = "the microphone is closed" if args.release else "the microphone stays open, nothing is detected"
    print(f"muted {until}; {how}")
    return EX_OK
