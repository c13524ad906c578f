"""Checks of the daemon that runs, or should: its unit, its watchdog, its socket, its state."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from kws_app.audio.settings import AudioSettings
from kws_app.directories import StateSettings
from kws_app.doctor.check import Check, Machine, ok, problem, sentence, skipped, warning
from kws_app.errors import EX_NOPERM

UNIT = "kws-app.service"
UNITS = {"/etc/systemd/system": "multi-user.target.wants", "/etc/systemd/user": "default.target.wants"}
"""Where systemd/install.sh puts the unit, and what links to it there once it is enabled."""

WATCHDOG = re.compile(r"^\s*WatchdogSec\s*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
OFF = ("", "0", "infinity")

SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
SECONDS = {"us": 1e-6, "ms": 1e-3, "": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600}
"""systemd's units of time, as far as a watchdog is set in them."""

MARGIN_SECONDS = 10
"""For closing and opening the device once more, and for the last words."""

ANSWER_SECONDS = 30.0

LEAST_FREE_BYTES = 1_000_000

HEARS = ("listening", "muted")


def unit(machine: Machine) -> Check:
    """Whether the service starts with the board."""
    folder = _unit_folder(machine)
    if folder is None:
        return skipped("unit", "not installed as a service (systemd/install.sh)")
    if (machine.path(folder) / UNITS[folder] / UNIT).is_symlink():
        return ok("unit", f"{folder}/{UNIT}, enabled")
    scope = " --global" if folder.endswith("user") else ""
    return warning(
        "unit", f"{folder}/{UNIT} is not enabled: it does not start with the board", f"systemctl enable{scope} kws-app"
    )


def watchdog(machine: Machine, audio: AudioSettings) -> Check:
    """Whether systemd restarts a daemon that runs and does not hear, and not one that still tries as *audio* says."""
    folder = _unit_folder(machine)
    if folder is None:
        return skipped("watchdog", "not installed as a service")
    place = machine.path(folder) / UNIT
    parts = [place, *sorted((place.parent / f"{UNIT}.d").glob("*.conf"))]
    set_to = [value for part in parts for value in WATCHDOG.findall(_text(part))]
    if not set_to or set_to[-1] in OFF:
        return warning(
            "watchdog",
            "off: a daemon that hangs is not restarted",
            f"set WatchdogSec=45, as the unit has it that kws-app comes with: systemctl edit {UNIT}",
        )
    needed = audio.deaf_after_seconds + audio.give_up_after_seconds + MARGIN_SECONDS
    if _seconds(set_to[-1]) < needed:
        return warning(
            "watchdog",
            f"WatchdogSec={set_to[-1]} ends the daemon while it still tries to hear again: "
            f"audio.deaf_after_seconds and audio.give_up_after_seconds are {audio.deaf_after_seconds:g} and "
            f"{audio.give_up_after_seconds:g}",
            f"set WatchdogSec={needed:.0f} at least, and TimeoutStartSec= too: systemctl edit {UNIT}",
        )
    return ok("watchdog", f"WatchdogSec={set_to[-1]}")


def daemon(machine: Machine, *options: str) -> tuple[Check, dict[str, Any] | None]:
    """Whether the daemon answers on its control socket, and hears; and its status, if it answers."""
    ended = machine.run("-m", "kws_app", "status", "--json", *options, within=ANSWER_SECONDS)
    if ended.output:
        status: dict[str, Any] = json.loads(ended.output)
        return _hearing(status), status
    if ended.status == EX_NOPERM:
        said, _, remedy = sentence(ended).partition("; ")
        return warning("daemon", said, remedy or "try it with sudo"), None
    if _unit_folder(machine) is None:
        return skipped("daemon", f"none runs: {sentence(ended).partition(';')[0]}"), None
    return problem("daemon", sentence(ended), f"systemctl start kws-app; journalctl -u {UNIT} says why it ended"), None


def state(machine: Machine, settings: StateSettings, configured_in: Path) -> Check:
    """Whether what is to survive a restart can be kept; relative paths begin in the folder *configured_in*."""
    folder = machine.path(settings.place(configured_in, machine.environment, is_root=machine.user == 0))
    if machine.user != 0 and _unit_folder(machine) is not None:
        return skipped("state", f"{folder} is the service's; sudo kws-app doctor looks at it")
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir():
        return problem("state", f"{there} is no folder", "remove it, or set state.directory")
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return problem(
            "state", f"{there} cannot be written", f"sudo install -d -o $USER {folder}, or set state.directory"
        )
    if _is_read_only(there) or os.statvfs(there).f_bavail * os.statvfs(there).f_frsize < LEAST_FREE_BYTES:
        return problem("state", f"{there}: the disk is full, or read-only", "make room: df; look at the card: dmesg")
    return ok("state", f"{folder} can be written")


def _hearing(status: dict[str, Any]) -> Check:
    reason = f": {status['reason']}" if status["reason"] else ""
    seen = f"{status['state']}{reason}; pid {status['pid']}, {status['device']}"
    if status["state"] in HEARS:
        return ok("daemon", seen)
    return problem("daemon", seen, f"journalctl -u {UNIT}; docs/explanation/failure.md has every reason")


def _seconds(span: str) -> float:
    """A time as systemd writes it: 45, 1min 30s; infinity for a unit that is not known."""
    return sum(float(number) * SECONDS.get(unit, float("inf")) for number, unit in SPAN.findall(span))


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _unit_folder(machine: Machine) -> str | None:
    return next((folder for folder in UNITS if (machine.path(folder) / UNIT).is_file()), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
