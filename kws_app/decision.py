"""From scores to detections: smoothing, threshold, refractory time, near misses."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

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

    It fires at the first frame whose mean reaches the threshold and then not again for the refractory time; a mean
    that is still above when that time is over fires again. A peak that passed under the threshold is a near miss,
    told once the mean has fallen to rest, and at most once a refractory time.

    Plain floats, because a numpy call costs more than all of a step's arithmetic.
    """

    def __init__(self, rule: KeywordRule) -> None:
        self.rule = rule
        self._rest = NEAR_MISS_SHARE * rule.threshold
        self._quiet_until = self._near_quiet_until = 0
        self.reset(0)

    def reset(self, quiet_until: int) -> None:
        """Forget all scores; nothing fires before sample *quiet_until*, nor within a refractory time that began."""
        self.smoothed = 0.0
        self._recent = deque([0.0] * self.rule.smoothing_frames, maxlen=self.rule.smoothing_frames)
        self._quiet_until = max(self._quiet_until, quiet_until)
        self._peak, self._peak_end = 0.0, 0
        self._has_fired = False  # since the mean was last at rest

    def step(self, score: float, end: int) -> Detection | NearMiss | None:
        """Take the score of the frame that ended at sample *end*."""
        self._recent.append(score)
        # Summed afresh: a running sum would drift over the months a stream lasts.
        self.smoothed = smoothed = sum(self._recent) / self.rule.smoothing_frames
        if smoothed < self._rest:
            return self._passed_peak() if self._peak else None
        if end < self._quiet_until:
            return None
        if smoothed >= self.rule.threshold:
            return self._detection(end)
        if smoothed > self._peak:
            self._peak, self._peak_end = smoothed, end
        return None

    def _detection(self, end: int) -> Detection:
        self._has_fired = True
        self._peak, self._peak_end = self.smoothed, end
        self._quiet_until = end + self.rule.refractory
        return Detection(
            time=end / RATE,
            keyword=self.rule.keyword,
            score=self.smoothed,
            end=end,
            threshold=self.rule.threshold,
        )

    def _passed_peak(self) -> NearMiss | None:
        """The near miss that the mean came back from; none if it fired on the way."""
        peak, end, has_fired = self._peak, self._peak_end, self._has_fired
        self._peak, self._has_fired = 0.0, False
        if has_fired or end < self._near_quiet_until:
            return None
        self._near_quiet_until = end + self.rule.refractory
        return NearMiss(time=end / RATE, keyword=self.rule.keyword, score=peak, end=end, threshold=self.rule.threshold)


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
