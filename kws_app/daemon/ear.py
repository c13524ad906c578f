"""What hears: a source and the pipeline behind it, and how either is exchanged between two blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

from kws_app.arrays import RATE, Samples
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import Block
from kws_app.daemon.clock import Clock
from kws_app.daemon.meter import Level, Meter
from kws_app.daemon.released import Released
from kws_app.daemon.supervisor import CLOSE_SECONDS, NewDevice, Supervisor
from kws_app.errors import MicrophoneError
from kws_app.events import Event
from kws_app.pipeline import Pipeline

RUN_IN_SECONDS = 2.0
"""What a new pipeline is given of the past, so that a word which is being spoken is heard."""


class Source(Protocol):
    """Where audio comes from.

    Attributes:
        description: what people call it.
        rate: its own, in frames a second, once it is known.
        lag_seconds: age of the oldest audio that waits to be read.
        overflows: how often it said that it lost audio.
        deaf: why it does not hear, None while it does.
    """

    @property
    def description(self) -> str: ...

    @property
    def rate(self) -> int | None: ...

    @property
    def lag_seconds(self) -> float: ...

    @property
    def overflows(self) -> int: ...

    @property
    def deaf(self) -> str | None: ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...

    def blocks(self) -> Iterator[Block]:
        """Yield what comes until there is no more; an empty block when nothing has come for a while."""

    def history(self, start: int, stop: int) -> Samples:
        """Samples *start* to *stop*, counted from the first block on; LookupError if they are not kept."""


class Ear:
    """Hears one stream, the time of which goes on through every exchange.

    Args:
        audio: which microphone.
        pipeline: what hears at first.
        publish: told every event.
        recording: heard in place of the microphone, in real time.
        new_device: makes a microphone, once for every opening.
        new_clock: makes what a microphone is judged by.

    Attributes:
        source: what is heard now.
        pipeline: what hears now.
        heard_at: when the last block came, by the clock; None before the first.
        is_released: whether no source is open, on request.
    """

    def __init__(
        self,
        audio: AudioSettings,
        pipeline: Pipeline,
        publish: Callable[[Iterable[Event]], None],
        *,
        recording: Path | None,
        new_device: NewDevice,
        new_clock: Callable[[], Clock],
    ) -> None:
        self._audio, self.pipeline, self._publish = audio, pipeline, publish
        self._recording, self._new_device, self._new_clock = recording, new_device, new_clock
        self._clock, self._meter = new_clock(), Meter()
        self._opened = ExitStack()
        self.source: Source = Released(self._clock)
        self._overflows = 0  # of the sources before
        self._microphone: Supervisor | None = None  # the last one, which knows the device's name
        self._begin = 0
        self.heard_at: float | None = None
        self.is_released = False

    def open(self, *, released: bool) -> None:
        """Begin. Nothing may be there to be heard: the microphone is waited for.

        Raises:
            RecordingError: the recording cannot be read.
        """
        self.is_released = released
        self._enter(self._new_source())

    def close(self) -> None:
        """Close the source.

        Raises:
            HungError: it does not return.
        """
        self._opened.close()

    def hear(self) -> Iterator[None]:
        """Take block after block until the source is over; yield after each, for whatever else is to be done.

        Raises:
            MicrophoneError: nothing helped for too long.
            HungError: the microphone hangs.
            RecordingError: the recording is damaged.
        """
        source = None
        while source is not self.source:
            source = self.source
            for block in source.blocks():
                self._take(block)
                yield
                if self.source is not source:  # it was exchanged
                    break

    def level(self) -> Level:
        """How loud it is now, and how near each word."""
        return self._meter.level(self.pipeline.smoothed)

    @property
    def seconds_since_last_block(self) -> float | None:
        """Before the first: None."""
        return None if self.heard_at is None else self._clock.now() - self.heard_at

    @property
    def overflows(self) -> int:
        """How often a source said that it lost audio, since the beginning."""
        return self._overflows + self.source.overflows

    @property
    def seconds(self) -> float:
        """Since the beginning, what was lost included."""
        return self.pipeline.position / RATE

    def release(self, released: bool) -> None:
        """Close the microphone, or open it again."""
        if released == self.is_released:
            return
        self.is_released = released
        self._leave()
        self._enter(self._new_source())
        if not released:
            self._lose_time("muted")

    def exchange(self, audio: AudioSettings, pipeline: Pipeline) -> None:
        """Go on with another microphone, if *audio* asks for one, and another pipeline.

        Raises:
            MicrophoneError: the other microphone does not open; nothing has changed.
        """
        if audio != self._audio:
            if self._recording is None and not self.is_released:
                self._exchange_source(audio)
            else:
                self._microphone = None  # what it knows is another device's name
        self._audio = audio
        self._run_in(pipeline)
        self.pipeline = pipeline

    def _take(self, block: Block) -> None:
        if block.lost:
            self._publish(self.pipeline.lose(block.lost, block.reason or "unknown"))
        if len(block.samples):
            self._meter.push(block.samples)
            self._publish(self.pipeline.push(block.samples))
            self.heard_at = self._clock.now()

    def _enter(self, source: Source) -> None:
        self._overflows += self.source.overflows
        self.source = self._opened.enter_context(source)
        self._begin = self.pipeline.position

    def _leave(self) -> None:
        """Close the source to go on with another; a microphone has more time for that than in the end."""
        if self.source is self._microphone:
            self._microphone.close(within=CLOSE_SECONDS)
        self._opened.close()

    def _new_source(self) -> Source:
        if self.is_released:
            return Released(self._new_clock())
        if self._recording is None:
            known = self._microphone
            self._microphone = self._supervisor(self._audio, None if known is None else known.name)
            return self._microphone
        from kws_app.audio.wavefile import WaveFile  # loads soundfile, which nothing but a recording needs

        return WaveFile(self._recording, paced=True)

    def _exchange_source(self, audio: AudioSettings) -> None:
        """Open the other microphone, or the old one again: a card often cannot be open twice."""
        self._leave()
        microphone = self._supervisor(audio)
        try:
            microphone.open()
        except MicrophoneError:
            self._enter(self._new_source())
            raise
        self._microphone = microphone
        self._enter(microphone)
        self._lose_time("another microphone was opened")

    def _supervisor(self, audio: AudioSettings, name: str | None = None) -> Supervisor:
        return Supervisor(audio, self._new_device, name, clock=self._new_clock())

    def _lose_time(self, reason: str) -> None:
        """Note that nothing was heard since the last block."""
        if self.heard_at is not None:
            self._publish(self.pipeline.lose(round((self._clock.now() - self.heard_at) * RATE), reason))
            self._begin = self.pipeline.position

    def _run_in(self, pipeline: Pipeline) -> None:
        """Bring a pipeline to the present; what it hears in the past was told by the one before."""
        start = max(self._begin, self.pipeline.position - round(RUN_IN_SECONDS * RATE))
        past = None
        with suppress(LookupError):
            past = self.source.history(start - self._begin, self.pipeline.position - self._begin)
        pipeline.lose(self.pipeline.position if past is None else start, "not heard by this pipeline")
        if past is not None:
            pipeline.push(past)
