"""A sound card that a test breaks under a running program: broken_card.c, compiled, and the page it reads."""

from __future__ import annotations

import ctypes
import mmap
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class BrokenCard(ctypes.Structure):
    """What is broken; whole at first. ``environment`` puts it before the programs that are to meet it."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in ("is_busy", "overflows", "close_hangs", "open_hangs", "is_hanging", "clock_seconds")
    ]

    environment: dict[str, str]

    is_busy: int
    """Another program holds the card."""
    overflows: int
    """Every so many looks at the card, it says that it lost audio; 0: never."""
    close_hangs: int
    """Closing the card never returns."""
    open_hangs: int
    """Opening it does not, either."""
    is_hanging: int
    """One of both was called, and hangs."""
    clock_seconds: int
    """How far the time of day is off."""


def broken_card(folder: Path) -> BrokenCard:
    """Compile it into the folder; whole at first."""
    if shutil.which("gcc") is None or not Path("/usr/include/alsa/asoundlib.h").exists():
        pytest.skip("needs gcc and libasound2-dev")
    library, page = folder / "broken_card.so", folder / "broken_card"
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-Wl,--no-as-needed", "-lasound"],
        check=True,
    )
    page.write_bytes(bytes(mmap.PAGESIZE))
    with page.open("r+b") as file:
        card = BrokenCard.from_buffer(mmap.mmap(file.fileno(), 0))
    card.environment = {"LD_PRELOAD": str(library), "BROKEN_CARD": str(page)}
    return card
