"""Standard error, kept from the chatter of C libraries and open to us all the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

STDERR = 2

_usual: list[int] = []
"""While libraries are silenced: where standard error really is. Then: a copy that nobody should use any more."""

_is_silenced = False


def descriptor() -> int:
    """Where our own lines, and those of programs that we start, go to: 2, or a copy while that is turned away."""
    return _usual[-1] if _is_silenced else STDERR


@contextmanager
def silenced(tell: Callable[[str], object]) -> Iterator[None]:
    """Keep what libraries print on descriptor 2 away from it; *tell* is given each line when this is over.

    All threads share the descriptor, so one thread does this, for one call at a time.
    """
    global _is_silenced
    while _usual:  # closed only now: another thread may have been about to write to it
        os.close(_usual.pop())
    with open(os.memfd_create("stderr"), "rb") as chatter:
        _usual.append(os.dup(STDERR))
        _is_silenced = True
        os.dup2(chatter.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(_usual[-1], STDERR)
            _is_silenced = False
            chatter.seek(0)
            for line in chatter:
                tell(line.decode(errors="replace").rstrip())


class StandardError:
    """A text stream: what is written is on standard error at once, silenced or not."""

    def write(self, text: str) -> None:
        os.write(descriptor(), text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Nothing is held back."""


def stream() -> TextIO | StandardError:
    """Where people read of us: standard error, or what has been put in its place."""
    return StandardError() if sys.stderr is sys.__stderr__ else sys.stderr
