"""What may be asked over the control socket: one line of JSON, ``{"command": "mute", "seconds": 1800}``."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kws_app.errors import ConfigError, RequestError
from kws_app.schema import read, setting

EVENTS = "events"
LOOKS = ("status", "meter", EVENTS)
COMMANDS = (*LOOKS, "mute", "unmute", "reload")

MOST_SECONDS = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Request:
    """A command and, for ``mute``, how: for how long (None: until unmuted), and whether the microphone is closed."""

    command: str = setting(one_of=COMMANDS, help=f"one of {', '.join(COMMANDS)}")
    seconds: float | None = setting(None, between=(1, MOST_SECONDS), help="how long to mute")
    release: bool = setting(False, help="close the microphone while muted")

    def __str__(self) -> str:
        """As a person would put it: ``mute for 1800 s, microphone closed``."""
        length = "" if self.seconds is None else f" for {self.seconds:.0f} s"
        return f"{self.command}{length}{', microphone closed' * self.release}"


def parse(line: bytes) -> Request:
    """Read one line.

    Raises:
        RequestError: it is no request; every mistake in it, a line each.
    """
    try:
        # JSON is YAML, but not the other way round: only JSON is promised.
        text = json.dumps(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"request: not JSON: {error}") from error
    try:
        return read(text, Request, file="request").value
    except ConfigError as error:
        mistakes = (f"request: {fault.path}: {fault.message}".replace(": : ", ": ") for fault in error.faults)
        raise RequestError("\n".join(mistakes)) from error
