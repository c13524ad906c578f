"""The phones of running speech: their alphabet, and which is spoken when in a recording.

``kws-train align`` finds them, scenes lay them down with the sound, and a network may learn them beside its words.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE
from kws_app.errors import ConfigError, Fault

SILENCE = "SIL"
PHONES = (
    SILENCE, "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""ARPAbet as the CMU dictionary writes it, and the silence between words."""

UNKNOWN = 255
"""Where nobody knows what is spoken: noise, music, speech without a text."""

SLOT = RATE // 100
"""Samples to a label: recordings are aligned to the hundredth of a second."""

Phones = npt.NDArray[np.uint8]
"""An index into ``PHONES`` a slot, or ``UNKNOWN``."""

COLUMNS = ["path", "start_s", "phones"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found in a stretch of one recording: the stretch's first sample, and its phones."""

    start: int
    phones: Phones


@dataclass(slots=True)
class Alignment:
    """Stretches by recording, as the file of ``kws-train align`` lists them."""

    stretches: dict[str, list[Stretch]] = field(default_factory=dict)

    def of(self, path: Path, first: int, last: int) -> Phones | None:
        """The phones of the recording's samples *first* to *last*; None where nothing of it is aligned."""
        found = self.stretches.get(str(path.resolve()))
        if found is None:
            return None
        phones = np.full(-(-(last - first) // SLOT), UNKNOWN, np.uint8)
        for stretch in found:
            offset = round((stretch.start - first) / SLOT)
            begin, end = max(0, offset), min(len(phones), offset + len(stretch.phones))
            if begin < end:
                phones[begin:end] = stretch.phones[begin - offset : end - offset]
        return phones


def read_alignment(file: Path) -> Alignment:
    """The alignment in *file*.

    Raises:
        ConfigError: a line of it is no stretch.
    """
    alignment = Alignment()
    for number, row in enumerate(aligned_rows(file), 2):
        try:
            stretch = Stretch(round(float(row["start_s"]) * RATE), unpack(row["phones"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(Fault(str(file), number, "", "is no line of kws-train align")) from error
        alignment.stretches.setdefault(row["path"], []).append(stretch)
    return alignment


def aligned_rows(file: Path) -> Iterator[dict[str, str]]:
    """The rows of *file*: recording, start of the stretch, and ``phone:slots`` one after another."""
    with file.open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def pack(phones: Sequence[tuple[str, int]]) -> str:
    """(phone, slots) one after another, as text; nothing where nothing was found."""
    return " ".join(f"{phone}:{slots}" for phone, slots in phones)


def unpack(text: str) -> Phones:
    """The labels that ``pack`` wrote."""
    pairs = [item.split(":") for item in text.split()]
    return np.array([PHONES.index(phone) for phone, slots in pairs for _ in range(int(slots))], np.uint8)
