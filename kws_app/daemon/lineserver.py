"""One thread that serves all who connect to a socket, line by line; what the lines mean, others know.

Sockets and a selector, not asyncio, which would cost every daemon 6 MB, asked or not.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Self

from kws_app.daemon.connection import Connection, DropError
from kws_app.errors import EX_UNAVAILABLE
from kws_app.log import Seldom

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 16

PAUSE_SECONDS = 1.0
"""After an error of ours: one that comes at every turn must not eat the processor."""


class LineServer:
    """Accepts, reads, writes and closes, from ``__enter__`` to ``__exit__``, all on its own thread.

    Args:
        listener: a listening socket, not blocking.
        on_line: called with each line that came, and for the next of a connection only when it is not busy.

    Attributes:
        connections: all that are open; only to be touched on the thread.
        posted: what the thread is still to do for others.
    """

    def __init__(self, listener: socket.socket, on_line: Callable[[Connection, bytes], None]) -> None:
        self._listener, self._on_line = listener, on_line
        self.connections: list[Connection] = []
        self.posted: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._opened, self._ending, self._drops = ExitStack(), threading.Event(), Seldom()

    def __enter__(self) -> Self:
        self._selector = self._opened.enter_context(selectors.DefaultSelector())
        self._woken, self._wake = (self._opened.enter_context(end) for end in socket.socketpair())
        self._wake.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, lambda _: self._accept())
        self._selector.register(self._woken, selectors.EVENT_READ, lambda _: self._do_posted())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.post(self._ending.set)  # after all that was posted before
        self._thread.join()
        self._opened.close()

    def post(self, action: Callable[[], None]) -> None:
        """Have *action* run on the thread; after the end, nothing happens."""
        self.posted.append(action)
        with suppress(OSError):  # it is awake already, or gone
            self._wake.send(b"\0")

    # On the thread.

    def send(self, connection: Connection, message: Mapping[str, Any]) -> None:
        """Send a line to a connection, if it is still open."""
        if connection not in self.connections:
            return
        try:
            connection.send(message)
        except (DropError, OSError) as error:
            self._drop(connection, error)
        else:
            self._watch(connection)

    def refuse(self, connection: Connection, sentences: str, code: int) -> None:
        """Say that something cannot be had."""
        self.send(connection, refusal(sentences, code))

    def go_on(self, connection: Connection) -> None:
        """Take up the lines that wait; close a connection that is done."""
        while connection in self.connections and not (connection.is_busy or connection.is_listener):
            line = connection.next_line()
            if line is None:
                break
            self._on_line(connection, line)
        if connection.has_ended and not (connection.is_busy or connection.has_unsent):
            self._close(connection)

    def _run(self) -> None:
        """Turn until the end. An error of ours is logged, costs every connection, and the server starts anew."""
        while not self._ending.is_set():
            try:
                for key, ready in self._selector.select():
                    key.data(ready)
            except Exception:
                logger.exception("control socket: an error of ours; every connection is closed")
                self._close_all()
                self._ending.wait(PAUSE_SECONDS)
        self._close_all()

    def _do_posted(self) -> None:
        self._woken.recv(4096)
        while self.posted:
            self.posted.popleft()()

    def _accept(self) -> None:
        try:
            connection = Connection(self._listener.accept()[0])
        except (BlockingIOError, ConnectionError):  # it went away again
            return
        self.connections.append(connection)
        self._watch(connection)
        if len(self.connections) > MOST_CONNECTIONS:
            idle = next(one for one in self.connections if one is connection or not (one.is_busy or one.is_listener))
            self._drop(idle, DropError(f"more than {MOST_CONNECTIONS} connections are open"))

    def _on_ready(self, connection: Connection, ready: int) -> None:
        try:
            if ready & selectors.EVENT_WRITE:
                connection.flush()
            if ready & selectors.EVENT_READ:
                connection.receive()
        except (DropError, OSError) as error:
            self._drop(connection, error)
        else:
            self._watch(connection)
            self.go_on(connection)

    def _watch(self, connection: Connection) -> None:
        """Look out for what may be done for it next."""
        if connection.fileno() in self._selector.get_map():
            self._selector.unregister(connection)
        wanted = selectors.EVENT_READ * (not connection.has_ended) | selectors.EVENT_WRITE * connection.has_unsent
        if wanted:
            self._selector.register(connection, wanted, partial(self._on_ready, connection))

    def _drop(self, connection: Connection, error: Exception) -> None:
        """Close a connection that went away, which is nothing special, or that asks too much."""
        if isinstance(error, DropError):
            if times := self._drops.due():
                logger.warning("control socket: closed %d connection(s), now %s: %s", times, connection.peer, error)
            with suppress(DropError, OSError):
                connection.send(refusal(str(error), EX_UNAVAILABLE))
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        if connection not in self.connections:
            return
        if connection.fileno() in self._selector.get_map():
            self._selector.unregister(connection)
        self.connections.remove(connection)
        connection.close()

    def _close_all(self) -> None:
        for connection in [*self.connections]:
            self._close(connection)


def refusal(sentences: str, code: int) -> dict[str, Any]:
    """The answer to what cannot be had, with the exit code that fits."""
    return {"ok": False, "error": sentences.splitlines(), "code": code}
