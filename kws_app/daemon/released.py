"""Stands for the microphone while nobody is to listen: a source of nothing, with which the daemon goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from kws_app.arrays import Samples
from kws_app.audio.source import NOTHING, Block
from kws_app.daemon.clock import Clock
from kws_app.daemon.errand import LOOK_SECONDS


class Released:
    """No microphone."""

    description, rate, lag_seconds, overflows, deaf = "no microphone: it is released", None, 0.0, 0, None

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed = True

    def history(self, start: int, stop: int) -> Samples:
        """Nothing was heard: LookupError."""
        raise LookupError(f"no microphone, no samples {start} to {stop}")

    def blocks(self) -> Iterator[Block]:
        """Yield an empty block ten times a second."""
        while not self._is_closed:
            self._clock.sleep(LOOK_SECONDS)
            yield NOTHING
