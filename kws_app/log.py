"""What people read on standard error: one line a fact, alike in a terminal and in the journal."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from kws_app import stderr
from kws_app.schema import setting

LEVELS = ("debug", "info", "warning", "error")

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""syslog's numbers for our levels; the journal takes them from a line's ``<4>``."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How much is told."""

    level: str = setting("info", one_of=LEVELS, help="what is told on standard error: this and everything graver")


def set_up(settings: LogSettings) -> None:
    """Log to standard error as *settings* say; called again, it changes the level."""
    formatter = (
        _JournalFormatter() if _is_journal() else logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    )
    handler = logging.StreamHandler(stderr.stream())
    handler.setFormatter(formatter)
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)


class Seldom:
    """Lets one of many alike messages through at a time: the first, then at most one a minute.

    Whoever asks gets the number of messages that this one stands for, 0 while it is too early.
    """

    def __init__(self, seconds: float = 60.0, *, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._next, self._held = now(), 0

    def due(self) -> int:
        self._held += 1
        if self._now() < self._next:
            return 0
        count, self._held = self._held, 0
        self._next = self._now() + self._seconds
        return count


class _JournalFormatter(logging.Formatter):
    """No time, which the journal has, and the level as its priority."""

    def format(self, record: logging.LogRecord) -> str:
        priority = PRIORITIES.get(record.levelno, 5)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def _is_journal() -> bool:
    """Whether standard error is the journal's: JOURNAL_STREAM names device and inode, and children inherit it."""
    status = os.fstat(stderr.descriptor())
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
