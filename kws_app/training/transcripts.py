"""What is said in the recordings that have a text: every stretch of speech of the data folders, with its words."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kws_app.training.data import rows


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of a recording in which *text* is read; an *end* of None is the recording's own."""

    path: Path
    start_seconds: float
    end_seconds: float | None
    text: str


def of_recordings(root: Path) -> Iterator[Reading]:
    """The train split of ``wakewords`` and ``speech_commands`` below *root*, whose labels are their text."""
    for row in rows(root / "wakewords" / "manifest.tsv"):
        if row["path"].startswith("train/"):
            start, end = float(row["rec_start_s"]), float(row["rec_end_s"])
            yield Reading(root / "wakewords" / row["path"], start, end, row["word"])
    for row in rows(root / "speech_commands" / "manifest.tsv"):
        if row["path"].startswith("train/") and not row["word"].startswith("_"):
            yield Reading(root / "speech_commands" / row["path"], 0.0, None, row["word"])


def of_background(root: Path, texts: Mapping[str, str]) -> Iterator[Reading]:
    """The speech below *root* whose ``source_id`` has a text in *texts* or in the folder's ``transcripts.tsv``."""
    own = root / "transcripts.tsv"
    known = {**texts, **(read_texts(own) if own.exists() else {})}
    for row in rows(root / "segments.tsv"):
        text = known.get(row["source_id"], "")
        if text and row["path"].startswith("speech/"):
            yield Reading(root / row["path"], float(row["start_s"]), float(row["end_s"]), text)


def of_synthetic(root: Path) -> Iterator[Reading]:
    """The train split of what ``kws-train synthesize`` wrote to *root*."""
    for row in rows(root / "manifest.tsv"):
        if row.get("split", "train") == "train":
            yield Reading(root / row["path"], 0.0, None, row["text"])


def read_texts(file: Path) -> dict[str, str]:
    """Text by ``source_id`` from a table with these two columns."""
    with file.open(newline="", encoding="utf-8") as lines:
        return {row["source_id"]: row["text"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}
