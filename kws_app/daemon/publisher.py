"""Hands every event, with its wall-clock time, to all who want to know: log, counts, hooks, the control socket."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from kws_app.events import Event

logger = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class Publisher:
    """Calls its listeners in the order in which they came, on the thread that publishes. They must not block."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners  # replaced as a whole, never changed
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have *listener* told from the next event on; return what ends that. For all threads."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return lambda: self._unsubscribe(listener)

    def publish(self, event: Event) -> None:
        """Tell everybody. A listener that fails is told nothing more, so that it fails once and not for ever."""
        event = event.stamped(datetime.now(UTC))
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("%r failed on an event and is told no more", listener)
                self._unsubscribe(listener)

    def _unsubscribe(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known is not listener)
