"""The mute that holds now: from the wish to its end, over restarts, and whatever the clock is set to meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kws_app.daemon.clock import Clock
from kws_app.daemon.mute import Mute, MuteStore
from kws_app.errors import OutputError

logger = logging.getLogger(__name__)


class Silence:
    """Whether somebody asked for it, how, and until when.

    Args:
        folder: where it is kept.
        clock: tells when it is set.

    Attributes:
        mute: the wish that counts, None if there is none.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self.mute = MuteStore(folder).read(datetime.now(UTC))

    @property
    def is_released(self) -> bool:
        """Whether the microphone is to be closed."""
        return self.mute is not None and self.mute.release

    def take(self, mute: Mute | None) -> None:
        """Let another wish count, or none, from now on."""
        self._clock.jumped()  # what was before is no matter of this one
        self.mute = mute

    def keep(self) -> None:
        """Have it count after a restart, too.

        Raises:
            OutputError: it will not.
        """
        MuteStore(self._folder).write(self.mute)

    def keep_in(self, folder: Path) -> None:
        """Keep it in another folder from here on."""
        before, self._folder = self._folder, folder
        if folder != before:
            with _said():
                self.keep()
                MuteStore(before).write(None)

    def is_over(self) -> bool:
        """Whether its time has come, and then it is kept no more; to be asked again and again.

        It lasts as long as was asked for: a board without a battery wakes in the past, and a mute of half an hour must
        not end because the network then tells the time.
        """
        jumped = self._clock.jumped()
        if jumped and self.mute is not None and self.mute.until is not None:
            self.mute = self.mute.moved(jumped)
            with _said():
                self.keep()
        if self.mute is None or not self.mute.is_over(datetime.now(UTC)):
            return False
        with _said():  # or, on a clock that is set back, a restart would begin it anew
            MuteStore(self._folder).write(None)
        return True


@contextmanager
def _said() -> Iterator[None]:
    """Nobody asked for what is done here, so that nobody but the log can be told that it failed."""
    try:
        yield
    except OutputError as error:
        logger.warning("%s", error)
