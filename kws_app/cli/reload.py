"""``kws-app reload``: a changed configuration, without missing a word."""

from __future__ import annotations

import argparse
from typing import Any

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK

EXAMPLES = """\
examples:
  kws-app reload
  kws-app reload -c /etc/kws-app/config.yaml

The daemon reads its own file again; -c says by which socket to reach it.
If anything is wrong, every mistake is named, the old configuration stays, and the exit code is 78.
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "reload",
        help="let the running daemon read its configuration again",
        description="Let the running daemon take over its changed configuration and model.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Reload.

    Raises:
        RefusedError: every mistake in the new configuration.
        NoDaemonError, NoPermissionError: the daemon cannot be asked.
    """
    from kws_app.cli.client import RELOAD_SECONDS, connect

    with connect(args) as client:
        status = client.ask("reload", within=RELOAD_SECONDS)["status"]
    print(f"reloaded {status['config'] or 'the defaults: there is no configuration'}")
    return EX_OK
