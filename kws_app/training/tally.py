"""What one keyword did at one threshold, word by word and alarm by alarm."""

from __future__ import annotations

from dataclasses import dataclass, field

from kws_app.training.firing import Outcome


@dataclass(frozen=True, slots=True)
class Alarm:
    """A detection where the keyword was not said; *time* in seconds from the stream's beginning."""

    stream: str
    file: str
    time: float


@dataclass(frozen=True, slots=True)
class Background:
    """One recording without the word, or one of those that a stream was joined from."""

    category: str
    file: str
    seconds: float
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True)
class Confusions:
    """Clips of what is not the keyword: detections in all, and the clips that were taken for it."""

    alarms: int = 0
    clips: int = 0
    accepted: tuple[str, ...] = ()

    def __add__(self, other: Confusions) -> Confusions:
        return Confusions(self.alarms + other.alarms, self.clips + other.clips, self.accepted + other.accepted)


@dataclass(frozen=True, slots=True)
class Tally:
    """One keyword at one threshold: everything that its figures are made from."""

    threshold: float
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    background: list[Background] = field(default_factory=list)
    other_words: Confusions = Confusions()
    near_misses: Confusions = Confusions()

    @property
    def alarms(self) -> int:
        """False alarms on all negatives."""
        return sum(len(part.alarms) for part in self.background)

    def missed(self, condition: str) -> int:
        """Words without a detection."""
        return sum(outcome.delay is None for outcome in self.outcomes[condition])
