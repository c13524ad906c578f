"""Phones of recordings: written as text, read back in slots, cut with the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws_app.errors import ConfigError
from kws_app.training.phones import PHONES, SLOT, UNKNOWN, Alignment, Stretch, pack, read_alignment, unpack

SIL, AH, B = (PHONES.index(phone) for phone in ("SIL", "AH", "B"))


def test_phones_read_back_as_they_were_written() -> None:
    assert unpack(pack([("SIL", 2), ("B", 1), ("AH", 3)])).tolist() == [SIL, SIL, B, AH, AH, AH]
    assert unpack(pack([])).tolist() == []


def test_a_cut_of_a_recording_has_the_phones_that_are_spoken_in_it(tmp_path: Path) -> None:
    stretches = [Stretch(2 * SLOT, np.array([B, B, AH], np.uint8)), Stretch(7 * SLOT, np.array([AH], np.uint8))]
    alignment = Alignment({str(tmp_path / "a.wav"): stretches})

    phones = alignment.of(tmp_path / "a.wav", 3 * SLOT, 9 * SLOT)

    assert phones is not None
    assert phones.tolist() == [B, AH, UNKNOWN, UNKNOWN, AH, UNKNOWN]
    assert alignment.of(tmp_path / "b.wav", 0, SLOT) is None


@pytest.mark.parametrize("line", ["a.wav\tsoon\tB:3", "a.wav\t0.0\tB", "a.wav\t0.0\tQ:3", "a.wav"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "phones.tsv"
    file.write_text(f"path\tstart_s\tphones\na.wav\t0.0\tB:3\n{line}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"phones\.tsv:3: is no line of kws-train align"):
        read_alignment(file)
