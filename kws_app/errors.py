"""What can go wrong, and the exit code each kind ends a program with: those of BSD's sysexits where it has one."""

from __future__ import annotations

from dataclasses import dataclass

EX_OK = 0
EX_USAGE = 64  # a request that the daemon does not know
EX_NOINPUT = 66  # a recording that cannot be read
EX_UNAVAILABLE = 69  # no audio, and none came back
EX_SOFTWARE = 70  # our own fault
EX_CANTCREAT = 73  # a file that cannot be written
EX_NOPERM = 77
EX_CONFIG = 78  # restarting does not help: systemd is told not to
INTERRUPTED = 130  # Ctrl-C, as a shell says it: 128 and the signal's number


class KwsError(Exception):
    """The base of every error a user can cause. Its text is one sentence: where, what, what would do."""

    exit_code = EX_SOFTWARE


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a file.

    ``str()`` gives the line people see: ``config.yaml:12: audio.devcie: unknown key; did you mean 'device'?``
    """

    file: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(KwsError, ValueError):
    """Every mistake of a configuration at once, in file order."""

    exit_code = EX_CONFIG

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class ModelError(KwsError, ValueError):
    """A model file that is damaged, hostile, or made for another runtime."""

    exit_code = EX_CONFIG


class HookError(KwsError, ValueError):
    """A hook whose command or function is not there."""

    exit_code = EX_CONFIG


class RecordingError(KwsError, OSError):
    """A recording that is missing or cannot be decoded."""

    exit_code = EX_NOINPUT


class OutputError(KwsError, OSError):
    """A file that was asked for and cannot be written."""

    exit_code = EX_CANTCREAT


class MicrophoneError(KwsError, OSError):
    """A microphone that is absent, busy, or has gone silent."""

    exit_code = EX_UNAVAILABLE


class HungError(KwsError):
    """A call into PortAudio that never returns: what belongs to this process cannot be saved."""


class ControlError(KwsError, OSError):
    """A control socket that the daemon cannot have where it was configured."""

    exit_code = EX_CONFIG


class RequestError(KwsError, ValueError):
    """Something asked for over the control socket that is no request."""

    exit_code = EX_USAGE


class NoPermissionError(KwsError, PermissionError):
    """Something the operating system refuses us."""

    exit_code = EX_NOPERM
