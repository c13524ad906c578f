"""A recording's scores, frame by frame: what ``kws-app score`` writes and ``kws-train evaluate`` judges."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE, Samples
from kws_app.audio.wavefile import WaveFile
from kws_app.model.stepper import Model
from kws_app.pipeline import KeywordSettings, Pipeline


@dataclass(frozen=True, slots=True)
class Trace:
    """Every frame of a recording.

    Attributes:
        times: float64 ``(frames,)``, where each ends, in seconds.
        scores: float32 ``(frames, keywords)``, the model's own.
        smoothed: float32 ``(frames, keywords)``, what is held against the threshold.
        keywords: the columns.
    """

    times: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    smoothed: npt.NDArray[np.float32]
    keywords: tuple[str, ...]


def trace(recording: Path, model: Model, keywords: Mapping[str, KeywordSettings]) -> Trace:
    """Run *recording* through a new pipeline.

    Raises:
        RecordingError: it cannot be read.
        ModelError: the model has no such keyword.
    """
    with WaveFile(recording) as source:
        return trace_of((block.samples for block in source.blocks()), model, keywords)


def trace_of(blocks: Iterable[Samples], model: Model, keywords: Mapping[str, KeywordSettings]) -> Trace:
    """Run a stream, cut into *blocks* anyhow, through a new pipeline.

    Raises:
        ModelError: the model has no such keyword.
    """
    # An array keeps 4 bytes a score where a list keeps 32: a day has four million frames.
    ends, scores, smoothed = array("q"), array("f"), array("f")

    def note(end: int, raw: list[float], means: list[float]) -> None:
        ends.append(end)
        scores.extend(raw[column] for column in columns)
        smoothed.extend(means)

    pipeline = Pipeline(model, keywords, listener=note)
    columns = [model.card.keyword_ids.index(keyword) for keyword in keywords]
    for block in blocks:
        pipeline.push(block)
    return Trace(
        times=np.array(ends, np.int64) / RATE,
        scores=np.array(scores, np.float32).reshape(-1, len(columns)),
        smoothed=np.array(smoothed, np.float32).reshape(-1, len(columns)),
        keywords=tuple(keywords),
    )
