"""What time does besides going on: the machine sleeps, and people set the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_SECONDS = 1.0


class Clock:
    """The clocks of this machine. Injected, so that a test can jump, and hours of audio can be minutes."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.now, self.sleep, self._boottime, self._wall = monotonic, sleep, boottime, wall
        self._awake, self._offset = boottime() - monotonic(), wall() - boottime()

    def slept(self) -> float:
        """Seconds that the machine was suspended since the last call; 0 for a clock that is just read late."""
        before, self._awake = self._awake, self._boottime() - self.now()
        return self._awake - before if self._awake - before > JUMP_SECONDS else 0.0

    def jumped(self) -> float:
        """Seconds by which somebody set the wall clock since the last call; nothing that listens depends on it."""
        before, self._offset = self._offset, self._wall() - self._boottime()
        return self._offset - before if abs(self._offset - before) > JUMP_SECONDS else 0.0
