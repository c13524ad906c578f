"""Options that several commands of ``kws-train`` share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from kws_app.training.spread import Spread


def add_jobs(parser: argparse.ArgumentParser, *, what: str = "processes") -> None:
    """How many processes work at once."""
    parser.add_argument("--jobs", type=int, choices=range(1, 65), default=1, metavar="N", help=f"{what} (default 1)")


def add_spread(parser: argparse.ArgumentParser) -> None:
    """Where the work runs."""
    add_jobs(parser)
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler of a cluster that sees the same files, as tcp://HOST:8786 (needs the extra cluster)",
    )


def spread_of(args: argparse.Namespace) -> Spread:
    """What these options say."""
    return Spread(args.jobs, args.scheduler)


def numbers(least: float = 0.0, below: float = math.inf) -> Callable[[str], float]:
    """A type for argparse: a number from *least* to less than *below*."""

    def number(text: str) -> float:  # argparse says its name of what is no number
        value = float(text)
        if not least <= value < below:
            raise argparse.ArgumentTypeError(f"must be {limits}, got {text}")
        return value

    limits = f"at least {least:g}, and finite" if below == math.inf else f"from {least:g} to less than {below:g}"
    return number
