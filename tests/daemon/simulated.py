"""A microphone that follows a script: audio, gaps, silence, and things that happen between two blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import Delivery
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import Block
from kws_app.errors import MicrophoneError

Happening = Block | Callable[[], object]

SILENCE = Block(np.empty(0, np.int16))


class SimulatedMicrophone:
    """Delivers the blocks of a script and calls what stands between them; the script goes on when it is reopened.

    Args:
        script: blocks, and what happens between them.
        absent: devices that are not there.
        called: the name of whatever is opened; otherwise what it was asked for by.
        hangs: closing it does not return until ``let_go``.

    Attributes:
        opened: every device that was opened.
        asked: the name that each was to be found again by.
    """

    rate, lag_seconds, delivery = RATE, 0.0, Delivery()

    def __init__(
        self,
        script: Iterable[Happening],
        *,
        absent: Sequence[str] = ("absent",),
        called: str | None = None,
        hangs: bool = False,
    ) -> None:
        self._script = iter(script)
        self._absent, self._called = absent, called
        self._let_go = threading.Event()
        if not hangs:
            self.let_go()
        self.opened: list[str] = []
        self.asked: list[str | None] = []
        self.is_open = False
        self.description = self.name = ""

    def __call__(self, settings: AudioSettings, name: str | None = None) -> Self:
        self.asked.append(name)
        self.description = self.name = self._called or name or str(settings.device or "default")
        return self

    def hang(self) -> None:
        """Do not let it be closed, until ``let_go``."""
        self._let_go.clear()

    def let_go(self) -> None:
        """Let it be closed."""
        self._let_go.set()

    def __enter__(self) -> Self:
        if self.description in self._absent:
            raise MicrophoneError(f'microphone: no input device named "{self.description}"')
        assert not self.is_open, "a card cannot be open twice"
        self.is_open, self._delivered = True, [SILENCE.samples]
        self.opened.append(self.description)
        return self

    def close(self) -> None:
        self._let_go.wait()
        self.is_open = False

    def history(self, start: int, stop: int) -> Samples:
        return np.concatenate(self._delivered)[start:stop]

    def blocks(self) -> Iterator[Block]:
        for happening in self._script:
            if isinstance(happening, Block):
                self._delivered += [np.zeros(happening.lost, np.int16), happening.samples]
                yield happening
            else:
                happening()
                yield SILENCE


def blocks_of(samples: Samples, size: int = 640) -> list[Happening]:
    """The samples as a microphone delivers them."""
    return [Block(samples[start : start + size]) for start in range(0, len(samples), size)]
