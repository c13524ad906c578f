"""Checks of sound cards by what the kernel tells: who may open them, who holds them, whether one is missing."""

from __future__ import annotations

import grp
import re
from collections.abc import Iterator
from pathlib import Path

from kws_app.audio.holder import holder
from kws_app.doctor.check import Check, Machine, joined, ok, problem, skipped, warning

CAPTURE = re.compile(r"pcmC(\d+)D(\d+)c$")

SOUND_SERVERS = ("pipewire", "wireplumber", "pulseaudio")

BOOT_CONFIGS = ("/boot/firmware/config.txt", "/boot/config.txt")
HAT_OVERLAY = re.compile(
    r"^\s*dtoverlay\s*=\s*([\w-]*(?:voicehat|voicecard|respeaker|seeed|wm8960|i2s|mic|codec|soundcard|hifiberry"
    r"|iqaudio|audioinjector|adau7002|wolfson|justboom)[\w-]*)",
    re.MULTILINE,
)
SESSION_SOCKETS = ("pipewire-0", "pulse/native")


def captures(machine: Machine) -> list[Path]:
    """The device files that record."""
    return sorted(path for path in machine.path("/dev/snd").glob("pcmC*D*c") if CAPTURE.search(path.name))


def permission(machine: Machine) -> Check:
    """Whether this user may open the cards."""
    found = captures(machine)
    if not found:
        return skipped("permission", "no card that records")
    closed = [path for path in found if not machine.may_open(path)]
    if not closed:
        return ok("permission", f"this user may open {joined([path.name for path in found])}")
    group = _group(closed[0])
    return problem(
        "permission",
        f"this user may not open {joined([path.name for path in closed])}: not in group {group}",
        f"sudo usermod -aG {group} $USER, then log in again; the service has its own user, which is in it",
    )


def busy(machine: Machine, daemon: int | None) -> Check:
    """Who has a card open that records, other than our own daemon of that process number."""
    held = {path.name: who for path in captures(machine) if (who := holder(_hardware(path), machine.root))}
    others = {name: who for name, who in held.items() if not who.endswith(f"(process {daemon})")}
    if not others:
        return ok("busy", "no other program holds a card") if captures(machine) else skipped("busy", "no card")
    seen = joined([f"{who} holds {name}" for name, who in others.items()])
    if all(who.startswith(SOUND_SERVERS) for who in others.values()):
        return ok("busy", f"{seen}: a sound server, which shares it")
    return warning("busy", seen, "end that program, or let both share the card through a sound server")


def hat(machine: Machine) -> Check:
    """Whether a sound HAT is on the board, or announced, whose card does not appear."""
    product = machine.text("/proc/device-tree/hat/product")
    overlays = [name for place in BOOT_CONFIGS for name in HAT_OVERLAY.findall(machine.text(place) or "")]
    if product is None and not overlays:
        return skipped("hat", "no HAT tells of itself, and none is announced in config.txt")
    seen = joined([*([f"HAT {product}"] if product else []), *(f"dtoverlay={name}" for name in overlays)])
    if captures(machine):
        return ok("hat", f"{seen}; there is a card that records")
    remedy = (
        "its driver is not loaded: dmesg | grep -i -E 'snd|i2s|wm8960' says why; drivers from outside the kernel break "
        "at its updates"
    )
    if product and not overlays:
        return warning("hat", f"{seen}, and no card that records", f"if it has a microphone: {remedy}")
    return problem("hat", f"{seen}, and no card that records", remedy)


def sound_server(machine: Machine, daemon: int | None) -> Check:
    """Whether the sound server, if there is one, is within reach of who asks, or of the daemon (a process number)."""
    sessions = sorted(set(_sessions(machine)))
    if not sessions:
        return skipped("sound server", "none runs; ALSA is used directly")
    if machine.user in sessions:
        return ok("sound server", "one runs in this user's session")
    if _owner(machine, daemon) in sessions:
        return ok("sound server", "one runs in the session of the daemon's user")
    users = joined([f"user {user}" for user in sessions])
    if captures(machine):
        return ok("sound server", f"only in the session of {users}; ALSA's cards are there for everybody else")
    return problem(
        "sound server",
        f"only in the session of {users}, out of this user's reach, and there is no card of ALSA's",
        "run kws-app in that session: systemd/install.sh --desktop; or as that user: --user NAME --open sound-server",
    )


def _sessions(machine: Machine) -> Iterator[int]:
    for folder in machine.path("/run/user").glob("[0-9]*"):
        if any(_is_there(folder / name) for name in SESSION_SOCKETS):
            yield int(folder.name)


def _owner(machine: Machine, process: int | None) -> int | None:
    try:
        return machine.path(f"/proc/{process}").stat().st_uid
    except OSError:
        return None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # another user's; that there is a session is all that can be seen
        return False


def _hardware(path: Path) -> str:
    match = CAPTURE.search(path.name)
    assert match is not None
    return f"(hw:{match[1]},{match[2]})"


def _group(path: Path) -> str:
    number = path.stat().st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
