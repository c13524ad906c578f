"""The room: hours of words, talk, noise and mishaps, made as they are heard; the same seed, the same room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE, Samples

Signal = npt.NDArray[np.float64]
"""``(n,)`` on the int16 scale."""

AROUND_SECONDS = 1.0
"""Quiet before and after a word."""

REST_SECONDS = 6.0
"""Quiet after a mishap: the daemon has five seconds to hear again."""

VARIANTS = 12
"""How many times each recording is made, at different distances. All sound is made before the daemon starts, so that
the memory that grows later is the daemon's."""

LOUDNESSES = (10, 100, 1000, 3000)
"""Of noise: its standard deviation. The first one is quiet."""

LONGEST_SECONDS = 60

DAMAGES: tuple[Callable[[Samples], Samples], ...] = (
    np.zeros_like,
    lambda sound: np.full_like(sound, 1234),
    lambda sound: sound + np.int16(20_000),
    lambda sound: np.where(np.arange(len(sound)) // 40 % 2, 32_767, -32_768).astype(np.int16),
)
"""Digital silence, a constant, an offset, clipping: what a broken card makes of a quiet room."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Some seconds of the room.

    Attributes:
        sound: what there is to hear. A card that is not whole delivers none of it, it takes as long all the same.
        card: "whole"; "frozen", it delivers nothing; "gone"; or "lossy", it says that it lost the scene.
        word: what is said in it and must be heard.
        wish: what somebody asks of the daemon as it begins: reload, spoil, mute, release, unmute, status or stop.
    """

    sound: Samples
    card: str = "whole"
    word: str | None = None
    wish: str | None = None


class Room:
    """What happens, scene after scene. It is the clock, too: time is what has passed in it.

    Args:
        words: keyword -> recordings of it.
        talk: what is said and is no keyword.
        seconds: until it ends, with the wish to stop and quiet.
        seed: of all that is random.

    Attributes:
        keywords: those that are said.
        scene: the one that the next sample is of.
        on_scene: called when it begins.
    """

    def __init__(
        self, words: Mapping[str, Sequence[Signal]], talk: Sequence[Signal], *, seconds: float, seed: int
    ) -> None:
        self._end = round(seconds * RATE)
        self._rng = np.random.default_rng(seed)
        noise = self._rng.normal(size=LONGEST_SECONDS * RATE)
        self._noises = [_samples(loudness * noise) for loudness in LOUDNESSES]
        self._damaged = [damage(self._noises[0]) for damage in DAMAGES]
        self._words = {keyword: self._variants(recordings) for keyword, recordings in words.items()}
        self._talk = self._variants(talk)
        self._scenes = self._all()
        self._position = self._heard = 0
        self.keywords = [*words]
        self.scene = self._quiet(AROUND_SECONDS)
        self.on_scene: Callable[[Scene], object] = lambda _: None

    def now(self) -> float:
        """Seconds since it began."""
        return self._position / RATE

    def sleep(self, seconds: float) -> None:
        """Let time pass with nobody listening."""
        left = round(seconds * RATE)
        while left > 0:
            left -= len(self.hear(left))

    def hear(self, most: int) -> Samples:
        """The next samples, at least one and at most so many, all of one scene."""
        sound = self.scene.sound[self._heard : self._heard + most]
        self._heard += len(sound)
        self._position += len(sound)
        if self._heard == len(self.scene.sound):
            self.scene, self._heard = next(self._scenes), 0
            self.on_scene(self.scene)
        return sound

    def _all(self) -> Iterator[Scene]:
        kinds = {
            self._word: 0.4,
            self._speech: 0.15,
            self._loud: 0.1,
            self._pause: 0.1,
            self._hiccup: 0.08,
            self._outage: 0.07,
            self._damage: 0.03,
            self._reload: 0.03,
            self._mute: 0.03,
            self._look: 0.01,
        }
        while self._position < self._end:
            yield from list(kinds)[self._rng.choice(len(kinds), p=list(kinds.values()))]()
        yield Scene(self._still(REST_SECONDS), wish="stop")
        while True:
            yield self._quiet(REST_SECONDS)

    def _word(self) -> Iterator[Scene]:
        keyword = str(self._rng.choice(list(self._words)))
        yield Scene(self._one_of(self._words[keyword]), word=keyword)

    def _speech(self) -> Iterator[Scene]:
        yield Scene(self._one_of(self._talk))

    def _loud(self) -> Iterator[Scene]:
        yield Scene(self._some(self._one_of(self._noises[1:]), 1, 10))

    def _pause(self) -> Iterator[Scene]:
        yield Scene(self._some(self._noises[0], 1, 20))

    def _hiccup(self) -> Iterator[Scene]:
        """Too short to make anybody deaf."""
        yield Scene(self._some(self._noises[0], 0.1, 0.7), card=str(self._rng.choice(["frozen", "lossy"])))

    def _outage(self) -> Iterator[Scene]:
        yield Scene(self._some(self._noises[0], 3, 40), card=str(self._rng.choice(["frozen", "gone"])))
        yield self._quiet(REST_SECONDS)

    def _damage(self) -> Iterator[Scene]:
        yield Scene(self._some(self._one_of(self._damaged), 5, 20))
        yield self._quiet(REST_SECONDS)

    def _reload(self) -> Iterator[Scene]:
        """In the middle of a word, which is heard all the same."""
        (scene,) = self._word()
        half = len(scene.sound) // 2
        yield Scene(scene.sound[:half], word=scene.word)
        yield Scene(scene.sound[half:], wish=str(self._rng.choice(["reload", "spoil"])))

    def _mute(self) -> Iterator[Scene]:
        yield Scene(self._still(AROUND_SECONDS), wish=str(self._rng.choice(["mute", "release"])))
        (unheard,) = self._word()
        yield Scene(unheard.sound)
        yield Scene(self._still(REST_SECONDS), wish="unmute")

    def _look(self) -> Iterator[Scene]:
        yield Scene(self._still(AROUND_SECONDS), wish="status")

    def _quiet(self, seconds: float) -> Scene:
        return Scene(self._still(seconds))

    def _still(self, seconds: float) -> Samples:
        return self._some(self._noises[0], seconds, seconds)

    def _some(self, sound: Samples, least: float, most: float) -> Samples:
        """A stretch of *sound*, so many seconds."""
        count = round(self._rng.uniform(least, most) * RATE)
        first = self._rng.integers(len(sound) - count)
        return sound[first : first + count]

    def _one_of(self, sounds: Sequence[Samples]) -> Samples:
        return sounds[self._rng.integers(len(sounds))]

    def _variants(self, recordings: Sequence[Signal]) -> list[Samples]:
        """Each recording at some distances, in quiet."""
        around = np.zeros(round(AROUND_SECONDS * RATE))
        return [
            _samples(np.concatenate([around, recording * 10 ** self._rng.uniform(-0.5, 0.1), around]))
            + self._still(len(recording) / RATE + 2 * AROUND_SECONDS)
            for recording in recordings
            for _ in range(VARIANTS)
        ]


def _samples(sound: Signal) -> Samples:
    return np.rint(sound).clip(-32_768, 32_767).astype(np.int16)
