"""Something that may never return, on a thread of its own with a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from kws_app.errors import HungError

LOOK_SECONDS = 0.1


class Errand(threading.Thread):
    """Runs *action* once.

    The thread is daemonic: one that hangs does not keep the process.

    Attributes:
        error: what the action raised, if it did.
        is_hung: whether somebody waited in vain.
    """

    def __init__(self, words: str, action: Callable[[], object], *, limit_seconds: float) -> None:
        super().__init__(name=words, daemon=True)
        self.error: BaseException | None = None
        self.is_hung = False
        self._action, self._limit = action, limit_seconds

    def run(self) -> None:
        try:
            self._action()
        except BaseException as error:  # noqa: BLE001  it is for whoever waits, and for nobody else
            self.error = error

    def wait(self) -> None:
        """Start, and return when it is done.

        Raises:
            HungError: it is not done within the time limit.
        """
        for _ in self.looks():
            pass

    def raise_error(self) -> None:
        """Raise what the action raised, if it did, once.

        It is not kept: error, traceback, frames and errand would hold each other, and with them a whole microphone.
        """
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
        finally:
            del error

    def looks(self) -> Iterator[None]:
        """Start, and yield ten times a second until it is done.

        Raises:
            HungError: it is not done within the time limit.
        """
        self.start()
        deadline = time.monotonic() + self._limit
        while True:
            self.join(min(LOOK_SECONDS, self._limit))
            if not self.is_alive():
                return
            if time.monotonic() >= deadline:
                self.is_hung = True
                raise HungError(f"{self.name} has not returned for {self._limit:g} s")
            yield
