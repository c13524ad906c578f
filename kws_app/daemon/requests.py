"""What may be asked over the control socket: one line of JSON, ``{"command": "mute", "seconds": 1800}``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kws_app.errors import ConfigError, RequestError
from kws_app.schema import read, setting
from kws_app.yamltree import short

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

    def __post_init__(self) -> None:
        if self.command != "mute" and (self.seconds is not None or self.release):
            raise ValueError("seconds and release are for mute alone")

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
        text = json.dumps(_JSON.decode(line.decode()))
    except _TwiceError as error:
        raise RequestError(f"request: {error}: comes twice") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"request: not JSON: {error}") from error
    try:
        return read(text, Request, file="request").value
    except ConfigError as error:
        mistakes = (f"request: {fault.path}: {fault.message}".replace(": : ", ": ") for fault in error.faults)
        raise RequestError("\n".join(mistakes)) from error


class _TwiceError(Exception):
    """A key that comes twice."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, if no key comes twice: of two commands, JSON's own reader would take the last in silence."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(short(key))
        found[key] = value
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_each_once)  # one for all: json.loads would make and leave one a line
