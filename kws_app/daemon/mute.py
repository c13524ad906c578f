"""Being muted, kept in a file: who wanted silence still has it when the daemon or the board starts again."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kws_app.errors import OutputError
from kws_app.wholefile import whole

logger = logging.getLogger(__name__)

FILE = "mute.json"

MOST_BYTES = 256
"""Four times what is ever written: a file that something else filled is not read to its end."""


@dataclass(frozen=True, slots=True)
class Mute:
    """A wish for silence.

    Attributes:
        until: when it ends, timezone-aware; None: when somebody says so.
        release: the microphone is closed, and not only unheard.
    """

    until: datetime | None = None
    release: bool = False

    @property
    def words(self) -> str:
        """What it is and until when, for people."""
        kind = "the microphone is released" if self.release else "no events"
        return kind if self.until is None else f"{kind} until {self.until.astimezone():%Y-%m-%d %H:%M:%S}"

    def is_over(self, now: datetime) -> bool:
        """Whether its time has come."""
        return self.until is not None and self.until <= now

    def moved(self, seconds: float) -> Mute:
        """The same silence, after the clock that tells its end was set by so many seconds."""
        return self if self.until is None else replace(self, until=self.until + timedelta(seconds=seconds))


class MuteStore:
    """Keeps a mute in *folder*, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self, now: datetime) -> Mute | None:
        """The mute that holds *now*. A file that cannot be read is none: it is said, and the daemon listens."""
        try:
            with self._path.open("rb") as file:
                kept = json.loads(file.read(MOST_BYTES))
            until = None if kept["until"] is None else _moment(kept["until"])
            mute = Mute(until=until, release=kept["release"] is True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, OverflowError) as error:
            logger.warning("%s: cannot be read, so nothing is muted: %s", self._path, error)
            return None
        return None if mute.is_over(now) else mute

    def write(self, mute: Mute | None) -> None:
        """Keep *mute*, or forget the one that was kept.

        Raises:
            OutputError: the file cannot be written, or removed; a restart would bring back what was before.
        """
        try:
            if mute is None:
                self._path.unlink(missing_ok=True)
            else:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._put(mute)
        except OSError as error:
            reason = error if isinstance(error, OutputError) else f"{self._path}: {error.strerror}"
            raise OutputError(f"done, but a restart will forget it: {reason}") from error

    def _put(self, mute: Mute) -> None:
        until = None if mute.until is None else mute.until.astimezone(UTC).isoformat()
        with whole(self._path) as file:
            file.write(json.dumps({"until": until, "release": mute.release}).encode())
            file.flush()
            os.fsync(file.fileno())  # boards are switched off by pulling the plug


def _moment(text: str) -> datetime:
    """In our own time zone by way of UTC, for it is told in both: 9999-12-31, written for ever, may lie in neither."""
    return datetime.fromisoformat(text).astimezone(UTC).astimezone()
