"""What a virtual microphone hears: a thread that writes audio into a FIFO at the pace of a real card."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.int16]

CHUNKS_PER_SECOND = 100


class Feeder:
    """Writes 10 ms at a time: faint noise, or what is to be said.

    Args:
        fifo: what the audio server reads; it need not be there yet, and may go and come back.
        rate: frames a second.
        channels: values a frame.

    Attributes:
        damage: what is done to each chunk ``(n, channels)`` before it is written, as a broken card does it.
        speed: seconds of audio for every second that passes; a card whose clock is right has 1.
    """

    def __init__(self, fifo: Path, *, rate: int, channels: int) -> None:
        self.damage: Callable[[Audio], Audio] = lambda chunk: chunk
        self.speed = 1.0
        self._fifo, self._rate, self._channels = fifo, rate, channels
        self._thread = threading.Thread(target=self._feed, name=f"feeder of {fifo.name}")
        self._ended, self._stalled, self._all_said = threading.Event(), threading.Event(), threading.Event()
        self._to_say: deque[Audio] = deque()
        self._fed: list[Audio] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, once and for all."""
        self._ended.set()
        self._thread.join()

    def speak(self, samples: Audio) -> None:
        """Say *samples*, ``(n,)`` or ``(n, channels)`` at the microphone's own rate, as soon as all before is said."""
        frames = np.asarray(samples, np.int16)
        self._all_said.clear()
        self._to_say.append(np.broadcast_to(frames.reshape(len(frames), -1), (len(frames), self._channels)))

    def wait_until_said(self, timeout: float = 60) -> None:
        """Return when the server has taken all that was to be said."""
        if not self._all_said.wait(timeout):
            raise TimeoutError(f"the virtual microphone did not say everything within {timeout} s")

    @property
    def fed(self) -> Audio:
        """All that the server has taken so far, ``(n, channels)``."""
        return np.concatenate([*self._fed, np.empty((0, self._channels), np.int16)])

    def stall(self) -> None:
        """Deliver nothing, as a card that hangs, until ``resume``."""
        self._stalled.set()

    def resume(self) -> None:
        """Deliver again; what was not delivered meanwhile never happened."""
        self._stalled.clear()

    def _feed(self) -> None:
        rng = np.random.default_rng(0)
        count = self._rate // CHUNKS_PER_SECOND
        due, descriptor = time.monotonic(), -1
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += 1 / CHUNKS_PER_SECOND / self.speed
            if self._stalled.is_set():
                continue
            chunk = self.damage(self._next_chunk(rng.integers(-1, 2, (count, self._channels), np.int16)))
            try:
                if descriptor < 0:
                    descriptor = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(descriptor, chunk.tobytes())
                self._fed.append(chunk)
            except BlockingIOError:
                pass  # the server does not read: a card would drop this, too
            except OSError:  # no server, or another one
                descriptor = _closed(descriptor)
        _closed(descriptor)

    def _next_chunk(self, noise: Audio) -> Audio:
        """Speech as far as there is any, over *noise* for the rest."""
        wanted = len(noise)
        if not self._to_say:
            self._all_said.set()
            return noise
        said = self._to_say.popleft()
        if len(said) > wanted:
            self._to_say.appendleft(said[wanted:])
        return np.concatenate([said[:wanted], noise[len(said) :]])


def _closed(descriptor: int) -> int:
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return -1
