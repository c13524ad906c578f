"""What other threads want done by the worker, which alone touches the daemon's state."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from kws_app.errors import HungError

T = TypeVar("T")


class Inbox:
    """Actions that wait for the worker. Anybody may ``ask``; the worker does the ``work`` between two blocks."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._lock = threading.Lock()  # held for an append: so that nothing is left behind by ``close``
        self._is_closed = False

    def ask(self, action: Callable[[], T]) -> Future[T]:
        """Let the worker run *action*; the future has what it returns or raises, and is cancelled if nobody works."""
        future: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                future.cancel()
            else:
                self._waiting.append((action, future))
        return future

    def work(self) -> None:
        """Run what waits, in its order.

        Raises:
            HungError: one of them hangs, which ends the process; whoever asked is told before.
        """
        while self._waiting:
            action, future = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = action()
            except HungError as error:
                future.set_exception(error)
                raise
            except Exception as error:  # noqa: BLE001  it is the asker's, who finds it in the future
                future.set_exception(error)
            else:
                future.set_result(result)

    def close(self) -> None:
        """Take nothing more; cancel what waits."""
        with self._lock:
            self._is_closed = True
        while self._waiting:
            self._waiting.popleft()[1].cancel()
