"""``kws-app unmute``: to be heard again."""

from __future__ import annotations

import argparse
from typing import Any

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "unmute",
        help="let the running daemon listen again",
        description="Let the running daemon listen again, however it was muted.",
        epilog="examples:\n  kws-app unmute",
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Unmute.

    Raises:
        NoDaemonError, NoPermissionError: the daemon cannot be asked.
    """
    from kws_app.cli.client import connect

    with connect(args) as client:
        client.ask("unmute")
    print("unmuted")
    return EX_OK
