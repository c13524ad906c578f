"""Clips whose label is doubted: they sound like another keyword, or like none."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from kws_app.arrays import RATE, Samples
from kws_app.errors import RecordingError
from kws_app.training.data import keyword_of, read_recording, rows
from kws_app.training.tables import write_table
from kws_app.training.wordembedding import Centroids, Direction, Heard, WordEmbedding

logger = logging.getLogger(__name__)

COLUMNS = ["path", "keyword", "cosine", "nearest", "nearest_cosine"]


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """One clip that says *keyword*, or so its manifest says; where it lies in the recording, if that is known."""

    path: Path
    keyword: str
    speaker: str
    seconds: tuple[float, float] | None

    def read(self) -> Samples:
        """The clip alone.

        Raises:
            RecordingError: it cannot be read.
        """
        samples = read_recording(self.path)
        if self.seconds is None:
            return samples
        first, last = (round(second * RATE) for second in self.seconds)
        return samples[first:last]


def recorded_clips(root: Path, keywords: Sequence[str]) -> Iterator[LabelledClip]:
    """The train split of the recordings in *root*/wakewords."""
    for row in rows(root / "wakewords" / "manifest.tsv"):
        keyword = keyword_of(row["word"])
        if row["path"].startswith("train/") and keyword in keywords:
            between = float(row["rec_start_s"]), float(row["rec_end_s"])
            yield LabelledClip(root / "wakewords" / row["path"], keyword, row["speaker"], between)


def synthetic_clips(root: Path, keywords: Sequence[str]) -> Iterator[LabelledClip]:
    """The keywords of a folder of ``kws-train synthesize``."""
    for row in rows(root / "manifest.tsv"):
        if row["kind"] == "word" and row["keyword"] in keywords:
            yield LabelledClip(root / row["path"], row["keyword"], f"{row['engine']}/{row['voice']}", None)


class Doubts:
    """Doubts clips by an ear that was trained on other words.

    Args:
        ear: the borrowed one.
        trusted: clips of all keywords; most of their labels are right.
        least: cosine to the keyword's middle below which a clip is doubted.
    """

    def __init__(self, ear: WordEmbedding, trusted: Sequence[LabelledClip], least: float) -> None:
        self._ear, self._least = ear, least
        self._known: dict[Path, Direction] = dict(self._directions(trusted))
        self._centroids = Centroids(
            (clip.keyword, clip.speaker, self._known[clip.path]) for clip in trusted if clip.path in self._known
        )

    def of(self, clips: Sequence[LabelledClip]) -> list[tuple[LabelledClip, Heard]]:
        """Those of *clips* that are doubted, the most doubtful first."""
        known = self._known | dict(self._directions([clip for clip in clips if clip.path not in self._known]))
        heard = [
            (clip, self._centroids.hear(clip.keyword, clip.speaker, known[clip.path]))
            for clip in clips
            if clip.path in known
        ]
        doubted = [(clip, found) for clip, found in heard if found.own < self._least or found.own < found.other]
        return sorted(doubted, key=lambda pair: pair[1].own - pair[1].other)

    def _directions(self, clips: Sequence[LabelledClip]) -> Iterator[tuple[Path, Direction]]:
        for clip in tqdm(clips, unit="clip", disable=None):
            try:
                samples = clip.read()
            except RecordingError as error:
                logger.warning("skipped %s", error)
                continue
            if samples.any():
                yield clip.path, self._ear.embed(samples)
            else:
                logger.warning("skipped %s: empty or silent", clip.path)


def write_doubts(path: Path, doubted: Sequence[tuple[LabelledClip, Heard]]) -> None:
    """A line a clip, or what was there before."""
    write_table(
        path,
        COLUMNS,
        [(clip.path, clip.keyword, f"{found.own:.3f}", found.nearest, f"{found.other:.3f}") for clip, found in doubted],
    )
