"""How long and how often to try again with a microphone that does not hear."""

from __future__ import annotations

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 3.0
"""Short enough for a device that is back to be heard within five seconds, opening included."""

LONGEST_SILENT_PAUSE_SECONDS = 600.0
"""While zeros come, perhaps for months: the device is there and is heard as soon as it says something, opening it
again rarely helps, and ALSA's plug-in for PulseAudio keeps 1.5 kB each time."""

STEADY_SECONDS = 10.0
"""Hearing for so long ends a trouble: one that comes again sooner is the same, and is not hurried anew."""

LONGEST_STEP_SECONDS = 1.0
"""More time between two looks (the process was stopped) does not count as trying."""

NEVER = float("-inf")


class Patience:
    """Back-off and giving up, by the time that the supervisor tells."""

    def __init__(self, give_up_after_seconds: float) -> None:
        self._limit = give_up_after_seconds
        self._noted: float | None = None
        self._well = 0.0
        self._is_silent = False
        self._tried = NEVER
        self._pause = FIRST_PAUSE_SECONDS
        self.deaf_seconds = 0.0
        """How long nothing has helped, digital silence left out: a microphone may be muted by its switch for hours."""

    def note(self, now: float, *, is_deaf: bool, is_silent: bool) -> None:
        """Say how it is; several times a second. *is_silent*: deaf for digital silence alone."""
        passed = min(now - self._noted, LONGEST_STEP_SECONDS) if self._noted is not None else 0.0
        self._noted, self._is_silent = now, is_silent
        if is_deaf:
            self._well = 0.0
            self.deaf_seconds += 0.0 if is_silent else passed
            return
        self._well += passed
        if self._well >= STEADY_SECONDS:
            self.deaf_seconds, self._tried, self._pause = 0.0, NEVER, FIRST_PAUSE_SECONDS

    def is_due(self, now: float) -> bool:
        """Whether the next try may begin: the first at once, each later one after twice the pause.

        What comes after digital silence is not kept waiting by its long pauses.
        """
        return now >= self._tried + min(self._pause, self._longest_pause)

    def tried(self, now: float) -> None:
        """A try has ended."""
        if self._tried > NEVER:
            self._pause = min(2 * self._pause, self._longest_pause)
        self._tried = now

    @property
    def _longest_pause(self) -> float:
        return LONGEST_SILENT_PAUSE_SECONDS if self._is_silent else LONGEST_PAUSE_SECONDS

    @property
    def is_exhausted(self) -> bool:
        return self.deaf_seconds >= self._limit
