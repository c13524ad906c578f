"""A folder of synthetic clips: cut to the speech, 16 kHz mono FLAC, listed in ``manifest.tsv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no stubs (1.1.0)

from kws_app.arrays import RATE, Audio, Samples
from kws_app.training.data import write_recording
from kws_app.training.script import Utterance

PEAK = 0.7
"""Of full scale, in every clip; scenes choose their own level."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.12, 40.0

COLUMNS = ["path", "kind", "keyword", "text", "engine", "voice", "seconds", "speech_start_s", "speech_end_s", "split"]


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Speech with a little silence around it; *start* and *end* are the speech's, in samples."""

    samples: Samples
    start: int
    end: int


class ClipFolder:
    """The clips in *root*. A clip's line follows its file, so what the manifest lists is complete."""

    def __init__(self, root: Path) -> None:
        self._root, self._manifest = root, root / "manifest.tsv"
        text = self._manifest.read_text(encoding="utf-8") if self._manifest.exists() else ""
        whole = text[: text.rfind("\n") + 1] or self._line(COLUMNS)  # a stop can leave half a line
        if whole != text:
            root.mkdir(parents=True, exist_ok=True)
            self._manifest.write_text(whole, encoding="utf-8")
        self.paths = {row["path"] for row in csv.DictReader(io.StringIO(whole), delimiter="\t")}

    def add(self, utterance: Utterance, clip: Trimmed) -> None:
        """Write one clip."""
        path = self._root / utterance.path
        path.parent.mkdir(parents=True, exist_ok=True)
        write_recording(path, clip.samples)
        times = (len(clip.samples) / RATE, clip.start / RATE, clip.end / RATE)
        row = {column: getattr(utterance, column, "") for column in COLUMNS}
        row |= {name: f"{time:.3f}" for name, time in zip(COLUMNS[6:9], times, strict=True)}
        with self._manifest.open("a", encoding="utf-8") as file:
            file.write(self._line(row.values()))

    @staticmethod
    def _line(values: Iterable[str]) -> str:
        line = io.StringIO()
        csv.writer(line, delimiter="\t", lineterminator="\n").writerow(values)
        return line.getvalue()


def trim(audio: Audio, rate: int, margin_seconds: float) -> Trimmed:
    """Bring *audio*, float ``(n,)`` at *rate* Hz, to 16 kHz and cut what is silent, but for a margin.

    Raises:
        ValueError: nothing is said, or not in a plausible time.
    """
    audio = soxr.resample(audio, rate, RATE)
    hop = RATE // 100
    power = np.square(audio[: len(audio) // hop * hop].reshape(-1, hop)).mean(axis=1)
    loud = np.flatnonzero(power > 4e-4 * power.max(initial=0))  # 34 dB below the loudest hundredth of a second
    if loud.size == 0:
        raise ValueError("silence")
    first, last = int(loud[0]) * hop, (int(loud[-1]) + 1) * hop
    if not SHORTEST_SECONDS <= (last - first) / RATE <= LONGEST_SECONDS:
        raise ValueError(f"speech of {(last - first) / RATE:.2f} s")
    start, stop = max(0, first - int(margin_seconds * RATE)), last + int(margin_seconds * RATE)
    samples = np.rint(audio[start:stop] * (PEAK * 32767 / np.abs(audio).max())).astype(np.int16)
    return Trimmed(samples, first - start, last - start)
