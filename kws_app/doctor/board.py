"""Checks of the board and its system: Python, word size, power, clock."""

from __future__ import annotations

from kws_app.board import THROTTLED
from kws_app.doctor.check import Check, Machine, joined, ok, problem, skipped, warning

VERSIONS = ((3, 11), (3, 13))
PROCESSORS = ("x86_64", "aarch64")
"""Those that there is an ONNX Runtime for."""

FIRMWARE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
PAST = 16
"""Higher by so many bits stands what has happened since the board was started."""


def python(machine: Machine) -> Check:
    """Whether the interpreter is one that kws-app is tested with."""
    oldest, newest = VERSIONS
    seen = f"Python {_dotted(machine.version)}"
    if machine.version < oldest:
        return problem(
            "python",
            f"{seen} is too old",
            f"install Python {_dotted(oldest)} or newer; Debian 12 and Raspberry Pi OS (bookworm) have it",
        )
    if machine.version > newest:
        return warning("python", f"{seen} is newer than what was tested", f"take {_dotted(newest)} if anything fails")
    return ok("python", seen)


def system(machine: Machine) -> Check:
    """Whether there is an ONNX Runtime for this system."""
    seen = f"{machine.bits}-bit system, {machine.processor} processor"
    if machine.bits != 64:
        return problem(
            "system",
            f"{seen}: there is no ONNX Runtime for it",
            "install the 64-bit system, such as Raspberry Pi OS (64-bit); boards before the Pi 3 and Zero 2 W cannot",
        )
    if machine.processor not in PROCESSORS:
        return problem(
            "system", f"{seen}: there is no ONNX Runtime for it", f"take a board with {' or '.join(PROCESSORS)}"
        )
    return ok("system", seen)


def power(machine: Machine) -> Check:
    """Whether the board has, and had, enough voltage: a common reason for USB microphones to drop out."""
    alarms = [
        alarm
        for hwmon in sorted(machine.path("/sys/class/hwmon").glob("hwmon*"))
        if (hwmon / "name").is_file() and (hwmon / "name").read_text().strip() == "rpi_volt"
        for alarm in hwmon.glob("in*_lcrit_alarm")
    ]
    throttled = machine.text(FIRMWARE)
    if throttled is None and not alarms:
        return skipped("power", "this board does not tell")
    bits = _hexadecimal(throttled)
    now = [what for bit, what in THROTTLED.items() if bits >> bit & 1]
    past = [what for bit, what in THROTTLED.items() if bits >> bit + PAST & 1]
    if any(alarm.read_text().strip() == "1" for alarm in alarms) and THROTTLED[0] not in now:
        now.insert(0, THROTTLED[0])
    remedy = "use the board's own power supply and a short, thick cable; give it air if it is hot"
    if THROTTLED[0] in now:
        return problem("power", f"now: {joined(now)}", remedy)
    if now or past:
        return warning("power", f"now: {joined(now) or 'all is well'}; since the start: {joined(past)}", remedy)
    return ok("power", "no under-voltage, not throttled")


def clock(machine: Machine) -> Check:
    """Whether the wall clock is right: events carry it, and a board without a battery wakes in the past."""
    folder = machine.path("/run/systemd/timesync")
    if not folder.is_dir():
        return skipped("clock", "systemd-timesyncd does not run; another program may set the clock")
    if not (folder / "synchronized").exists():
        return warning("clock", "not synchronised since the start", "is there a network? timedatectl timesync-status")
    return ok("clock", "synchronised")


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _hexadecimal(text: str | None) -> int:
    try:
        return int(text or "0", 16)
    except ValueError:
        return 0
