"""The microphone as a source: opened by name, index or default, converted, and watched for silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from kws_app.arrays import Samples
from kws_app.audio.capture import Capture
from kws_app.audio.source import Block
from kws_app.errors import MicrophoneError
from kws_app.schema import setting

if TYPE_CHECKING:
    from kws_app.audio.portaudio import Stream

LOOK_UP_SECONDS = 0.25
"""A reader that got no audio for so long is given an empty block, to see whether it should stop."""


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Which microphone, and how patient to be with it."""

    device: str | int | None = setting(
        None, help="a part of the device's name, or its index (see: kws-app devices); empty: the system's default"
    )
    block_ms: int = setting(
        80, between=(5, 500), help="audio taken at once; less answers sooner, more costs less of the processor"
    )
    silence_timeout_seconds: float = setting(
        30, between=(1, 86_400), help="end with status 69 when the device delivered nothing for so long"
    )


class Microphone:
    """A live source, open from ``__enter__`` to ``close``.

    Attributes:
        description: name, rate, channels and sample format, for people.
    """

    _stream: Stream
    _capture: Capture

    def __init__(
        self,
        settings: AudioSettings,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.description = "microphone"
        self._settings, self._now, self._sleep = settings, now, sleep
        self._is_open = False
        self._given_back = ExitStack()

    def __enter__(self) -> Self:
        from kws_app.audio.portaudio import PortAudio  # loads PyAudio, which nothing but an open microphone needs

        with ExitStack() as opened:
            portaudio = PortAudio()
            opened.callback(portaudio.close)
            self._stream = portaudio.open(portaudio.find(self._settings.device), block_ms=self._settings.block_ms)
            opened.callback(self._stream.close)
            self._capture = Capture(self._stream.rate, self._stream.channels, self._stream.sample_format)
            self._stream.start(self._capture.write)
            self._given_back = opened.pop_all()
        self.description = self._stream.description
        self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the device back; ``blocks`` ends. Twice does no harm."""
        self._is_open = False
        self._given_back.close()

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest audio that waits to be read."""
        return self._capture.lag_seconds

    def history(self, start: int, stop: int) -> Samples:
        """Return samples *start* to *stop*, counted at 16 kHz from the first block on: exactly what ``blocks`` gave.

        Raises:
            LookupError: they are older than ten seconds, or not read yet.
        """
        return self._capture.history(start, stop)

    def blocks(self) -> Iterator[Block]:
        """Yield audio as it comes, and an empty block after a quarter of a second without any.

        Raises:
            MicrophoneError: the device is gone, or delivered nothing for ``silence_timeout_seconds``.
        """
        heard = looked_up = self._now()
        while self._is_open:
            if self._stream.fault:
                raise self._stream.fault
            block, now = self._capture.read(), self._now()
            if len(block.samples) or block.lost:
                heard = looked_up = now
                yield block
            elif now - looked_up >= LOOK_UP_SECONDS:
                looked_up = now
                self._judge(now - heard)
                yield block
            self._sleep(self._settings.block_ms / 1000)

    def _judge(self, silent_seconds: float) -> None:
        if not self._stream.is_active:
            raise MicrophoneError(f"microphone: {self.description}: it, or the audio server that serves it, is gone")
        if silent_seconds >= self._settings.silence_timeout_seconds:
            raise MicrophoneError(
                f"microphone: {self.description}: nothing came for {silent_seconds:.0f} s; "
                "is it plugged in, and does another program record from it? (see: kws-app devices)"
            )
