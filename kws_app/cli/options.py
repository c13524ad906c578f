"""What the commands' parsers have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Parser(argparse.ArgumentParser):
    """Prints descriptions and examples as they are written, and so do the parsers of its commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse what a command does not take beside that command's usage, and name the option nearest to it.

        A command's parser is asked for what it knows, and what is left would be refused beside the program's usage.
        """
        found, left = super().parse_known_args(args, namespace)
        if left:
            hint = ""
            if left[0].startswith("-"):
                from kws_app.schema import did_you_mean  # with yaml, which --version needs not

                options = (option for option in self._option_string_actions if option.startswith("--"))
                hint = did_you_mean(left[0].partition("=")[0], options)
            self.error(f"unrecognized arguments: {' '.join(left)}{hint}")
        return found, left

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a command that there is not and name the nearest, as Python does from 3.14 on."""
        if isinstance(action.choices, dict) and value not in action.choices:
            from kws_app.schema import did_you_mean  # with yaml, which --version needs not

            raise argparse.ArgumentError(action, f"there is no {value!r}{did_you_mean(value, action.choices)}")
        super()._check_value(action, value)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``. It may stand before the command or after it, so that a command's silence must not count."""
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the configuration"
    )
