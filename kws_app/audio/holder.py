"""Which programs hold sound cards: the kernel knows, so a person need not guess.

PortAudio leaves a card that is held out of its list, as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HARDWARE = re.compile(r"\(hw:(\d+),(\d+)\)")

CARD = re.compile(r"^ *(\d+) \[.*?\]: .*? - (.+)$", re.MULTILINE)
"""Of /proc/asound/cards: `` 1 [Device         ]: USB-Audio - USB PnP Sound Device``."""

OWNER = re.compile(r"^owner_pid *: *(\d+)", re.MULTILINE)


def holder(device: str, root: Path = Path("/")) -> str | None:
    """Who records from the card in *device*, ``USB Audio (hw:1,0)``: ``arecord (process 812)``; None if unknown.

    A device of an audio server has no card in its name, and what other users run may be hidden from us.
    """
    hardware = HARDWARE.search(device)
    if hardware is None:
        return None
    card, number = hardware.groups()
    threads = (*_owners(root, card, number), *_with_open_file(root, f"/dev/snd/pcmC{card}D{number}c"))
    return next(filter(None, (_program(root, thread) for thread in threads)), None)


def held_cards(root: Path = Path("/")) -> list[str]:
    """The cards that somebody records from: ``"USB PnP Sound Device" is held by arecord (process 812)``."""
    names = dict(CARD.findall(_text(root / "proc/asound/cards")))
    return [
        f'"{name}" is held by {_program(root, thread) or "another program"}'
        for card, name in names.items()
        for thread in _owners(root, card, "*")
    ]


def _owners(root: Path, card: str, number: str) -> Iterator[str]:
    """The threads that opened the card, as its driver says; the state is ``closed`` otherwise."""
    for status in sorted((root / f"proc/asound/card{card}").glob(f"pcm{number}c/sub*/status")):
        yield from OWNER.findall(_text(status))


def _with_open_file(root: Path, device: str) -> Iterator[str]:
    for process in (root / "proc").glob("[0-9]*"):
        try:
            if any(str(descriptor.readlink()) == device for descriptor in (process / "fd").iterdir()):
                yield process.name
        except OSError:  # another user's, or it has just ended
            continue


def _program(root: Path, thread: str) -> str | None:
    """The program that a thread belongs to, which has another name: PulseAudio's is ``alsa-source``."""
    process = re.search(r"^Tgid:\s*(\d+)", _text(root / f"proc/{thread}/status"), re.MULTILINE)
    pid = process[1] if process else thread
    name = _text(root / f"proc/{pid}/comm")
    return f"{name} (process {pid})" if name else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
