"""Finds a running daemon and asks it; says in one sentence that there is none, or why it says no."""

from __future__ import annotations

import argparse
import grp
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from kws_app.configfile import find_config, text_of
from kws_app.directories import ControlSettings
from kws_app.errors import EX_UNAVAILABLE, ConfigError, KwsError, NoPermissionError
from kws_app.schema import read_section

ANSWER_SECONDS = 10.0
RELOAD_SECONDS = 120.0
"""A large model on a small board; the daemon listens meanwhile as far as it can."""


class NoDaemonError(KwsError, ConnectionError):
    """Nobody answers."""

    exit_code = EX_UNAVAILABLE


class RefusedError(KwsError):
    """The daemon said no, and why."""

    def __init__(self, sentences: list[str], code: int) -> None:
        super().__init__("\n".join(sentences))
        self.exit_code = code


class Client:
    """A connection to a daemon. ``path`` is the socket that answered."""

    def __init__(self, connected: socket.socket, path: Path) -> None:
        self.path = path
        self._socket, self._lines = connected, connected.makefile("rb")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, command: str, *, within: float = ANSWER_SECONDS, **details: Any) -> dict[str, Any]:
        """What the daemon answers.

        Raises:
            RefusedError: it said no.
            NoDaemonError: it ended, does not answer in time, or is something else.
        """
        self._socket.settimeout(within)
        try:
            with suppress(ConnectionError):  # it may have said why it closed
                self._socket.sendall(json.dumps({"command": command, **details}).encode() + b"\n")
            answer = json.loads(next(self.lines()))
        except ValueError:
            answer = None
        except StopIteration:
            raise NoDaemonError(f"kws-app ended before it answered ({self.path})") from None
        except TimeoutError as error:
            raise NoDaemonError(
                f"kws-app did not answer within {within:.0f} s, so it hangs; its log says more ({self.path})"
            ) from error
        match answer:
            case {"ok": True}:
                return dict(answer)
            case {"ok": False, "error": [*sentences], "code": int(code)}:
                raise RefusedError(sentences, code)
        raise NoDaemonError(f"what answers at {self.path} is no kws-app")

    def lines(self) -> Iterator[str]:
        """What the daemon sends from here on, line by line, until it ends in whatever way, in the middle of one too."""
        with suppress(ConnectionError):
            for line in self._lines:
                if line.endswith(b"\n"):
                    yield line.decode().rstrip("\n")

    def events(self) -> Iterator[dict[str, Any]]:
        """Everything that happens from here on.

        Raises:
            NoDaemonError: the daemon has ended.
        """
        self.ask("events")
        self._socket.settimeout(None)
        yield from map(json.loads, self.lines())
        raise NoDaemonError(f"kws-app has ended ({self.path})")


@contextmanager
def connect(args: argparse.Namespace) -> Iterator[Client]:
    """A connection to the daemon that the configuration means.

    Raises:
        NoDaemonError: none listens there.
        NoPermissionError: this user may not ask it.
    """
    places = _places(args.config)
    for place in places:
        opened = socket.socket(socket.AF_UNIX)
        opened.settimeout(ANSWER_SECONDS)
        try:
            opened.connect(str(place))
        except PermissionError as error:
            opened.close()
            raise NoPermissionError(_forbidden(place)) from error
        except OSError:
            opened.close()
            continue
        with closing(Client(opened, place)) as client:
            yield client
        return
    tried = " or ".join(map(str, places))
    raise NoDaemonError(f"no kws-app listens at {tried}; start it: systemctl start kws-app, or kws-app run")


def _places(config: Path | None) -> list[Path]:
    """Where the socket may be. A file that nobody named may have mistakes, or be secret: one must be able to mute."""
    file = config or find_config()
    if file is None:
        return ControlSettings().places(Path())
    try:
        settings = read_section(text_of(file), "control", ControlSettings, file=str(file))
    except (ConfigError, NoPermissionError):
        if config is not None:
            raise
        settings = ControlSettings()
    return settings.places(file.absolute().parent)


def _forbidden(place: Path) -> str:
    sentence = f"{place}: this user may not control kws-app"
    try:
        group = grp.getgrgid(place.stat().st_gid).gr_name
    except (OSError, KeyError):  # hidden in a folder that we may not enter
        return f"{sentence}; try it with sudo"
    return f"{sentence}; the group {group} may: sudo usermod -aG {group} $USER, then log in again"
