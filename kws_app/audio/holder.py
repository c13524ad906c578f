"""Which program holds a sound card: the kernel knows, so a person need not guess."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HARDWARE = re.compile(r"\(hw:(\d+),(\d+)\)")


def holder(device: str, root: Path = Path("/")) -> str | None:
    """Who records from the card in *device*, ``USB Audio (hw:1,0)``: ``arecord (process 812)``; None if unknown.

    A device of an audio server has no card in its name, and what other users run may be hidden from us.
    """
    hardware = HARDWARE.search(device)
    if hardware is None:
        return None
    card, number = hardware.groups()
    pids = (*_owners(root, card, number), *_with_open_file(root, f"/dev/snd/pcmC{card}D{number}c"))
    return next((f"{name} (process {pid})" for pid in pids if (name := _text(root / f"proc/{pid}/comm"))), None)


def _owners(root: Path, card: str, number: str) -> Iterator[str]:
    """What the driver says: the thread that opened the device, the state of which is ``closed`` otherwise."""
    for status in sorted((root / f"proc/asound/card{card}/pcm{number}c").glob("sub*/status")):
        yield from re.findall(r"^owner_pid\s*:\s*(\d+)", _text(status), re.MULTILINE)


def _with_open_file(root: Path, device: str) -> Iterator[str]:
    for process in (root / "proc").glob("[0-9]*"):
        try:
            if any(str(descriptor.readlink()) == device for descriptor in (process / "fd").iterdir()):
                yield process.name
        except OSError:  # another user's, or it has just ended
            continue


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
