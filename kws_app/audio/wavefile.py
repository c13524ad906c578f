"""A recording as a source: any format that soundfile reads, as fast as it goes or in real time."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Self

import soundfile  # type: ignore[import-untyped]  # ships no stubs (0.14)

from kws_app.arrays import RATE, Samples
from kws_app.audio.resample import DeviceFrames, Resampler
from kws_app.audio.source import Block
from kws_app.errors import RecordingError
from kws_app.stderr import silenced

logger = logging.getLogger(__name__)

_debug = partial(logger.debug, "libsndfile: %s")

BLOCK_SECONDS = 1.0
PACED_BLOCK_SECONDS = 0.08
"""What a microphone delivers at once."""

RATES = range(1_000, 768_001)
MOST_CHANNELS = 64
"""Beyond these a header is damaged or hostile."""

MOST_VALUES = 2_000_000
"""In one block, of all channels: 8 MB. At the limits above a second of audio would need two hundred."""


class WaveFile:
    """A source that ends. Memory does not depend on the recording's length.

    Args:
        path: wav, flac, ogg, mp3 or what else libsndfile knows; any rate, channels and sample format.
        paced: deliver a block not before its last sample would have been spoken.
        block_seconds: how much to deliver at once.

    Raises:
        RecordingError: from ``__enter__`` or ``blocks``: missing, no recording, or damaged on the way.
    """

    lag_seconds, overflows, deaf = 0.0, 0, None
    """As a microphone has them; a recording waits for its reader and is never deaf."""

    def __init__(
        self,
        path: Path,
        *,
        paced: bool = False,
        block_seconds: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self.rate: int | None = None
        self.description = str(path)
        self._paced, self._now, self._sleep = paced, now, sleep
        self._block_seconds = block_seconds or (PACED_BLOCK_SECONDS if paced else BLOCK_SECONDS)

    def __enter__(self) -> Self:
        self._file = _opened(self.path)
        rate, channels, subtype = self._file.samplerate, self._file.channels, self._file.subtype
        self.rate = rate
        self._resampler = Resampler(rate, channels)
        # float32 holds 24 bits exactly; only 16 bits are spared the way there and back.
        self._sample_format = "int16" if subtype == "PCM_16" else "float32"
        self.description = f"{self.path}, {rate} Hz, {channels} channel{'s' * (channels > 1)}, {subtype}"
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Twice does no harm."""
        self._file.close()

    def history(self, start: int, stop: int) -> Samples:
        """A recording does not keep what it gave: LookupError."""
        raise LookupError(f"{self.path}: samples {start} to {stop} are not kept")

    def blocks(self) -> Iterator[Block]:
        """Yield the recording from its beginning to its end; nothing if it is empty."""
        begin, delivered = self._now(), 0
        for samples in filter(len, self._pieces()):
            delivered += len(samples)
            if self._paced:
                self._sleep(max(0.0, begin + delivered / RATE - self._now()))
            yield Block(samples)
        if self._resampler.repaired:
            logger.warning(
                "%s: %d values are no numbers and were taken as silence", self.path, self._resampler.repaired
            )

    def _pieces(self) -> Iterator[Samples]:
        wanted = round(self._file.samplerate * self._block_seconds)
        count = max(1, min(wanted, MOST_VALUES // self._file.channels))
        while len(frames := self._read(count)):
            yield self._resampler.push(frames)
        yield self._resampler.flush()

    def _read(self, count: int) -> DeviceFrames:
        try:
            with _quiet():
                frames: DeviceFrames = self._file.read(count, dtype=self._sample_format, always_2d=True)
        except soundfile.LibsndfileError as error:
            seconds = self._file.tell() / self._file.samplerate
            raise RecordingError(f"{self.path}: damaged after {seconds:.1f} s: {error.error_string}") from error
        return frames


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        path.open("rb").close()  # libsndfile calls everything that the system refuses a "System error"
        with _quiet():
            file = soundfile.SoundFile(os.fsencode(path))  # given text, it refuses names that are not UTF-8
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a name that ends in .raw
        raise RecordingError(f"{path}: no recording; expected wav, flac, ogg, mp3 or their like") from error
    if file.samplerate not in RATES or file.channels > MOST_CHANNELS:
        file.close()
        raise RecordingError(
            f"{path}: claims {file.samplerate} Hz and {file.channels} channels: damaged, or no recording"
        )
    return file


def _quiet() -> AbstractContextManager[None]:
    """Keep from people what libmpg123 prints of every frame of an mp3 that it has to mend.

    Not where there are other threads, as in the daemon: standard error is theirs, too, and their words would be lost.
    """
    return silenced(_debug) if threading.active_count() == 1 else nullcontext()
