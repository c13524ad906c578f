"""``kws-app meter``: how loud it is where the daemon listens, and how near every word is."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from typing import Any

from kws_app.cli.options import add_config

EXAMPLES = """\
examples:
  kws-app meter
  kws-app meter --json | head -1

  -38 dBFS [########:##########|                 ]  floor -64, peak -34  computer 0.02

The bar is the level, from -80 dBFS to full scale; ':' is the noise floor and '|' the peak.
A voice should peak between -30 and -6. Behind it stands how sure the model is of each word.
Ctrl-C ends it.
"""

LOWEST_DBFS = -80
WIDTH = 40

PAUSE_SECONDS = 0.05
"""The daemon answers between two blocks, of 80 ms by default: that sets the pace, and a short one is not raced."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "meter",
        help="show how loud it is for the running daemon",
        description="Show level, noise floor and scores of the running daemon, about ten times a second.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON each time")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the level again and again.

    Raises:
        NoDaemonError, NoPermissionError: the daemon has ended, or cannot be asked.
    """
    from kws_app.cli.client import connect

    with connect(args) as client:
        clipped = None
        while True:
            level = client.ask("meter")["level"]
            is_clipping = level["clipped"] > (level["clipped"] if clipped is None else clipped)
            clipped = level["clipped"]
            _show(json.dumps(level) if args.json else bar(level, is_clipping=is_clipping), is_live=not args.json)
            time.sleep(PAUSE_SECONDS)


def bar(level: dict[str, Any], *, is_clipping: bool) -> str:
    """The level on one line, for people."""
    cells = ["#" if place < _column(level["level_dbfs"]) else " " for place in range(WIDTH)]
    for value, sign in ((level["noise_floor_dbfs"], ":"), (level["peak_dbfs"], "|")):
        cells[min(_column(value), WIDTH - 1)] = sign
    scores = "".join(f"  {keyword} {score:.2f}" for keyword, score in level["scores"].items())
    floor, peak = level["noise_floor_dbfs"], level["peak_dbfs"]
    clipping = "  CLIPPED" * is_clipping
    return f"{level['level_dbfs']:4.0f} dBFS [{''.join(cells)}]  floor {floor:.0f}, peak {peak:.0f}{scores}{clipping}"


def _column(dbfs: float) -> int:
    """How far from the left a level lies."""
    return round(WIDTH * min(1.0, max(0.0, 1 - dbfs / LOWEST_DBFS)))


def _show(line: str, *, is_live: bool) -> None:
    """Print a line; a live one takes the place of the one before, where there is a terminal."""
    if is_live and sys.stdout.isatty():
        print(f"\r{line[: shutil.get_terminal_size().columns - 1]}\033[K", end="", flush=True)
    else:
        print(line, flush=True)
