"""``kws-app run``: the daemon."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK

EXAMPLES = """\
examples:
  kws-app run
  kws-app run -c /etc/kws-app/config.yaml
  kws-app run --source examples/computer.flac

signals:
  SIGTERM, SIGINT   stop within two seconds; the second one at once
  SIGHUP            read the configuration again; one with mistakes is refused
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "run",
        help="listen until told to stop",
        description="Listen to the microphone and run the configured hooks when a word is heard.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument(
        "--source", type=Path, metavar="FILE", help="play this recording in real time in place of the microphone"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen; return when it was asked to stop, or the recording is over."""
    from kws_app.daemon.service import Service

    Service(args.config, recording=args.source).run()
    return EX_OK
