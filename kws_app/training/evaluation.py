"""A model judged on the streams of a manifest: thresholds, and what happens at each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kws_app.model.card import SENSITIVITIES, Card
from kws_app.trace import Trace
from kws_app.training import thresholds
from kws_app.training.firing import Seconds, firing_times, match
from kws_app.training.manifest import Manifest, Source, Stream
from kws_app.training.tally import Alarm, Background, Confusions, Tally

FALSE_ALARMS_PER_HOUR = {"quiet": 0.1, "balanced": 0.5, "eager": 1.0}
"""What each sensitivity is allowed on the manifest's negatives."""


class Evaluation:
    """All streams of a manifest through one model.

    Args:
        card: the model's.
        traces: the scores of every stream; all keywords of the card are columns.
        margin: how many times fewer false alarms than each sensitivity allows are asked of these negatives.
    """

    def __init__(self, card: Card, manifest: Manifest, traces: Mapping[str, Trace], *, margin: float = 1.0) -> None:
        self.manifest, self.margin = manifest, margin
        self.keywords = card.keyword_ids
        self._cards = {keyword.id: keyword for keyword in card.keywords}
        self._warmup_seconds, self._traces = card.warmup_seconds, traces
        self._negatives = manifest.of_kind("negative")

    @property
    def spoken(self) -> list[str]:
        """The keywords that the manifest has words of."""
        return [keyword for keyword in self.keywords if self.manifest.positives(keyword)]

    def shipped(self, keyword: str) -> dict[str, float]:
        """The thresholds on the model's card, by sensitivity."""
        return {name: self._cards[keyword].thresholds[name] for name in SENSITIVITIES}

    def sensitivities(self, keyword: str) -> dict[str, float]:
        """Thresholds chosen here, by sensitivity; the card's own if these recordings are not there to choose on."""
        if self.manifest.split != "dev":
            return self.shipped(keyword)
        return {name: self.threshold(keyword, rate) for name, rate in FALSE_ALARMS_PER_HOUR.items()}

    def threshold(self, keyword: str, rate: float) -> float:
        """The loosest threshold with at most *rate* false alarms an hour; with a margin, what promises as few."""
        allowed = rate * self.manifest.hours
        loosest = self._counted(keyword, allowed)
        if self.margin == 1:
            return loosest
        peaks = np.sort(np.concatenate([self.peaks(stream, keyword) for stream in self._negatives]))[::-1]
        if len(peaks) < 2:
            return loosest
        # Without an alarm here, about one is to be expected in as many hours elsewhere: no need to be stricter if
        # that is allowed. And what is counted here is never too strict.
        strictest = self._counted(keyword, allowed / self.margin) if allowed >= 1 else 1.0
        return float(np.clip(thresholds.extended(peaks, allowed / self.margin), loosest, strictest))

    def _counted(self, keyword: str, budget: float) -> float:
        smoothed = np.concatenate([self.smoothed(stream, keyword) for stream in self._negatives])
        return thresholds.counted(smoothed, lambda at: self.alarms(keyword, at), budget)

    def alarms(self, keyword: str, threshold: float) -> int:
        """False alarms on all negatives."""
        return sum(len(self.fired(stream, keyword, threshold)) for stream in self._negatives)

    def tally(self, keyword: str, threshold: float) -> Tally:
        """Everything that *keyword* does at *threshold*."""
        others = [
            stream
            for stream in self.manifest.of_kind("other-words", "positive")
            if stream.kind == "other-words" or (stream.condition == "clean" and stream.keyword != keyword)
        ]
        return Tally(
            threshold=threshold,
            outcomes={
                stream.condition: match(self.fired(stream, keyword, threshold), stream.words)
                for stream in self.manifest.positives(keyword)
            },
            background=[part for s in self._negatives for part in self._background(s, keyword, threshold)],
            other_words=self._confusions(others, keyword, threshold),
            near_misses=self._confusions(self.manifest.of_kind("near-misses"), keyword, threshold),
        )

    def smoothed(self, stream: Stream, keyword: str) -> npt.NDArray[np.float32]:
        """What is held against the threshold, float32 ``(frames,)``."""
        return self._traces[stream.name].smoothed[:, self.keywords.index(keyword)]

    def times(self, stream: Stream) -> Seconds:
        """Where each frame ends."""
        return self._traces[stream.name].times

    def peaks(self, stream: Stream, keyword: str) -> npt.NDArray[np.float32]:
        """The highest scores, one for each alarm that there could be."""
        refractory_seconds = self._cards[keyword].refractory_seconds
        return thresholds.peaks(self.times(stream), self.smoothed(stream, keyword), refractory_seconds)

    def fired(self, stream: Stream, keyword: str, threshold: float) -> Seconds:
        """When *keyword* is detected at *threshold*."""
        return firing_times(
            self.times(stream),
            self.smoothed(stream, keyword),
            threshold,
            refractory_seconds=self._cards[keyword].refractory_seconds,
            warmup_seconds=self._warmup_seconds,
        )

    def _background(self, stream: Stream, keyword: str, threshold: float) -> list[Background]:
        """The recordings that *stream* was joined from, each with its alarms."""
        sources = stream.sources or (Source(stream.name, 0.0, stream.seconds),)
        times = self.fired(stream, keyword, threshold)
        owners = np.searchsorted([source.start for source in sources[1:]], times, side="right")
        return [
            Background(
                stream.category,
                source.file,
                source.end - source.start,
                tuple(Alarm(stream.name, source.file, time) for time in times[owners == number].tolist()),
            )
            for number, source in enumerate(sources)
        ]

    def _confusions(self, streams: list[Stream], keyword: str, threshold: float) -> Confusions:
        found = Confusions()
        for stream in streams:
            times = self.fired(stream, keyword, threshold)
            accepted = tuple(o.word.clip for o in match(times, stream.words) if o.delay is not None)
            found += Confusions(len(times), len(stream.words), accepted)
        return found
