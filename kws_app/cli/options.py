"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``. It may stand before the command or after it, so that a command's silence must not count."""
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the configuration"
    )
