"""Whether what a model has heard for hours changes what it hears next.

A network that carries its state may drift. So the same words, those of the clean streams, are heard at the same
threshold after other audio: the manifest's own negatives for ten minutes and for two hours before the first word; and
before every single word ten seconds of digital silence, of clipped sound, of music. Nothing is drawn, so that it can
be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.audio.wavefile import WaveFile
from kws_app.model.stepper import load_model
from kws_app.pipeline import KeywordSettings
from kws_app.trace import trace_of
from kws_app.training.data import read_recording
from kws_app.training.evaluation import Evaluation
from kws_app.training.firing import HIT_SECONDS, firing_times, match
from kws_app.training.intervals import wilson
from kws_app.training.manifest import Stream, Word
from kws_app.training.spread import Spread

CLIPPING_GAIN = 100
"""40 dB, so that nearly every sample is at its limit."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is heard before the words: *seconds* of *sound*, once or before every one."""

    name: str
    sound: str
    seconds: float
    each: bool = False


BASELINE = Before("0 s", "silence", 0.0)
PLAN = (
    BASELINE,
    Before("10 min", "anything", 600.0),
    Before("2 h", "anything", 7200.0),
    Before("silence", "silence", 10.0, each=True),
    Before("clipping", "clipped", 10.0, each=True),
    Before("music", "music", 10.0, each=True),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One word after other audio."""

    clip: str
    found: bool
    score: float


class Reel:
    """Recordings one after another without end."""

    def __init__(self, recordings: Sequence[Path]) -> None:
        self._blocks = self._play(recordings)
        self._rest = np.empty(0, np.int16)

    def take(self, count: int) -> Samples:
        """The next *count* samples."""
        parts = [self._rest]
        while sum(map(len, parts)) < count:
            parts.append(next(self._blocks))
        samples = np.concatenate(parts)
        self._rest = samples[count:]
        return samples[:count]

    @staticmethod
    def _play(recordings: Sequence[Path]) -> Iterator[Samples]:
        for recording in cycle(recordings):
            with WaveFile(recording) as source:
                for block in source.blocks():
                    yield block.samples


def drift(evaluation: Evaluation, model: Path, spread: Spread, *, plan: Sequence[Before] = PLAN) -> dict[str, Any]:
    """Hear the clean words again after other audio, at the thresholds of ``balanced``.

    Music is left out where the manifest has none.
    """
    manifest = evaluation.manifest
    negatives = [stream.path for stream in manifest.of_kind("negative")]
    music = [stream.path for stream in manifest.of_kind("negative") if "music" in stream.category]
    reels = {"anything": negatives, "clipped": negatives, "music": music, "silence": negatives}
    words = [s for k in evaluation.spoken for s in manifest.positives(k) if s.condition == "clean"]
    thresholds = {stream.keyword: evaluation.sensitivities(stream.keyword)["balanced"] for stream in words}
    chosen = [before for before in plan if reels[before.sound]]
    tasks = [
        (before, stream, reels[before.sound], model, thresholds[stream.keyword])
        for before in chosen
        for stream in words
    ]
    heard = iter(spread.map(hear, tasks, of="drift streams"))
    results = {before.name: {stream.keyword: next(heard) for stream in words} for before in chosen}
    return {name: _compared(results[BASELINE.name], found) for name, found in results.items()}


def hear(before: Before, stream: Stream, reel: Sequence[Path], model_path: Path, threshold: float) -> list[Heard]:
    """The words of *stream* after other audio, through a new pipeline."""
    model = load_model(model_path)
    card = model.card.keywords[model.card.keyword_ids.index(stream.keyword)]
    blocks = _blocks(before, read_recording(stream.path), stream.words, Reel(reel))
    traced = trace_of(blocks, model, {stream.keyword: KeywordSettings()})
    smoothed = traced.smoothed[:, 0]
    fired = firing_times(traced.times, smoothed, threshold, refractory_seconds=card.refractory_seconds)
    heard = []
    for number, word in enumerate(stream.words):
        moved = _moved(word, before.seconds * (number + 1 if before.each else 1))
        window = (traced.times >= moved.start) & (traced.times <= moved.end + HIT_SECONDS)
        (outcome,) = match(fired, [moved])
        heard.append(Heard(word.clip, outcome.delay is not None, float(smoothed[window].max(initial=0))))
    return heard


def _moved(word: Word, seconds: float) -> Word:
    return replace(word, start=word.start + seconds, end=word.end + seconds)


def _blocks(before: Before, samples: Samples, words: Sequence[Word], reel: Reel) -> Iterator[Samples]:
    """The stream with other audio before it, or before each of its words, cut half-way between two of them."""
    middles = [(word.end + following.start) / 2 for word, following in pairwise(words)]
    cuts = [round(middle * RATE) for middle in middles] if before.each else []
    for part in np.split(samples, cuts):
        yield from _sound(before, reel)
        yield part


def _sound(before: Before, reel: Reel) -> Iterator[Samples]:
    """A second at a time: two hours at once would fill the memory of a small machine."""
    for _ in range(round(before.seconds)):
        if before.sound == "silence":
            yield np.zeros(RATE, np.int16)
        elif before.sound == "clipped":
            yield np.clip(reel.take(RATE).astype(np.int32) * CLIPPING_GAIN, -32768, 32767).astype(np.int16)
        else:
            yield reel.take(RATE)


def _compared(baseline: Mapping[str, list[Heard]], found: Mapping[str, list[Heard]]) -> dict[str, Any]:
    pairs = {keyword: list(zip(baseline[keyword], heard, strict=True)) for keyword, heard in found.items()}
    return {
        "keywords": {keyword: _change(both) for keyword, both in pairs.items()},
        "all_words": _change([pair for both in pairs.values() for pair in both]) if pairs else None,
    }


def _change(pairs: Sequence[tuple[Heard, Heard]]) -> dict[str, Any]:
    """Misses now, and which words were found only before or only now."""
    missed = sum(not now.found for _, now in pairs)
    changes = [abs(now.score - then.score) for then, now in pairs]
    return {
        "misses": round(missed / len(pairs), 4),
        "missed": missed,
        "words": len(pairs),
        "interval": [round(bound, 4) for bound in wilson(missed, len(pairs))],
        "lost": [now.clip for then, now in pairs if then.found and not now.found],
        "gained": [now.clip for then, now in pairs if now.found and not then.found],
        "score_change_median": round(float(np.median(changes)), 4),
        "score_change_largest": round(max(changes), 4),
    }
