"""What a process takes, and whether that grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from kws_app.daemon.status import rss_bytes

UNJUDGED = 1 / 2
"""The first half, in which what is made once is made."""


@dataclass(frozen=True, slots=True)
class Look:
    """What this process takes, at an hour of the room."""

    hour: float
    kilobytes: float
    descriptors: int
    threads: int

    @classmethod
    def at(cls, hour: float) -> Self:
        """A look now."""
        return cls(hour, rss_bytes() / 1000, len(os.listdir("/proc/self/fd")), threading.active_count())


@dataclass(frozen=True, slots=True)
class Growth:
    """What became more over the judged part of a run.

    Attributes:
        kilobytes: the least of the second half against the least of the first, and so for descriptors and threads:
            some come and go.
    """

    kilobytes: float
    kilobytes_per_hour: float
    descriptors: int
    threads: int

    @classmethod
    def over(cls, looks: Sequence[Look]) -> Self:
        """That of a run's looks."""
        judged = looks[round(len(looks) * UNJUDGED) :]
        middle = len(judged) // 2
        kilobytes, descriptors, threads = (
            min(getattr(look, what) for look in judged[middle:]) - min(getattr(look, what) for look in judged[:middle])
            for what in ("kilobytes", "descriptors", "threads")
        )
        return cls(kilobytes, kilobytes / (judged[middle].hour - judged[0].hour), descriptors, threads)
