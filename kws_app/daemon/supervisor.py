"""A microphone that comes back: judged while it is heard, and opened anew, under its name, when it is not.

PortAudio reads the list of devices when it starts and never again, so that opening anew means closing and ending it,
and starting it again. Each of these can hang for ever in an audio server that has stopped, so each runs on a thread of
its own with a time limit. Behind the limit nothing can be saved: PortAudio's state belongs to the whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import Delivery
from kws_app.audio.microphone import Microphone
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import NOTHING, Block
from kws_app.daemon.clock import Clock
from kws_app.daemon.errand import LOOK_SECONDS, Errand
from kws_app.daemon.hearing import DIGITAL_SILENCE, Hearing
from kws_app.daemon.patience import Patience
from kws_app.errors import MicrophoneError

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 3.0
OPEN_SECONDS = 20.0
"""PortAudio looks for every device that ALSA's configuration could mean: seconds on a slow board. A reload waits as
long, and meanwhile nothing is answered; less would take a slow board for one that hangs, which ends the process."""

LAST_CLOSE_SECONDS = 0.75
"""In the end: all that the process does until then must fit into two seconds."""


class Device(Protocol):
    """One opening of a microphone."""

    description: str
    name: str
    rate: int | None

    @property
    def lag_seconds(self) -> float: ...

    @property
    def delivery(self) -> Delivery: ...

    def __enter__(self) -> Self: ...

    def close(self) -> None: ...

    def history(self, start: int, stop: int) -> Samples: ...

    def blocks(self) -> Iterator[Block]: ...


NewDevice = Callable[[AudioSettings, str | None], Device]
"""Given the settings and the name that the device had before, if it had one."""


class Supervisor:
    """A source that does not end by itself.

    Args:
        settings: which device, and how patient to be with it.
        new_device: makes a microphone, once for every opening.
        name: that of the device as it was known before; it counts before ``settings.device``.
        clock: by which it is judged.

    Attributes:
        deaf: why nothing is heard, None while something is.
        name: under which the device will be found again; None: as the settings say.
    """

    def __init__(
        self,
        settings: AudioSettings,
        new_device: NewDevice = Microphone,
        name: str | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._settings, self._new_device = settings, new_device
        self._clock = clock or Clock()
        self._hearing = Hearing(settings, self._clock)
        self._patience = Patience(settings.give_up_after_seconds)
        self._device: Device | None = None
        self._newest: Device | None = None  # which may be no more than on its way to be opened
        self._errand: Errand | None = None
        self._is_closed = False
        self._overflows = self._position = self._origin = 0
        self._heard_at: float | None = None
        self._interruption: str | None = None
        self.deaf: str | None = None
        self.name = name
        self.description = "a microphone that was not found yet"

    def __enter__(self) -> Self:
        """Nothing is opened yet: ``blocks`` waits for a device that is absent."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the device now, for whoever has to know whether that works.

        Raises:
            MicrophoneError: it does not; nothing is open.
            HungError: it hangs.
        """
        opening = self._opening()
        opening.wait()
        self._adopt(opening)

    def close(self, *, within: float = LAST_CLOSE_SECONDS) -> None:
        """Give the device back. Twice does no harm.

        Raises:
            HungError: it cannot be given back in so many seconds.
        """
        self._is_closed = True
        self._let_go()
        if self._errand is not None and self._errand.is_hung:
            return  # which was said already
        Errand("closing the microphone", self._give_back_newest, limit_seconds=within).wait()

    @property
    def rate(self) -> int | None:
        """Frames a second of the device that is open."""
        return None if self._device is None else self._device.rate

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest audio that waits to be read."""
        return self._device.lag_seconds if self._device else 0.0

    @property
    def overflows(self) -> int:
        """How often the device said that it lost audio, over all its openings."""
        return self._overflows + (self._device.delivery.overflows if self._device else 0)

    def history(self, start: int, stop: int) -> Samples:
        """Return samples *start* to *stop*, counted at 16 kHz from the first block on, gaps included.

        Raises:
            LookupError: they are too old, lie before the device was opened last, or are not read yet.
        """
        if self._device is None or start < self._origin:
            raise LookupError(f"sample {start} came before the microphone was opened last")
        return self._device.history(start - self._origin, stop - self._origin)

    def blocks(self) -> Iterator[Block]:
        """Yield audio as it comes, and an empty block a few times a second while none does.

        Raises:
            MicrophoneError: nothing helped for ``give_up_after_seconds``.
            HungError: PortAudio hangs.
        """
        while not self._is_closed:
            if self._device is None:
                yield from self._open_when_due()
            else:
                yield from self._hear(self._device)

    def _hear(self, device: Device) -> Iterator[Block]:
        """Yield what the device delivers until it is time to open it anew."""
        for block in self._delivered(device):
            self._judge(block.samples, device.delivery)
            yield self._placed(block)
            if self.deaf is not None and self._patience.is_due(self._clock.now()):
                break
        if not self._is_closed:
            yield from self._give_back(device)

    def _delivered(self, device: Device) -> Iterator[Block]:
        try:
            yield from device.blocks()
            self._is_closed = True  # nobody else ends what a device delivers
        except MicrophoneError as error:
            self._go_deaf(error)
            yield NOTHING  # so that it is told, however soon it is over

    def _give_back(self, device: Device) -> Iterator[Block]:
        self._let_go()
        self._interruption = self.deaf
        closing = self._errand = Errand(f"closing {device.description}", device.close, limit_seconds=CLOSE_SECONDS)
        for _ in closing.looks():
            self._pass_time()
            yield NOTHING
        if closing.error is not None:
            logger.debug("%s failed", closing.name, exc_info=closing.error)

    def _let_go(self) -> None:
        """Have no device any more, and keep what it counted."""
        self._overflows, self._device = self.overflows, None

    def _open_when_due(self) -> Iterator[Block]:
        while not self._patience.is_due(self._clock.now()):
            self._be_patient()
            self._clock.sleep(LOOK_SECONDS)
            yield NOTHING
        opening = self._opening()
        for _ in opening.looks():
            self.deaf = self.deaf or self._hearing.judge(NOTHING.samples, Delivery())
            self._pass_time()
            yield NOTHING
        if self.deaf is not None:  # or it is no second try
            self._patience.tried(self._clock.now())
        try:
            self._adopt(opening)
        except MicrophoneError as error:
            self._go_deaf(error)
        self._be_patient()

    def _opening(self) -> Errand:
        self._newest = self._new_device(self._settings, self.name)
        self._errand = Errand("opening the microphone", self._newest.__enter__, limit_seconds=OPEN_SECONDS)
        return self._errand

    def _adopt(self, opening: Errand) -> None:
        opening.raise_error()
        device = self._device = self._newest
        assert device is not None
        if self._settings.device not in (None, ""):  # the system's default is asked for anew: it may be another by now
            self.name = device.name
        self.description = device.description
        self._hearing.reopened(device.rate or RATE)

    def _give_back_newest(self) -> None:
        if self._errand is not None:
            self._errand.join()
        if self._newest is not None:
            self._newest.close()

    def _judge(self, samples: Samples, delivery: Delivery) -> None:
        fault = self._hearing.judge(samples, delivery)
        if fault is not None:
            self.deaf = fault
        elif len(samples):
            self.deaf = None
        self._be_patient()

    def _go_deaf(self, error: MicrophoneError) -> None:
        self.deaf = str(error).removeprefix("microphone: ")

    def _be_patient(self) -> None:
        """Let time pass.

        Raises:
            MicrophoneError: there is no patience left.
        """
        self._pass_time()
        if self._patience.is_exhausted:
            seconds = self._settings.give_up_after_seconds
            raise MicrophoneError(f"microphone: {self.deaf}; nothing helped for {seconds:g} s")

    def _pass_time(self) -> None:
        is_silent = self.deaf == DIGITAL_SILENCE
        self._patience.note(self._clock.now(), is_deaf=self.deaf is not None, is_silent=is_silent)

    def _placed(self, block: Block) -> Block:
        """The block at its place in the stream: the time without a device before it counts as lost."""
        if not len(block.samples) and not block.lost:
            return block
        now = self._clock.now()
        if self._interruption is not None:
            missing = 0
            if self._heard_at is not None:
                missing = max(1, round((now - self._heard_at) * RATE) - block.lost - len(block.samples))
            self._origin = self._position + missing
            block = Block(block.samples, lost=block.lost + missing, reason=self._interruption)
            self._interruption = None
        self._position += block.lost + len(block.samples)
        self._heard_at = now
        return block
