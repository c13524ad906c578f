"""Recordings to judge with: folders of clips and of background, read for streams that no training hears."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kws_app.arrays import RATE, Audio
from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.training.augment import fade
from kws_app.training.data import keyword_of, read_recording, rows
from kws_app.training.manifest import SPLITS

logger = logging.getLogger(__name__)

FORMATS = {".flac", ".wav", ".ogg", ".opus", ".mp3"}
HOP = RATE // 100


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """One word: float32 audio, its first and last sample in it, and whether they are known or only measured."""

    name: str
    audio: Audio
    start: int
    end: int
    sure: bool
    speaker: str
    groups: tuple[str, ...] = ()


@dataclass(slots=True)
class HeldOut:
    """Reads what the command line names. A file that cannot be read, or holds nothing, is skipped and listed."""

    split: str
    skipped: list[str] = field(default_factory=list)

    def words(self, root: Path) -> dict[str, list[SpokenClip]]:
        """Clips by keyword.

        With *root*/manifest.tsv (``path``, ``word``, ``speaker``; if known ``speech_start_s``, ``speech_end_s``,
        ``flags``, and ``groups`` separated by commas) those whose path begins with the split. Without, the clips
        below *root*/WORD: all of them, and a speaker is the folder below WORD or what stands before the last
        underscore of a name.

        Raises:
            ConfigError: there is none, or a speaker stands in another split too.
        """
        listed = (root / "manifest.tsv").exists()
        clips = self._listed(root) if listed else self._found(root)
        words: dict[str, list[SpokenClip]] = {}
        for keyword, clip in clips:
            words.setdefault(keyword, []).append(clip)
        if not words:
            where = f"no path in its manifest.tsv begins with {self.split}/" if listed else "no clips in WORD/ below it"
            raise ConfigError(Fault(str(root), None, "", where))
        return words

    def clips(self, root: Path) -> list[SpokenClip]:
        """All clips below *root*; with *root*/manifest.tsv, of those it lists the split's own.

        Of a folder of ``kws-train synthesize``, the near misses that are there to test.
        """
        paths = files(root)
        if (root / "manifest.tsv").exists():
            paths = [root / row["path"] for row in rows(root / "manifest.tsv") if self._is_meant(row)]
        return [clip for path in paths if (clip := self._clip(path, speaker_of(path, root))) is not None]

    def recordings(self, folder: Path) -> Iterator[tuple[str, Audio]]:
        """Name and float32 audio of everything below *folder*, one after the other."""
        for path in files(folder):
            audio = self.read(path)
            if audio is not None:
                yield str(path.relative_to(folder)), audio

    def read(self, path: Path) -> Audio | None:
        """One file, or None with the file noted as skipped."""
        try:
            audio = read_recording(path).astype(np.float32) / 32768
        except RecordingError as error:
            return self._skip(str(error))
        return audio if audio.any() else self._skip(f"{path}: empty or silent")

    def _is_meant(self, row: dict[str, str]) -> bool:
        if "split" in row:  # kws-train synthesize knows two: what training hears, and the rest
            return row.get("kind", "near_miss") == "near_miss" and row["split"] != "train"
        return row["path"].partition("/")[0] not in {"train", *SPLITS} - {self.split}

    def _skip(self, reason: str) -> None:
        if reason not in self.skipped:  # noise is read to mix with words and again as a negative
            self.skipped.append(reason)
            logger.warning("skipped %s", reason)

    def _listed(self, root: Path) -> Iterator[tuple[str, SpokenClip]]:
        listed = [*rows(root / "manifest.tsv")]
        chosen = [row for row in listed if row["path"].startswith(f"{self.split}/")]
        elsewhere = {row["speaker"] for row in listed if not row["path"].startswith(f"{self.split}/")}
        shared = sorted({row["speaker"] for row in chosen} & elsewhere)
        if shared:
            message = f"stand in another split than {self.split} too: {', '.join(shared)}; give every speaker one split"
            raise ConfigError(Fault(str(root / "manifest.tsv"), None, "speaker", message))
        for row in chosen:
            clip = self._clip(root / row["path"], row["speaker"], row)
            if clip is not None:
                yield keyword_of(row["word"]), clip

    def _found(self, root: Path) -> Iterator[tuple[str, SpokenClip]]:
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            for path in files(folder):
                clip = self._clip(path, speaker_of(path, folder))
                if clip is not None:
                    yield keyword_of(folder.name), clip

    def _clip(self, path: Path, speaker: str, row: dict[str, str] | None = None) -> SpokenClip | None:
        audio, row = self.read(path), row or {}
        if audio is None:
            return None
        start, end = (int(float(row.get(name) or 0) * RATE) for name in ("speech_start_s", "speech_end_s"))
        sure = 0 <= start < end and "unsure-times" not in row.get("flags", "")
        if not sure:
            start, end = loud_span(audio)
        groups = tuple(filter(None, row.get("groups", "").split(",")))
        return SpokenClip(path.name, fade(audio), start, min(end, len(audio)), sure, speaker, groups)


def files(folder: Path) -> list[Path]:
    """All recordings below *folder*, in an order that does not depend on the disk.

    Raises:
        ConfigError: it is no folder.
    """
    if not folder.is_dir():
        raise ConfigError(Fault(str(folder), None, "", "no such folder"))
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMATS)


def speaker_of(path: Path, folder: Path) -> str:
    """The folder that a clip lies in below *folder*, or what its name has before the last underscore."""
    return path.parent.name if path.parent != folder else path.stem.rpartition("_")[0]


def loud_span(audio: Audio) -> tuple[int, int]:
    """Where something is said, as first and last sample: the hundredths of a second that stand out.

    These are at most 30 dB below the loudest, and 9 dB above the clip's own floor unless it has hardly one.
    """
    power = np.square(audio[: len(audio) // HOP * HOP].reshape(-1, HOP)).mean(axis=1) + 1e-12
    if not len(power):
        return 0, len(audio)
    level = 10 * np.log10(power)
    limit = max(level.max() - 30, min(np.percentile(level, 10) + 9, level.max() - 12))
    loud = np.flatnonzero(level >= limit)
    return int(loud[0]) * HOP, (int(loud[-1]) + 1) * HOP
