"""Lets people and programs ask the daemon: a Unix socket that takes and gives JSON lines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from kws_app.daemon.connection import Connection
from kws_app.daemon.lineserver import LineServer
from kws_app.daemon.meter import Level
from kws_app.daemon.requests import EVENTS, LOOKS, Request, parse
from kws_app.daemon.socketfile import listening
from kws_app.daemon.status import Status
from kws_app.directories import ControlSettings
from kws_app.errors import EX_SOFTWARE, EX_UNAVAILABLE, ControlError, KwsError
from kws_app.events import Event

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_WAITING = 1000
"""Events that may wait for the server's thread; while so many do, the machine is overwhelmed and no more are told."""


class Controlled(Protocol):
    """What is controlled. Any thread may ``ask`` and ``subscribe``; the rest is for its worker, through ``ask``."""

    def ask(self, action: Callable[[], T]) -> Future[T]: ...

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]: ...

    def status(self) -> Status: ...

    def level(self) -> Level: ...

    def mute(self, until: datetime | None, *, release: bool) -> None: ...

    def unmute(self) -> None: ...

    def reload(self) -> None: ...


class ControlServer:
    """Serves the control socket from ``__enter__`` to ``__exit__``.

    Where no socket is configured and the usual place cannot be had, it says so and serves nobody: hearing goes on.

    Args:
        settings: where, and for whom.
        controlled: what is asked.
        folder: where a relative path begins.

    Raises:
        ControlError: the configured socket cannot be had.
    """

    def __init__(self, settings: ControlSettings, controlled: Controlled, *, folder: Path = Path()) -> None:
        self._settings, self._controlled, self._folder = settings, controlled, folder
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        place = self._settings.places(self._folder)[0]
        try:
            listener = self._opened.enter_context(listening(place, self._settings.group))
        except ControlError as error:
            if self._settings.socket is not None:
                raise
            logger.warning("%s; so nobody can ask for status, meter, events, mute or reload", error)
            return self
        self._server = self._opened.enter_context(LineServer(listener, self._on_line))
        self._opened.callback(self._controlled.subscribe(self._on_event))
        logger.debug("control socket: %s", place)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _on_event(self, event: Event) -> None:
        """On the worker."""
        if len(self._server.posted) < MOST_WAITING:
            self._server.post(partial(self._tell, event.as_dict()))

    def _tell(self, event: dict[str, Any]) -> None:
        for connection in [one for one in self._server.connections if one.is_listener]:
            self._server.send(connection, event)

    def _on_line(self, connection: Connection, line: bytes) -> None:
        try:
            request = parse(line)
        except KwsError as error:
            self._server.refuse(connection, str(error), error.exit_code)
            return
        level = logging.DEBUG if request.command in LOOKS else logging.INFO
        logger.log(level, "%s asked: %s", connection.peer, request)
        if request.command == EVENTS:
            connection.is_listener = True
            self._server.send(connection, {"ok": True})
            return
        connection.is_busy = True
        future = self._controlled.ask(partial(self._do, request))
        future.add_done_callback(lambda done: self._server.post(partial(self._answer, connection, done)))

    def _do(self, request: Request) -> dict[str, Any]:
        """What *request* wants, on the worker; returns what the answer says beside ``ok``."""
        match request.command:
            case "meter":
                return {"level": asdict(self._controlled.level())}
            case "mute":
                until = None
                if request.seconds is not None:
                    until = datetime.now(UTC) + timedelta(seconds=request.seconds)
                self._controlled.mute(until, release=request.release)
            case "unmute":
                self._controlled.unmute()
            case "reload":
                self._controlled.reload()
        return {"status": self._controlled.status().as_dict()}

    def _answer(self, connection: Connection, done: Future[dict[str, Any]]) -> None:
        connection.is_busy = False
        try:
            self._server.send(connection, {"ok": True} | done.result())
        except CancelledError:
            self._server.refuse(connection, "kws-app is stopping", EX_UNAVAILABLE)
        except KwsError as error:
            self._server.refuse(connection, str(error), error.exit_code)
        except Exception as error:
            logger.exception("control socket: an error of ours")
            self._server.refuse(connection, f"an error of ours, in the log: {error!r}", EX_SOFTWARE)
        self._server.go_on(connection)
