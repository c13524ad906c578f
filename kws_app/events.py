"""Facts for programs: hooks and ``--json`` output read these and nothing else.

An event is frozen and has one JSON form: its ``kind`` as ``event``, then its fields; fields that are None are
left out. Times are seconds from the stream's start; ``at`` is the wall clock in UTC, which only the daemon knows.
Fields may be added, never renamed or removed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact, at ``time`` seconds from the stream's start."""

    kind: ClassVar[str]

    time: float
    at: datetime | None = None

    def stamped(self, at: datetime) -> Self:
        """The same fact with its wall-clock time (timezone-aware)."""
        return replace(self, at=at)

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON-ready values, ``event`` first."""
        pairs: dict[str, Any] = {"event": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                pairs[field.name] = plain(value)
        return pairs

    def as_json(self) -> str:
        """The event as one line of JSON, without the line's end."""
        return json.dumps(self.as_dict(), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection(Event):
    """The word was spoken. ``end`` is the sample, at 16 kHz, at which the deciding frame ended."""

    kind: ClassVar[str] = "detection"

    keyword: str
    score: float
    end: int
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss(Event):
    """The smoothed score rose well above rest but stayed under the threshold; ``score`` is its peak."""

    kind: ClassVar[str] = "near_miss"

    keyword: str
    score: float
    end: int
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLost(Event):
    """Audio went missing before ``time``; features and state were reset."""

    kind: ClassVar[str] = "audio_lost"

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReset(Event):
    """The model gave a value that is no number; its state was reset."""

    kind: ClassVar[str] = "model_reset"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """The daemon went from one state to another: starting, listening, deaf, muted, stopping."""

    kind: ClassVar[str] = "state"

    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEnded(Event):
    """A hook ended; ``outcome`` is ok, failed, timeout or dropped."""

    kind: ClassVar[str] = "hook"

    hook: str
    outcome: str
    seconds: float
    message: str | None = None


def plain(value: Any) -> Any:
    """The value as JSON has it: times in UTC, numbers to four digits behind the point."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
