"""What the commands' parsers have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


class Parser(argparse.ArgumentParser):
    """Prints descriptions and examples as they are written, and so do the parsers of its commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``. It may stand before the command or after it, so that a command's silence must not count."""
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the configuration"
    )
