"""Where the daemon keeps its state, and where it answers: as configured, else as systemd or the desktop says."""

from __future__ import annotations

import grp
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kws_app.schema import setting

STATE = Path("/var/lib/kws-app")
RUN = Path("/run/kws-app")

SOCKET = "control.sock"

IS_ROOT = os.geteuid() == 0


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where the daemon keeps what is to survive a restart, such as being muted."""

    directory: Path | None = setting(
        None,
        help="folder; empty: the one that systemd gives ($STATE_DIRECTORY), else /var/lib/kws-app for root and "
        "~/.local/state/kws-app for others",
    )

    def place(self, folder: Path, environment: Mapping[str, str] = os.environ, *, is_root: bool = IS_ROOT) -> Path:
        """The folder, which need not be there; a relative path begins in *folder*."""
        if self.directory is not None:
            return folder / self.directory
        if "STATE_DIRECTORY" in environment:
            return _first(environment["STATE_DIRECTORY"])
        if is_root:
            return STATE
        try:
            return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "kws-app"
        except RuntimeError:  # no $HOME, and a user whom this system does not know, as containers have them
            return STATE


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """Where status, events, meter, mute and reload are asked for, and by whom."""

    socket: Path | None = setting(
        None,
        help="Unix socket; empty: control.sock in the folder that systemd gives ($RUNTIME_DIRECTORY), else in "
        "/run/kws-app for root and in $XDG_RUNTIME_DIR/kws-app for others",
    )
    group: str | None = setting(None, help="group whose members may use it; empty: the daemon's own group")

    @property
    def has_group(self) -> bool:
        """Whether the group is one of this system's."""
        try:
            return self.group is None or bool(grp.getgrnam(self.group))
        except KeyError:
            return False

    def places(
        self, folder: Path, environment: Mapping[str, str] = os.environ, *, is_root: bool = IS_ROOT
    ) -> list[Path]:
        """Where the socket is, in the order in which a client looks; the daemon takes the first."""
        if self.socket is not None:
            return [folder / self.socket]
        if "RUNTIME_DIRECTORY" in environment:
            return [_first(environment["RUNTIME_DIRECTORY"]) / SOCKET]
        own = environment.get("XDG_RUNTIME_DIR")
        if is_root or not own:
            return [RUN / SOCKET]
        return [Path(own) / "kws-app" / SOCKET, RUN / SOCKET]


def _first(directories: str) -> Path:
    """systemd joins several with colons."""
    return Path(directories.partition(":")[0])
