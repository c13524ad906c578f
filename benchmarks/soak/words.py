"""What is said in the room: words that models know, and talk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import soundfile

from benchmarks.soak.room import Signal
from kws_app.arrays import RATE
from tests.tones import sweep

SAMPLE = Path(__file__).parents[2] / "examples" / "computer.flac"
SPANS = {"computer": [(2.9, 7.0), (6.9, 10.6)]}
"""From when to when in the sample a keyword is said once."""
TALK = (0.0, 2.9)

TONES = {"rise": (500, 2000), "fall": (2000, 500)}
"""The keywords of the tests' tiny model."""
VOICES = [(1, 2, 3), (4, 1, 0), (0, 5, 2)]


def recordings(keywords: Iterable[str]) -> dict[str, list[Signal]]:
    """Keyword -> recordings, for those that there are any of."""
    known = {keyword: [_cut(*span) for span in spans] for keyword, spans in SPANS.items()}
    known |= {keyword: [sweep(*tones, phases=voice) for voice in VOICES] for keyword, tones in TONES.items()}
    return {keyword: known[keyword] for keyword in keywords if keyword in known}


def talk() -> list[Signal]:
    """Somebody says something else."""
    return [_cut(*TALK)]


def _cut(begin: float, end: float) -> Signal:
    sound, _ = soundfile.read(SAMPLE, start=round(begin * RATE), stop=round(end * RATE), dtype="int16")
    return sound.astype(float)
