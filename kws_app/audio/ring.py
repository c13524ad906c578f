"""Fixed memory between the audio thread and the pipeline: one writer, one reader, no lock.

A position is a count of frames since the stream began, lost ones included, so it never runs backwards and means the
same to everybody. (A frame here is a device's: one value a channel.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Gap(NamedTuple):
    """Positions whose audio never arrived."""

    start: int
    stop: int


class Ring:
    """Keeps the newest ``capacity`` frames. The writer never waits: a reader that is too slow loses the oldest.

    Why it needs no lock: the writer announces what it is about to overwrite (``_claimed``) before it copies, and
    publishes it (``written``) after. A reader copies first and looks at ``_claimed`` then: had the writer come round
    meanwhile, the copy is thrown away and what was overwritten counts as lost.
    """

    def __init__(self, capacity: int, *, channels: int, dtype: npt.DTypeLike) -> None:
        self._memory = np.zeros((capacity, channels), dtype)
        self._claimed = 0
        self._gaps: tuple[Gap, ...] = ()  # replaced as a whole, never changed: a reader sees the old or the new one
        self._resume = 0
        self.written = 0
        """Position of the next frame to come: the writer's."""
        self.position = 0
        """Position of the next frame to be read: the reader's."""

    @property
    def available(self) -> int:
        """Frames written and not yet read, lost ones included."""
        return self.written - self.position

    def write(self, frames: npt.NDArray[Any], *, lost: int = 0) -> None:
        """Append *frames*, ``(n, channels)`` for any n; *lost* frames are known to be missing just before them."""
        begin = self.written + lost
        end = begin + len(frames)
        kept_from = max(self.written, end - len(self._memory))
        self._claimed = end
        if lost:
            still_kept = (gap for gap in self._gaps if gap.stop > end - len(self._memory))
            self._gaps = (*still_kept, Gap(self.written, begin))
            for part, _ in self._parts(kept_from, begin):
                self._memory[part] = 0
        first = max(begin, kept_from)
        for part, source in self._parts(first, end):
            self._memory[part] = frames[first - begin :][source]
        self.written = end

    def read(self, limit: int) -> tuple[npt.NDArray[Any], int]:
        """Return the next frames in order, at most *limit*, and how many were lost just before them.

        One call never reads across a gap. Nothing new gives an empty array.
        """
        while True:
            start, stop = self._next_stretch()
            frames = self._copied(start, min(stop, start + limit))
            if start >= self._oldest:
                break
        lost = start - self.position
        self.position = start + len(frames)
        return frames, lost

    def jump(self, position: int) -> None:
        """Let reading go on at *position* if it lies ahead; what is passed over counts as lost."""
        self._resume = position

    def history(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the frames at positions *start* to *stop*, read or not; zeros where they were lost.

        Raises:
            LookupError: some of them are no longer kept or have not come yet.
        """
        if max(0, self._oldest) <= start <= stop <= self.written:
            frames = self._copied(start, stop)
            if start >= self._oldest:
                return frames
        raise LookupError(f"positions {start} to {stop} are not kept, only {max(0, self._oldest)} to {self.written}")

    @property
    def _oldest(self) -> int:
        """The first position that the writer has not begun to overwrite."""
        return self._claimed - len(self._memory)

    def _next_stretch(self) -> tuple[int, int]:
        """Where reading goes on behind all that is lost, and the end of what can be read there in one go."""
        written = self.written  # before the gaps: a gap is announced before the frames behind it are published
        start = max(self.position, self._resume, self._oldest)
        for gap in self._gaps:
            if gap.start >= written:
                break
            if gap.start > start:
                return start, gap.start
            start = max(start, gap.stop)
        return start, max(start, written)

    def _copied(self, start: int, stop: int) -> npt.NDArray[Any]:
        frames = np.empty((stop - start, self._memory.shape[1]), self._memory.dtype)
        for part, place in self._parts(start, stop):
            frames[place] = self._memory[part]
        return frames

    def _parts(self, start: int, stop: int) -> Iterator[tuple[slice, slice]]:
        """Where positions *start* to *stop* lie in memory and, beside it, in an array of just these positions."""
        capacity, position = len(self._memory), start
        while position < stop:
            offset = position % capacity
            count = min(stop - position, capacity - offset)
            yield slice(offset, offset + count), slice(position - start, position - start + count)
            position += count
