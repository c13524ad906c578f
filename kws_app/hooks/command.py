"""A hook that runs a program: no shell, the event as a line of JSON on its stdin and as ``KWS_`` variables."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kws_app import stderr
from kws_app.errors import HookError
from kws_app.events import Event
from kws_app.hooks.runner import HookFailedError, HookSettings, HookTimeoutError
from kws_app.schema import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HookSettings):
    """A program and its arguments."""

    command: tuple[str, ...] = setting(
        help="program and arguments, started without a shell in the folder of this file; the event is a line of JSON "
        "on its stdin, and KWS_KEYWORD, KWS_SCORE, KWS_TIME in its environment",
        example='[./lamp.sh, "on"]',
    )

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("command: must name a program")

    def open(self, folder: Path) -> CommandHook:
        return CommandHook(self, folder)


class CommandHook:
    """Starts the program once an event, in a process group of its own that dies with the time limit."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self._folder = settings, folder
        self._argv = [find_program(settings.command[0], folder), *settings.command[1:]]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return Path(self._argv[0]).name

    def run(self, event: Event) -> None:
        began = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stderr=stderr.descriptor(),
                cwd=self._folder,
                env=os.environ | variables(event),
                start_new_session=True,  # so that what it starts can be killed with it, and Ctrl-C does not reach it
            )
        except OSError as error:
            raise HookFailedError(f"command cannot be started: {self._argv[0]}: {error.strerror}") from None
        try:
            self._process.communicate(
                f"{event.as_json()}\n".encode(errors="backslashreplace"), self.settings.timeout_seconds
            )
        except subprocess.TimeoutExpired:
            self.cancel()
            self._process.communicate()
            raise HookTimeoutError(f"command killed after {self.settings.timeout_seconds:g} s") from None
        status, milliseconds = self._process.returncode, 1000 * (time.monotonic() - began)
        if status:
            how = f"ended with status {status}" if status > 0 else f"was killed by {signal_name(-status)}"
            raise HookFailedError(f"command {how} after {milliseconds:.0f} ms")

    def cancel(self) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):  # it has just ended; or it is root's, by sudo
                os.killpg(self._process.pid, signal.SIGKILL)


def find_program(program: str, folder: Path) -> str:
    """The program's path: found as a shell would, but relative to *folder*.

    Raises:
        HookError: there is none, or it cannot be executed.
    """
    if "/" not in program:
        found = shutil.which(program)
        if found is None:
            raise HookError(f"no command {program!r} in PATH; a path has a slash (./{program})")
        return found
    path = (folder / program).absolute()
    try:
        is_file = path.is_file()
    except OSError as error:  # a folder that this user may not enter, a name that is too long
        raise HookError(f"{path}: {error.strerror}") from error
    if not is_file:
        raise HookError(f"{path}: no such file")
    if not os.access(path, os.X_OK):
        raise HookError(f"{path}: cannot be executed (chmod +x {path})")
    return str(path)


def signal_name(number: int) -> str:
    """``SIGKILL``; most real-time signals have a number only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def variables(event: Event) -> dict[str, str]:
    """The event's fields for the environment: ``keyword`` as ``KWS_KEYWORD`` and so on."""
    return {f"KWS_{name.upper()}": str(value) for name, value in event.as_dict().items()}
