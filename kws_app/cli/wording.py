"""Times, durations and counts as people write and read them."""

from __future__ import annotations

import argparse
import re
from datetime import datetime

UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}

WRITTEN = re.compile("".join(rf"(?:(\d+){unit})?" for unit in UNITS))

LONGEST = 366 * 86_400


def seconds_of(text: str) -> int:
    """How long ``30m`` or ``1h30m`` is, for argparse."""
    written = WRITTEN.fullmatch(text)
    if written is None or not text:
        hint = f"; did you mean {text}m?" if text.isdecimal() else ""
        raise argparse.ArgumentTypeError(f"must be a time such as 90s, 30m, 1h30m or 2d, got {text}{hint}")
    seconds = sum(int(number or 0) * unit for number, unit in zip(written.groups(), UNITS.values(), strict=True))
    if not 1 <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"must lie between 1s and 366d, got {text}")
    return seconds


def lasting(seconds: float) -> str:
    """A duration in its two largest units: ``3 d 4 h``, ``2 h 13 min``, ``12 min``, ``45 s``."""
    whole = max(0, int(seconds))  # two clocks may differ
    minutes, hours, days = (whole // UNITS[unit] for unit in "mhd")
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{whole} s"


def count(number: int, what: str, plural: str = "s") -> str:
    """So many of something: ``1 gap``, ``2 gaps``, ``2 near misses`` for "near miss" and "es"."""
    return f"{number} {what}{plural * (number != 1)}"


def moment(text: str) -> datetime:
    """An event's or a status's time, in the time zone of whoever reads it."""
    return datetime.fromisoformat(text).astimezone()


def clock(when: datetime) -> str:
    """The time of day; of another day, its date as well."""
    is_today = when.date() == datetime.now().astimezone().date()
    return f"{when:%H:%M:%S}" if is_today else f"{when:%Y-%m-%d %H:%M:%S}"
