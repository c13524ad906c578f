"""The heart: samples in, events out. It knows all stages; it has no thread, no I/O, and no clock but the samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from kws_app.arrays import RATE, Samples
from kws_app.decision import Decision, KeywordRule
from kws_app.errors import ModelError
from kws_app.events import AudioLost, Event, ModelReset
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc, MfccSettings
from kws_app.features.stacking import Stacking
from kws_app.model.card import SENSITIVITIES, Card, KeywordCard
from kws_app.model.stepper import Model
from kws_app.schema import setting

Listener = Callable[[int, list[float], list[float]], None]
"""Told after every step: the frame's end in samples, the model's raw scores, the smoothed ones listened for."""


@dataclass(frozen=True, slots=True)
class KeywordSettings:
    """How eagerly one keyword is heard."""

    sensitivity: str = setting(
        "balanced", one_of=SENSITIVITIES, help="which threshold of the model's card: fewer alarms, or fewer misses"
    )
    threshold: float | None = setting(None, between=(0, 1), help="smoothed score that fires; overrides sensitivity")


class Pipeline:
    """One stream through framing, MFCC, model and decision.

    The same samples give the same events however they are cut into blocks.

    Args:
        model: a loaded model.
        keywords: which of its keywords to listen for, and how.
        listener: told every frame's scores.

    Raises:
        ModelError: the model has no such keyword, or its card asks for features that are not ours.
    """

    def __init__(
        self, model: Model, keywords: Mapping[str, KeywordSettings], *, listener: Listener | None = None
    ) -> None:
        card, mfcc = model.card, mfcc_settings(model.card)
        known = [keyword.id for keyword in card.keywords]
        unknown = [keyword for keyword in keywords if keyword not in known]
        if unknown:
            raise ModelError(f"the model {card.name!r} has no keyword {unknown[0]!r}; it has {', '.join(known)}")
        self._columns = [known.index(keyword) for keyword in keywords]
        rules = [_rule(card.keywords[known.index(name)], chosen) for name, chosen in keywords.items()]
        self._framing, self._mfcc = Framing(mfcc), Mfcc(mfcc)
        self._stacking = Stacking(stack=card.frame.stack, skip=card.frame.skip)
        self._stepper, self._decision = model.stepper(), Decision(rules)
        self._warm_up = round(card.warmup_seconds * RATE)
        self._listener = listener
        self.position = self.frames = 0
        self.reset()

    def reset(self) -> None:
        """Forget the audio heard so far; the position in the stream stays."""
        self._origin = self.position
        self._framing.reset()
        self._stacking.reset()
        self._reset_model(self.position)

    def push(self, samples: Samples) -> list[Event]:
        """Take the next samples, int16 ``(n,)``, any n; return what happened in them, in order."""
        self.position += len(samples)
        inputs, numbers = self._stacking.push(self._mfcc.compute(self._framing.push(samples)))
        self.frames += len(inputs)
        events: list[Event] = []
        for index, number in enumerate(numbers.tolist()):
            end = self._origin + number * self._framing.step + self._framing.length
            scores = self._stepper.step(inputs[index : index + 1])[0].tolist()
            if not math.isfinite(sum(scores)):
                self._reset_model(end)
                events.append(ModelReset(time=end / RATE, reason="scores were not finite"))
                continue
            events += self._decision.step([scores[column] for column in self._columns], end)
            if self._listener is not None:
                self._listener(end, scores, self._decision.smoothed)
        return events

    def lose(self, samples: int, reason: str) -> list[Event]:
        """Note that *samples* went missing here; what was heard before does not join what comes after."""
        self.position += samples
        self.reset()
        return [AudioLost(time=self.position / RATE, seconds=samples / RATE, reason=reason)]

    def _reset_model(self, position: int) -> None:
        self._stepper.reset()
        self._decision.reset(position + self._warm_up)


def mfcc_settings(card: Card) -> MfccSettings:
    """The card's features as settings of our front end.

    Raises:
        ModelError: a parameter is missing, unknown in value, or not one we can compute.
    """
    values = {}
    for field in fields(MfccSettings):
        if field.name not in card.features:
            raise ModelError(f"its card: features.{field.name} is missing")
        values[field.name] = card.features[field.name]
    try:
        settings = MfccSettings(**values)
    except (TypeError, ValueError) as error:
        raise ModelError(f"its card asks for features this runtime cannot compute: {error}") from error
    if settings.samplerate != RATE:
        raise ModelError(f"its card: features.samplerate is {settings.samplerate}, this runtime hears at {RATE} Hz")
    return settings


def _rule(card: KeywordCard, chosen: KeywordSettings) -> KeywordRule:
    threshold = card.thresholds[chosen.sensitivity] if chosen.threshold is None else chosen.threshold
    return KeywordRule(card.id, threshold, card.smoothing_frames, round(card.refractory_seconds * RATE))
