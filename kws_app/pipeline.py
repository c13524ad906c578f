"""The heart: samples in, events out. It knows all stages; it has no thread, no I/O, and no clock but the samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.decision import Decision, KeywordRule
from kws_app.errors import ConfigError, ModelError
from kws_app.events import AudioLost, Event, ModelReset
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc, MfccSettings
from kws_app.features.stacking import Stacking
from kws_app.model.card import SENSITIVITIES, Card, KeywordCard
from kws_app.model.stepper import Model, NoNumberError
from kws_app.schema import did_you_mean, read, setting

PIECE = RATE
"""Samples that go through the stages at once: an hour in one block must not need an hour's memory."""

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

    Attributes:
        thresholds: the smoothed score at which each keyword fires.
        position: samples so far, those that were lost included.
        frames: steps so far.

    Raises:
        ModelError: the model has no such keyword, or its card asks for features that are not ours.
    """

    def __init__(
        self, model: Model, keywords: Mapping[str, KeywordSettings], *, listener: Listener | None = None
    ) -> None:
        card, mfcc = model.card, front_end(model)
        rules = keyword_rules(model, keywords)
        self._columns = [card.keyword_ids.index(rule.keyword) for rule in rules]
        self.thresholds = {rule.keyword: rule.threshold for rule in rules}
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

    @property
    def smoothed(self) -> dict[str, float]:
        """The smoothed score of every keyword after the last step."""
        return dict(zip(self.thresholds, self._decision.smoothed, strict=True))

    def push(self, samples: Samples) -> list[Event]:
        """Take the next samples, int16 ``(n,)``, any n; return what happened in them, in order.

        Raises:
            TypeError: not int16, or not mono; on another scale the model would hear nothing.
        """
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise TypeError(f"samples must be int16 (n,) at {RATE} Hz, got {samples.dtype} {samples.shape}")
        events: list[Event] = []
        for first in range(0, len(samples), PIECE):
            events += self._push(samples[first : first + PIECE])
        return events

    def lose(self, samples: int, reason: str) -> list[Event]:
        """Note that *samples* went missing here; what was heard before does not join what comes after."""
        self.position += samples
        self.reset()
        return [AudioLost(time=self.position / RATE, seconds=samples / RATE, reason=reason)]

    def _push(self, samples: Samples) -> list[Event]:
        self.position += len(samples)
        inputs, numbers = self._stacking.push(self._mfcc.compute(self._framing.push(samples)))
        self.frames += len(inputs)
        events: list[Event] = []
        for index, number in enumerate(numbers):
            end = self._origin + number * self._framing.step + self._framing.length
            try:
                scores = self._stepper.step(inputs[index : index + 1])[0].tolist()
            except NoNumberError:
                self._reset_model(end)
                events.append(ModelReset(time=end / RATE, reason="a score or the state was no number"))
                continue
            events += self._decision.step([scores[column] for column in self._columns], end)
            if self._listener is not None:
                self._listener(end, scores, self._decision.smoothed)
        return events

    def _reset_model(self, position: int) -> None:
        self._stepper.reset()
        self._decision.reset(position + self._warm_up)


def front_end(model: Model) -> MfccSettings:
    """The features that the model's card asks for, as settings of our MFCC.

    Raises:
        ModelError: a parameter is missing, unknown, or one that we cannot reproduce; or card and graph disagree.
    """
    try:
        return _front_end(model.card, model.coefficients)
    except ModelError as error:
        raise ModelError(f"{model.path}: its card: {error}") from error


def _front_end(card: Card, width: int) -> MfccSettings:
    values = {name: value for name, value in card.features.items() if name != "input_scale"}
    missing = [field.name for field in fields(MfccSettings) if field.name not in values]
    if missing:
        raise ModelError(f"features.{missing[0]} is missing")
    try:
        settings = read(json.dumps(values), MfccSettings, file="card").value  # JSON is YAML
    except ConfigError as error:
        fault = error.faults[0]
        raise ModelError(f"{'.'.join(filter(None, ('features', fault.path)))}: {fault.message}") from error
    if settings.samplerate != RATE:
        raise ModelError(f"features.samplerate is {settings.samplerate}, this runtime hears at {RATE} Hz")
    if card.frame.hop_seconds != settings.winstep:
        raise ModelError(f"frame.hop_seconds is {card.frame.hop_seconds:g}, features.winstep {settings.winstep:g}")
    if card.frame.stack * settings.coefficients != width:
        raise ModelError(
            f"{card.frame.stack} frame(s) of {settings.coefficients} coefficients, its graph takes {width}; "
            "graph and card are from different exports"
        )
    return settings


def keyword_rules(model: Model, keywords: Mapping[str, KeywordSettings]) -> list[KeywordRule]:
    """How each of *keywords* is decided: by its settings and, where they are silent, the model's card.

    Raises:
        ModelError: the model has no such keyword.
    """
    known = {card.id: card for card in model.card.keywords}
    for name in keywords:
        if name not in known:
            raise ModelError(f"{model.path}: has no keyword {name!r}{did_you_mean(name, known)}")
    return [_rule(known[name], chosen) for name, chosen in keywords.items()]


def _rule(card: KeywordCard, chosen: KeywordSettings) -> KeywordRule:
    threshold = card.thresholds[chosen.sensitivity] if chosen.threshold is None else chosen.threshold
    return KeywordRule(card.id, threshold, card.smoothing_frames, round(card.refractory_seconds * RATE))
