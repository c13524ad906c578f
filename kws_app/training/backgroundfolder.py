"""A folder of running speech, to train with or to judge by: clips joined to files, and tables of what is where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.training.data import write_recording
from kws_app.wholefile import whole

FILE_SECONDS, GAP_SECONDS = 240.0, 0.3
TABLES = {
    "manifest": ("path", "kind", "speaker_or_recording", "language", "seconds", "source", "licence"),
    "segments": ("path", "start_s", "end_s", "speaker_or_recording", "source_id", "language"),
    "transcripts": ("source_id", "text"),
}


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """What one clip holds.

    Attributes:
        clip: its name, which no other has.
        language: as Common Voice writes it, ``sv-SE``.
    """

    clip: str
    speaker: str
    text: str
    language: str


@dataclass(slots=True)
class BackgroundFolder:
    """Takes clips, joins those of a language to files of four minutes, and is read by ``--background`` once closed.

    Args:
        root: made anew.
        languages: those of the keywords; ``speech`` is in one of them, ``speech_other_languages`` in others.
        source: what the manifest says of where it is from.
        licence: SPDX identifier of the recordings'.
    """

    root: Path
    languages: set[str]
    source: str
    licence: str
    samples: int = 0
    speakers: set[str] = field(default_factory=set)
    _open: dict[str, list[tuple[ReadSentence, Samples]]] = field(default_factory=dict)
    _rows: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: {name: [] for name in TABLES})

    @property
    def hours(self) -> float:
        return self.samples / RATE / 3600

    def add(self, sentence: ReadSentence, samples: Samples) -> None:
        """Add a clip; a file that is long enough is written.

        Raises:
            OutputError: it cannot be.
        """
        self.samples += len(samples)
        self.speakers.add(sentence.speaker)
        joined = self._open.setdefault(sentence.language, [])
        joined.append((sentence, samples))
        if sum(len(samples) for _, samples in joined) >= FILE_SECONDS * RATE:
            self._join(sentence.language)

    def close(self) -> None:
        """Write what is left, and the tables.

        Raises:
            OutputError: it cannot be written.
        """
        for language in list(self._open):
            self._join(language)
        self.root.mkdir(parents=True, exist_ok=True)
        for name, columns in TABLES.items():
            with whole(self.root / f"{name}.tsv") as file:
                file.write(_lines([columns, *self._rows[name]]).encode())

    def _join(self, language: str) -> None:
        joined = self._open.pop(language)
        kind = "speech" if language.split("-")[0] in self.languages else "speech_other_languages"
        name = f"{kind}/{language}-{len(self._rows['manifest']):04d}.flac"
        gap, at, parts = np.zeros(round(GAP_SECONDS * RATE), np.int16), 0, []
        for sentence, samples in joined:
            times = (f"{sample / RATE:.3f}" for sample in (at, at + len(samples)))
            self._rows["segments"].append((name, *times, sentence.speaker, sentence.clip, language))
            self._rows["transcripts"].append((sentence.clip, sentence.text))
            parts += [samples, gap]
            at += len(samples) + len(gap)
        speakers = f"{len({sentence.speaker for sentence, _ in joined})} speakers"
        about = (name, kind, speakers, language, f"{at / RATE:.2f}", self.source, self.licence)
        self._rows["manifest"].append(about)
        (self.root / kind).mkdir(parents=True, exist_ok=True)
        write_recording(self.root / name, np.concatenate(parts))
        print(f"{self.root / name}: {at / RATE / 60:.1f} min, {speakers}", flush=True)


def _lines(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)
