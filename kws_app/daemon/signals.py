"""Signals as flags, and the promise that a stop does not take for ever."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import threading
from typing import Self

from kws_app import stderr
from kws_app.errors import EX_OK, EX_SOFTWARE

logger = logging.getLogger(__name__)

STOP_SECONDS = 1.9
"""From the wish to stop to the end of the process, whatever hangs: two seconds are promised."""

STUCK_SECONDS = 2.5
"""The same if what hangs holds Python's lock, as PortAudio may, so that no thread of ours can end anything."""


class Signals:
    """What SIGTERM, SIGINT and SIGHUP asked for since ``__enter__``; the old handlers come back in the end.

    A second SIGTERM or SIGINT ends the process at once.
    """

    def __init__(self) -> None:
        self.stop = self.reload = False
        self._is_limited = False
        self._limit = threading.Timer(STOP_SECONDS, self._end)
        self._limit.daemon = True

    def __enter__(self) -> Self:
        ours = {signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop, signal.SIGHUP: self._on_reload}
        self._before = {number: signal.signal(number, handler) for number, handler in ours.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        if self._is_limited:
            self._limit.join()
        faulthandler.cancel_dump_traceback_later()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def limit_stop(self) -> None:
        """From here on there are two seconds: a device may never close, or a reload may wait for one to open."""
        if not self._is_limited:
            self._is_limited = True
            # First: where the signal finds this thread starting another one, the lock that start() needs is taken.
            faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True, file=stderr.STDERR)
            self._limit.start()

    def _end(self) -> None:
        logger.error("Something has not ended for %g s; the process ends without it. All threads:", STOP_SECONDS)
        faulthandler.dump_traceback(stderr.descriptor())
        os._exit(EX_OK if self.stop else EX_SOFTWARE)

    def _on_stop(self, *_: object) -> None:
        self.stop = True
        self.limit_stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def _on_reload(self, *_: object) -> None:
        self.reload = True
