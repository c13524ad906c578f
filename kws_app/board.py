"""What the board says of itself: its name, its heat, and whether it is throttled."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""What the Raspberry Pi's firmware says is so now, by bit."""


def board(root: Path = Path("/")) -> dict[str, Any]:
    """What this machine says of itself under *root*; what it does not tell is left out."""
    zones = (_number(zone) for zone in (root / "sys/class/thermal").glob("thermal_zone*/temp"))
    temperatures = [millidegrees / 1000 for millidegrees in zones if millidegrees is not None]
    kilohertz = _number(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    throttled = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    facts = {
        "name": _text(root / "proc/device-tree/model") or platform.machine(),
        "cores": os.cpu_count(),
        "frequency_mhz": kilohertz and kilohertz / 1000,
        "temperature_celsius": max(temperatures, default=None),
        "throttled": None
        if throttled is None
        else [what for bit, what in THROTTLED.items() if int(throttled, 16) >> bit & 1],
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip("\0\n ")
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return None if text is None else int(text)
