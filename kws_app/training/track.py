"""Speech as it is laid down in a scene, item after item, with its words and phones."""

from __future__ import annotations

import numpy as np

from kws_app.arrays import Audio
from kws_app.training.phones import PHONES, SILENCE, SLOT, UNKNOWN, Phones


class Track:
    """*length* samples: rms about 1 where somebody talks, zero between."""

    def __init__(self, length: int) -> None:
        self.audio = np.zeros(length, np.float32)
        self.phones = np.full(-(-length // SLOT), UNKNOWN, np.uint8)
        self.words: list[tuple[int, int, int]] = []
        self.cursor = 0

    @property
    def room_left(self) -> int:
        return len(self.audio) - self.cursor

    def lay(self, item: Audio, *, gap: int, phones: Phones | None = None, factor: float = 1.0) -> int:
        """Add *item* after *gap* samples of nothing; returns where it begins.

        Args:
            phones: what is said in it, before it was spoken *factor* times as fast.
        """
        begin = self.cursor + gap
        item = item[: max(0, len(self.audio) - begin)]
        self.audio[begin : begin + len(item)] += item
        if phones is not None:
            self._label(phones, begin, len(item), factor)
        self.cursor = begin + len(item)
        return begin

    def _label(self, phones: Phones, begin: int, length: int, factor: float) -> None:
        """Before a labelled item, from the cursor on, nobody speaks."""
        slots = np.arange(-(-begin // SLOT), (begin + length) // SLOT)
        at = ((slots * SLOT + SLOT // 2 - begin) * factor / SLOT).astype(int)
        inside = at < len(phones)
        self.phones[self.cursor // SLOT : -(-begin // SLOT)] = PHONES.index(SILENCE)
        self.phones[slots[inside]] = phones[at[inside]]
