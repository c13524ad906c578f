"""A client of the control socket that speaks the protocol by hand."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any


class Talk:
    """A client that speaks the protocol by hand."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self._lines = self.socket.makefile("rb")

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\n" for line in lines).encode())

    def hear(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line.endswith(b"\n"), "the connection was closed"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def ask(self, command: str, **details: Any) -> dict[str, Any]:
        self.say(json.dumps({"command": command, **details}))
        return self.hear()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can come."""
        try:
            return self._lines.readline() == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@contextmanager
def talking(path: Path) -> Iterator[Talk]:
    talk = Talk(path)
    try:
        yield talk
    finally:
        talk.close()


def listening(path: Path, stack: ExitStack) -> Talk:
    """A client to which events are told, as long as *stack* is open."""
    talk = stack.enter_context(talking(path))
    assert talk.ask("events") == {"ok": True}
    return talk


def heard(talk: Talk) -> dict[str, Any]:
    """The next event, without the time of day."""
    event = talk.hear()
    assert event.pop("at")
    return event
