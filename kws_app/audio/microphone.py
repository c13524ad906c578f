"""The microphone as a source: one opening of one device, found by name, index or default, and converted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from kws_app.arrays import Samples
from kws_app.audio.capture import Capture, Delivery
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import NOTHING, Block
from kws_app.errors import MicrophoneError

if TYPE_CHECKING:
    from kws_app.audio.portaudio import Stream

logger = logging.getLogger(__name__)

LOOK_UP_SECONDS = 0.25
"""A reader that got no audio for so long is given an empty block, to see what else there is to do."""

LONGEST_SLEEP_SECONDS = 0.1
"""However long the blocks are: whoever asks for something is answered soon."""


class Microphone:
    """A live source, open from ``__enter__`` to ``close``. It says what it gets; others judge.

    Args:
        settings: which device.
        name: that of a device that was open before and is to be found again; it counts before ``settings.device``.

    Attributes:
        description: name, rate, channels and sample format, for people.
        name: the device's own.
        rate: in frames a second.
    """

    _stream: Stream
    _capture: Capture

    def __init__(
        self,
        settings: AudioSettings,
        name: str | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.description = self.name = name or "microphone"
        self.rate: int | None = None
        self._settings, self._wanted, self._now, self._sleep = settings, name, now, sleep
        self._is_open = False
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        from kws_app.audio.portaudio import PortAudio  # loads PyAudio, which nothing but an open microphone needs

        with ExitStack() as opened:
            portaudio = PortAudio()
            opened.callback(portaudio.close)
            wanted = self._settings.device
            device = portaudio.find(wanted) if self._wanted is None else portaudio.find_again(self._wanted)
            stream = portaudio.open(device, block_ms=self._settings.block_ms)
            opened.callback(stream.close)
            self._capture = Capture(stream.rate, stream.channels, stream.sample_format)
            stream.start(self._capture.write)
            self._opened = opened.pop_all()
        self._stream = stream
        self.description, self.name, self.rate = stream.description, device.name, stream.rate
        self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the device back; ``blocks`` ends. Twice does no harm. It can hang, as PortAudio can."""
        self._is_open = False
        self._opened.close()

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest audio that waits to be read."""
        return self._capture.lag_seconds

    @property
    def delivery(self) -> Delivery:
        """What the device has delivered since it was opened."""
        return self._capture.delivery

    def history(self, start: int, stop: int) -> Samples:
        """Return samples *start* to *stop*, counted at 16 kHz from the first block on: exactly what ``blocks`` gave.

        Raises:
            LookupError: they are older than ten seconds, or not read yet.
        """
        return self._capture.history(start, stop)

    def blocks(self) -> Iterator[Block]:
        """Yield audio as it comes, and an empty block after a quarter of a second without any.

        Raises:
            MicrophoneError: the device is gone, or our own part of its thread failed.
        """
        looked_up = self._now()
        while self._is_open:
            self._check_thread()
            block, now = self._capture.read(), self._now()
            if len(block.samples) or block.lost:
                looked_up = now
                yield block
            elif now - looked_up >= LOOK_UP_SECONDS:
                looked_up = now
                self._check_server()
                yield NOTHING
            self._sleep(min(self._settings.block_ms / 1000, LONGEST_SLEEP_SECONDS))

    def _check_thread(self) -> None:
        if fault := self._stream.fault:
            logger.error("The audio thread failed; the device is opened anew", exc_info=fault)
            raise MicrophoneError(f"microphone: {self.description}: the audio thread failed: {fault!r}") from fault

    def _check_server(self) -> None:
        if not self._stream.is_active:
            raise MicrophoneError(f"microphone: {self.description}: it, or the audio server that serves it, is gone")
