"""The card: what a microphone makes of a room, in the room's own time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np

from benchmarks.soak.room import Room
from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import DEVICE_LOST, HISTORY_SECONDS, Delivery
from kws_app.audio.microphone import LOOK_UP_SECONDS
from kws_app.audio.ring import Ring
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import NOTHING, Block
from kws_app.errors import MicrophoneError

NAME = "simulated card"


class SimulatedCard:
    """Stands where ``Microphone`` does."""

    description, name, rate, lag_seconds = NAME, NAME, RATE, 0.0

    def __init__(self, room: Room, settings: AudioSettings) -> None:
        self._room, self._block = room, settings.block_ms * RATE // 1000
        self._is_open = False
        self.delivery = Delivery()

    def __enter__(self) -> Self:
        if self._room.scene.card == "gone":
            raise MicrophoneError(f"microphone: {NAME}: there is no such device")
        self._heard = Ring(HISTORY_SECONDS * RATE, channels=1, dtype=np.int16)
        self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._is_open = False

    def blocks(self) -> Iterator[Block]:
        lost = 0
        while self._is_open:
            match self._room.scene.card:
                case "gone":
                    raise MicrophoneError(f"microphone: {NAME}: it is gone")
                case "frozen":
                    self._room.sleep(LOOK_UP_SECONDS)
                    yield NOTHING
                case "lossy":
                    lost += len(self._room.hear(self._block))
                case _:
                    yield self._delivered(self._room.hear(self._block), lost)
                    lost = 0

    def history(self, start: int, stop: int) -> Samples:
        return self._heard.history(start, stop)[:, 0]

    def _delivered(self, samples: Samples, lost: int) -> Block:
        self._heard.write(samples[:, np.newaxis], lost=lost)
        before = self.delivery
        overflows = before.overflows + (lost > 0)
        self.delivery = Delivery(before.frames + len(samples), self._room.now(), overflows)
        return Block(samples, lost=lost, reason=DEVICE_LOST if lost else None)
