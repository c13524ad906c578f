"""Signals as flags, and the promise that a stop does not take for ever."""

from __future__ import annotations

import faulthandler
import signal
from typing import Self

STOP_SECONDS = 2.0
"""From the wish to stop to the end of the process, whatever hangs."""

STDERR = 2


class Signals:
    """What SIGTERM, SIGINT and SIGHUP asked for since ``__enter__``; the old handlers come back in the end.

    A second SIGTERM or SIGINT ends the process at once.
    """

    def __init__(self) -> None:
        self.stop = self.reload = False
        self._is_limited = False

    def __enter__(self) -> Self:
        ours = {signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop, signal.SIGHUP: self._on_reload}
        self._before = {number: signal.signal(number, handler) for number, handler in ours.items()}
        return self

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def limit_stop(self) -> None:
        """From here on there are two seconds: a stalled audio server can keep its device from closing for ever.

        Then the process ends with the traceback of every thread.
        """
        if not self._is_limited:
            self._is_limited = True
            faulthandler.dump_traceback_later(STOP_SECONDS, exit=True, file=STDERR)

    def _on_stop(self, *_: object) -> None:
        self.stop = True
        self.limit_stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def _on_reload(self, *_: object) -> None:
        self.reload = True
