"""From scores to detections: smoothing, threshold, refractory time, near misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kws_app.arrays import RATE
from kws_app.events import Detection, NearMiss

NEAR_MISS_SHARE = 0.5
"""A passed peak of at least this share of the threshold, and under it, is a near miss."""


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """When a run of scores becomes a detection; ``refractory`` in samples at 16 kHz."""

    keyword: str
    threshold: float
    smoothing_frames: int
    refractory: int


class KeywordDecision:
    """One keyword: the mean of its last scores, held against its threshold.

    It fires at the first frame whose mean reaches the threshold and then not again for the refractory time. A mean
    that is still above when that time is over fires again. A peak that passed under the threshold is a near miss,
    told once it has fallen to half its height.
    """

    def __init__(self, rule: KeywordRule) -> None:
        self.rule = rule
        self.reset(0)

    def reset(self, quiet_until: int) -> None:
        """Forget all scores; nothing fires before sample *quiet_until*."""
        self.smoothed = 0.0
        self._recent = [0.0] * self.rule.smoothing_frames
        self._next = 0
        self._quiet_until = quiet_until
        self._peak, self._peak_end = 0.0, 0

    def step(self, score: float, end: int) -> Detection | NearMiss | None:
        """Take the score of the frame that ended at sample *end*."""
        recent = self._recent
        recent[self._next] = score
        self._next = (self._next + 1) % len(recent)
        # Summed afresh: a running sum would drift over the months a stream lasts.
        self.smoothed = sum(recent) / len(recent)
        if end < self._quiet_until:
            return None
        if self.smoothed >= self.rule.threshold:
            self._quiet_until = end + self.rule.refractory
            self._peak = 0.0
            return Detection(**self._facts(self.smoothed, end))
        return self._passed_peak(end)

    def _passed_peak(self, end: int) -> NearMiss | None:
        if self.smoothed > self._peak:
            self._peak, self._peak_end = self.smoothed, end
        if self.smoothed > self._peak / 2:
            return None
        peak, self._peak = self._peak, self.smoothed
        if peak < NEAR_MISS_SHARE * self.rule.threshold:
            return None
        return NearMiss(**self._facts(peak, self._peak_end))

    def _facts(self, score: float, end: int) -> dict[str, Any]:
        rule = self.rule
        return {
            "time": end / RATE,
            "keyword": rule.keyword,
            "score": score,
            "end": end,
            "threshold": rule.threshold,
        }


class Decision:
    """All keywords that are listened for, each by its own rule."""

    def __init__(self, rules: Sequence[KeywordRule]) -> None:
        self._keywords = [KeywordDecision(rule) for rule in rules]

    def reset(self, quiet_until: int) -> None:
        """Forget all scores, for a stream that begins or goes on after a gap."""
        for keyword in self._keywords:
            keyword.reset(quiet_until)

    @property
    def smoothed(self) -> list[float]:
        """The mean scores of the last step, one a rule."""
        return [keyword.smoothed for keyword in self._keywords]

    def step(self, scores: Sequence[float], end: int) -> list[Detection | NearMiss]:
        """Take one frame's scores, in the order of the rules; *end* is the sample at which the frame ended."""
        events = []
        for keyword, score in zip(self._keywords, scores, strict=True):
            event = keyword.step(score, end)
            if event is not None:
                events.append(event)
        return events
