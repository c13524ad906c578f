"""What the daemon says of itself: ``kws-app status``. Programs read its JSON; fields may be added, never renamed."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from kws_app.events import AudioLost, Detection, Event, NearMiss, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at a running daemon. Seconds where no unit is said.

    Attributes:
        state: starting, listening, deaf, muted or stopping; ``reason`` says why.
        since: when that began.
        device: the microphone, or the recording; ``rate`` is its own, in frames a second.
        frames: steps of the model so far.
        seconds_since_last_frame: None before the first one.
        lag_seconds: age of the oldest audio that waits to be heard.
        gaps: how often audio was lost; ``overflows``: how often the device said so.
        cpu_percent: of one core, over the process's life.
        mute: no_events or released; ``muted_until`` is None for a mute without an end.
    """

    state: str
    reason: str | None
    since: datetime
    device: str
    rate: int | None
    frames: int
    seconds_since_last_frame: float | None
    lag_seconds: float
    level_dbfs: float
    noise_floor_dbfs: float
    gaps: int
    overflows: int
    keywords: Mapping[str, Mapping[str, int]]
    hooks: Mapping[str, int]
    mute: str | None
    muted_until: datetime | None
    model: str
    config: str | None
    version: str
    uptime: float
    cpu_percent: float = field(default_factory=lambda: cpu_percent())
    rss_bytes: int = field(default_factory=lambda: rss_bytes())
    pid: int = field(default_factory=os.getpid)

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON-ready values."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}


class Tally:
    """Counts what happened since the daemon started; a reload does not begin anew."""

    def __init__(self) -> None:
        self.gaps = 0
        self._detections: Counter[str] = Counter()
        self._near_misses: Counter[str] = Counter()

    def note(self, event: Event) -> None:
        """Count an event that was published."""
        match event:
            case Detection():
                self._detections[event.keyword] += 1
            case NearMiss():
                self._near_misses[event.keyword] += 1
            case AudioLost():
                self.gaps += 1

    def of(self, keyword: str) -> dict[str, int]:
        """How often *keyword* was heard, and almost heard."""
        return {"detections": self._detections[keyword], "near_misses": self._near_misses[keyword]}


def cpu_percent() -> float:
    """This process's share of one core since it was started."""
    ticks_at_start = float(_fields_of("/proc/self/stat", after=")")[19])
    lived = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks_at_start / os.sysconf("SC_CLK_TCK")
    return 100 * time.process_time() / max(lived, 0.01)


def rss_bytes() -> int:
    """This process's resident memory."""
    return int(_fields_of("/proc/self/statm")[1]) * os.sysconf("SC_PAGE_SIZE")


def _fields_of(file: str, after: str = "") -> list[str]:
    """The fields of a file of one line, those behind the last *after* alone: a program's name may have spaces."""
    text = Path(file).read_text(encoding="utf-8", errors="replace")
    return (text.rpartition(after)[2] if after else text).split()
