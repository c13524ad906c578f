"""Streams to judge with: words far apart in room tone, under one condition each, and backgrounds joined end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws_app.arrays import RATE, Audio
from kws_app.training.augment import decibels, fade, reverberate, rms
from kws_app.training.heldout import SpokenClip

GAP_SECONDS = 2.5
"""Between two words; half of it before the first."""
TONE_DBFS = -70.0
FAR_GAIN = 1 / 3
"""Of 3 m against the metre at which clips are taken to be recorded."""
OVER_MUSIC_DB = (5.0, 25.0)
"""How much louder the talk of a television is than what plays under it."""
OVER_NOISE_DB = (0.0, 15.0)
"""How much louder talk is than the noise around it."""
NOISE_SECONDS, TELEVISION_SECONDS = 30, 60
"""Before another noise, and before another music and room."""
JOINT_SECONDS = 0.3
LONGEST_SECONDS = 1800
"""Of a background stream, so that no file is unwieldy and the work can be spread."""
FADE = RATE // 20
TRIES = 50

Condition = Callable[[np.random.Generator, Audio, int, int], Audio]
"""Changes one slot, float32 ``(n,)`` with a word between two samples, and keeps its length."""


def clean(_rng: np.random.Generator, slot: Audio, _start: int, _end: int) -> Audio:
    """As recorded."""
    return slot


@dataclass(frozen=True, slots=True)
class Over:
    """The word over other sound, *decibels* louder.

    Noise is measured where the word is. Talk that *pauses* is measured over the whole slot: set by a pause, it would
    be louder than the word before and after it.
    """

    sounds: Sequence[Audio]
    decibels: tuple[float, float]
    pauses: bool = False

    def __call__(self, rng: np.random.Generator, slot: Audio, start: int, end: int) -> Audio:
        bed = fade(self._audible(rng, len(slot), start, end), FADE)
        level = rms(bed) if self.pauses else rms(bed[start:end])
        return slot + bed * (rms(slot[start:end]) / level / decibels(rng.uniform(*self.decibels)))

    def _audible(self, rng: np.random.Generator, length: int, start: int, end: int) -> Audio:
        """A stretch of some sound that is not silent where the word is; the last one tried if all are."""
        for _ in range(TRIES):
            sound = self.sounds[rng.integers(len(self.sounds))]
            sound = np.tile(sound, -(-length // len(sound)))
            first = int(rng.integers(len(sound) - length + 1))
            stretch = sound[first : first + length]
            if rms(stretch[start:end]) > 1e-4:
                break
        return stretch


@dataclass(frozen=True, slots=True)
class Far:
    """The word in a room, 3 m away."""

    rooms: Sequence[Audio]

    def __call__(self, rng: np.random.Generator, slot: Audio, _start: int, _end: int) -> Audio:
        return reverberate(slot, self.rooms[rng.integers(len(self.rooms))]) * np.float32(FAR_GAIN)


def words_stream(
    rng: np.random.Generator, clips: Sequence[SpokenClip], condition: Condition
) -> tuple[Audio, list[dict[str, Any]]]:
    """Every clip once, in random order, and where each word is."""
    half = int(GAP_SECONDS * RATE / 2)
    slots, words, at = [], [], 0
    for index in rng.permutation(len(clips)):
        clip = clips[index]
        start, end = half + clip.start, half + clip.end
        slot = condition(rng, np.pad(clip.audio, half), start, end)
        slot = slot + room_tone(rng, len(slot))
        peak = float(np.abs(slot).max())
        slots.append(slot * np.float32(min(1.0, 0.95 / peak)))  # all of it, so that no ratio changes
        words.append(
            {
                "clip": clip.name,
                "start": round((at + start) / RATE, 3),
                "end": round((at + end) / RATE, 3),
                "sure": clip.sure,
                "speaker": clip.speaker,
            }
        )
        at += len(slot)
    return np.concatenate(slots), words


def background_streams(
    rng: np.random.Generator, recordings: Iterable[tuple[str, Audio]], hours: float
) -> Iterator[tuple[Audio, list[dict[str, Any]]]]:
    """Recordings end to end until the hours are full, in parts of half an hour at most, and where each begins."""
    joint, left = int(JOINT_SECONDS * RATE), int(hours * 3600 * RATE)
    parts: list[Audio] = []
    sources: list[dict[str, Any]] = []
    size = 0
    for name, recording in recordings:
        while len(recording) and left > 0:
            piece = recording[: min(left, LONGEST_SECONDS * RATE - size)]
            recording = recording[len(piece) :]
            sources.append({"file": name, "start": round(size / RATE, 3)})
            parts += [fade(piece), room_tone(rng, joint)]
            size, left = size + len(piece) + joint, left - len(piece) - joint
            if size >= LONGEST_SECONDS * RATE:
                yield np.concatenate(parts), sources
                parts, sources, size = [], [], 0
        if left <= 0:
            break
    if parts:
        yield np.concatenate(parts), sources


def on_television(rng: np.random.Generator, talk: Audio, music: Sequence[Audio], rooms: Sequence[Audio]) -> Audio:
    """A stream of talk as it comes from a television: over music, if there is any, and across a room, if there are.

    Another music and another room every minute. Music goes on between two recordings, as noise does in
    :func:`in_noise`.
    """
    under = Over(music, OVER_MUSIC_DB, pauses=True)

    def played(minute: Audio) -> Audio:
        sound = under(rng, minute, 0, len(minute)) if music else minute
        return reverberate(sound, rooms[rng.integers(len(rooms))]) * np.float32(FAR_GAIN) if rooms else sound

    return _in_pieces(talk, TELEVISION_SECONDS, played)


def in_noise(rng: np.random.Generator, talk: Audio, noise: Sequence[Audio]) -> Audio:
    """A stream of talk in a place that is not quiet, another one every half a minute.

    Noise goes on between two recordings, as it does between two sentences: a kitchen does not fall silent there.
    """
    over = Over(noise, OVER_NOISE_DB)
    return _in_pieces(talk, NOISE_SECONDS, lambda piece: over(rng, piece, 0, len(piece)))


def _in_pieces(audio: Audio, seconds: int, change: Callable[[Audio], Audio]) -> Audio:
    """*audio* changed piece by piece, and made softer if it would clip."""
    pieces = [audio[first : first + seconds * RATE] for first in range(0, len(audio), seconds * RATE)]
    changed = np.concatenate([change(piece) for piece in pieces])
    return np.asarray(changed * min(1.0, 0.95 / float(np.abs(changed).max())), np.float32)


def room_tone(rng: np.random.Generator, length: int) -> Audio:
    """Noise that falls off towards high frequencies, as a quiet room has, at -70 dBFS."""
    from scipy.signal import lfilter

    tone = lfilter([1.0], [1.0, -0.9], rng.standard_normal(length))
    return np.asarray(tone * (decibels(TONE_DBFS) / rms(tone)), np.float32)
