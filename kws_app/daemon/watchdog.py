"""Keeps systemd's watchdog quiet while, and only while, frames advance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, MutableMapping

LONGEST_INTERVAL_SECONDS = 1.0


class Watchdog:
    """Sends ``WATCHDOG=1`` every second, or twice in the time that systemd allows (WATCHDOG_USEC) if that is less.

    Not a timer: it is sent for frames that were stepped, because a process that runs but does not hear is to be
    restarted. Every second, so that all of systemd's time is left for trying again with a microphone that fails.
    """

    def __init__(
        self,
        notify: Callable[[str], None],
        *,
        environment: MutableMapping[str, str] = os.environ,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        microseconds = environment.pop("WATCHDOG_USEC", None)
        is_ours = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._interval = min(LONGEST_INTERVAL_SECONDS, float(microseconds) / 2e6) if microseconds and is_ours else None
        self._notify, self._now = notify, now
        self._sent, self._frames = now(), 0

    def beat(self, frames: int) -> None:
        """Note that *frames* have been stepped so far; call it at least once a second."""
        now = self._now()
        if self._interval is None or frames == self._frames or now < self._sent + self._interval:
            return
        self._sent, self._frames = now, frames
        self._notify("WATCHDOG=1")
