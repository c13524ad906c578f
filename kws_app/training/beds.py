"""What goes on behind the speech of a scene: noise, music, a crowd, a television in the room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_app.arrays import Audio
from kws_app.training import augment
from kws_app.training.data import Corpus, Take, as_audio


@dataclass(frozen=True, slots=True)
class Rooms:
    """Room responses: half of what is drawn is measured, if there are any."""

    measured: list[Audio]
    simulated: list[Audio]

    def draw(self, rng: np.random.Generator) -> Audio:
        """One of them."""
        responses = self.measured if self.measured and rng.random() < 0.5 else self.simulated
        return responses[rng.integers(len(responses))]


class Beds:
    """Beds of any length from a corpus, rms 1."""

    def __init__(self, corpus: Corpus, rooms: Rooms) -> None:
        self._corpus, self._rooms = corpus, rooms

    def sound(self, rng: np.random.Generator, length: int) -> Audio:
        """Noise, music or a crowd."""
        kind = rng.choice(["noise", "music", "crowd"], p=[0.61, 0.22, 0.17])
        layers = {
            "noise": [self._corpus.noise],
            "music": [self._corpus.music],
            "crowd": [self._corpus.speech] * int(rng.integers(3, 6)),
        }[str(kind)]
        return _level(np.sum([_fill(rng, takes, length) for takes in layers], axis=0))

    def television(self, rng: np.random.Generator, length: int) -> Audio:
        """Talk, at times over music, from a loudspeaker that stands elsewhere in the room than the speaker."""
        sound = _fill(rng, self._corpus.speech, length)
        if rng.random() < 0.3:
            sound += augment.decibels(-rng.uniform(5, 20)) * _fill(rng, self._corpus.music, length)
        return _level(augment.reverberate(augment.colour(rng, sound), self._rooms.draw(rng)))


def _fill(rng: np.random.Generator, takes: list[Take], length: int) -> Audio:
    """Pieces of *takes* after one another, each rms 1."""
    filled = np.zeros(length, np.float32)
    at = 0
    while at < length:
        piece = augment.fade(as_audio(takes[rng.integers(len(takes))].crop(rng, length - at).samples))
        filled[at : at + len(piece)] = piece / augment.rms(piece)
        at += len(piece)
    return filled


def _level(audio: Audio) -> Audio:
    return np.asarray(audio / augment.rms(audio), np.float32)
