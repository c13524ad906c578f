"""Scenes: half-minutes of composed sound with the keywords' and phones' places known, as features in shards on disk.

A recurrent network that carries its state for days must be trained on streams, not on clips. A scene is words and
running speech after one another in one room, over one bed of noise, through one microphone, at one level; both
classes go through the same chain, so that nothing but the word tells them apart.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE, Audio, Coefficients, Samples
from kws_app.errors import ConfigError, Fault
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc, MfccSettings
from kws_app.schema import setting
from kws_app.training import augment
from kws_app.training.augment import decibels, rms
from kws_app.training.beds import Beds, Rooms
from kws_app.training.data import Clip, Corpus, Take, as_audio
from kws_app.training.phones import SLOT, UNKNOWN, Phones
from kws_app.training.track import Track
from kws_app.wholefile import whole

if TYPE_CHECKING:
    from kws_app.training.lessons import Lessons

Events = npt.NDArray[np.int32]
"""One row an event: scene, keyword index, first and last sample of the word in the scene."""


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """What scenes are made of. Shares are probabilities; decibels are relative to the speech in the scene."""

    seconds: float = setting(30.0, between=(5, 600), help="length of a scene")
    word_share: float = setting(0.5, between=(0, 1), help="scenes with keywords; the rest hold none")
    speech_share: float = setting(0.32, between=(0, 1), help="scenes of running speech")
    noise_share: float = setting(0.1, between=(0, 1), help="scenes of noise alone; what is left is music")
    synthetic_share: float = setting(0.25, between=(0, 1), help="keywords said by a synthesizer")
    near_miss_share: float = setting(0.12, between=(0, 1), help="items that are near misses")
    mined_share: float = setting(0.0, between=(0, 1), help="items that are moments which a model took for a keyword")
    bed_share: float = setting(0.65, between=(0, 1), help="scenes with noise, music or talk behind the speech")
    bed_snr: tuple[float, float] = setting((0.0, 25.0), help="speech over bed, dB")
    television_share: float = setting(0.1, between=(0, 1), help="beds that are a television in the room")
    television_snr: tuple[float, float] = setting((5.0, 15.0), help="speech over television, dB")
    floor_below: tuple[float, float] = setting((30.0, 60.0), help="stationary noise below the speech, dB")
    room_share: float = setting(0.4, between=(0, 1), help="scenes in a room, half measured and half simulated")
    simulated_rooms: int = setting(150, between=(1, 10_000), help="simulated rooms to choose from")
    changed_share: float = setting(0.8, between=(0, 1), help="clips spoken at another speed, pitch and tempo")
    coded_share: float = setting(0.4, between=(0, 1), help="words that made a trip through Opus")
    codec_share: float = setting(0.0, between=(0, 1), help="scenes that went through a codec of few bits")
    coloured_share: float = setting(0.7, between=(0, 1), help="scenes through a coloured microphone")
    clipped_share: float = setting(0.05, between=(0, 1), help="scenes that clip")
    level_dbfs: tuple[float, float] = setting((-48.0, -8.0), help="level of the speech, dB below full scale")
    speed: tuple[float, float] = setting((0.85, 1.17), help="factor of tempo and pitch together")
    tempo: tuple[float, float] = setting((0.88, 1.14), help="factor of tempo alone")
    child_share: float = setting(0.0, between=(0, 1), help="of what is changed, what becomes a child's voice")
    child_speed: tuple[float, float] = setting((1.2, 1.45), help="factor of a child's pitch and formants")


@dataclass(frozen=True, slots=True)
class Scene:
    """One composed scene.

    Attributes:
        samples: int16 ``(n,)``.
        words: keyword index, first sample and last sample of every keyword in it.
        phones: what the speech in front says, also where talk goes on behind it.
        front: float32 ``(n,)``, what is in front, without room, noise and microphone; rms about 1 where it is heard.
    """

    samples: Samples
    words: list[tuple[int, int, int]]
    phones: Phones
    front: Audio


class SceneBuilder:
    """Composes scenes from a corpus; the same generator gives the same scene."""

    def __init__(self, corpus: Corpus, keywords: tuple[str, ...], weights: dict[str, float], settings: SceneSettings):
        self._corpus, self._keywords, self._settings = corpus, keywords, settings
        wanted = np.array([weights.get(keyword, 1.0) for keyword in keywords])
        self._chances = wanted / wanted.sum()
        self._rooms = Rooms(corpus.rooms, augment.simulated_rooms(np.random.default_rng(0), settings.simulated_rooms))
        self._beds = Beds(corpus, self._rooms)
        self._coded: dict[int, Audio] = {}

    def build(self, rng: np.random.Generator) -> Scene:
        """One scene, another each time."""
        settings = self._settings
        track = Track(int(settings.seconds * RATE))
        kind = rng.random()
        if kind < settings.word_share:
            self._lay_words(rng, track)
        elif kind < settings.word_share + settings.speech_share:
            self._lay_speech(rng, track)
        else:
            is_noise = kind < settings.word_share + settings.speech_share + settings.noise_share
            self._lay_take(rng, track, self._corpus.noise if is_noise else self._corpus.music)
        return Scene(self._record(rng, track.audio), track.words, track.phones, track.audio)

    def _lay_words(self, rng: np.random.Generator, track: Track) -> None:
        track.cursor = int(rng.uniform(0.2, 2.0) * RATE)
        while track.room_left > 2.5 * RATE:
            draw = rng.random()
            if draw < 0.62:
                self._lay_keyword(rng, track)
            elif draw >= 1 - self._settings.mined_share and self._corpus.mined:
                self._lay_clip(rng, track, self._corpus.mined)
            elif draw < 0.62 + self._settings.near_miss_share:
                self._lay_clip(rng, track, self._corpus.near_misses or self._corpus.commands)
            elif draw < 0.80:
                self._lay_clip(rng, track, self._corpus.commands)
            else:
                self._lay_snippet(rng, track, self._corpus.speech, (0.5, 3.0), haste=1)

    def _lay_keyword(self, rng: np.random.Generator, track: Track) -> None:
        index = int(rng.choice(len(self._keywords), p=self._chances))
        keyword = self._keywords[index]
        synthetic = self._corpus.synthetic.get(keyword, [])
        real = self._corpus.keywords.get(keyword, [])
        clips = synthetic if synthetic and (not real or rng.random() < self._settings.synthetic_share) else real
        start, end = self._lay_clip(rng, track, clips)
        if end < len(track.audio):
            track.words.append((index, start, end))

    def _lay_clip(self, rng: np.random.Generator, track: Track, clips: list[Clip]) -> tuple[int, int]:
        """Lay down one of *clips*, another voice each time; returns where the word in it starts and ends."""
        clip = clips[rng.integers(len(clips))]
        audio = self._audio(rng, clip)
        audio = audio / rms(audio[clip.start : clip.end])
        speed = tempo = 1.0
        if rng.random() < self._settings.changed_share:
            speed, tempo = self._voice(rng)
            audio = augment.change_speed(augment.change_tempo(audio, tempo), speed)
        item = augment.fade(audio) * decibels(rng.uniform(-4, 4))
        item = np.asarray(item, np.float32)
        begin = track.lay(item, gap=_pause(rng), phones=clip.phones, factor=speed * tempo)
        return begin + round(clip.start / (speed * tempo)), begin + round(clip.end / (speed * tempo))

    def _lay_speech(self, rng: np.random.Generator, track: Track) -> None:
        foreign = bool(self._corpus.other_languages) and rng.random() < 0.15
        while track.room_left > RATE // 2:
            if self._corpus.mined and rng.random() < self._settings.mined_share:
                self._lay_clip(rng, track, self._corpus.mined)
            elif not foreign and self._corpus.near_misses and rng.random() < self._settings.near_miss_share:
                self._lay_clip(rng, track, self._corpus.near_misses)
            elif rng.random() < 0.1:
                self._lay_clip(rng, track, self._corpus.commands)
            else:
                takes = self._corpus.other_languages if foreign else self._corpus.speech
                self._lay_snippet(rng, track, takes, (2.0, 15.0), haste=2)

    def _lay_take(self, rng: np.random.Generator, track: Track, takes: list[Take]) -> None:
        while track.room_left > 0:
            piece = as_audio(_draw(rng, takes).crop(rng, track.room_left).samples)
            track.lay(augment.fade(piece / rms(piece)) * np.float32(decibels(rng.uniform(-4, 4))), gap=0)

    def _lay_snippet(
        self, rng: np.random.Generator, track: Track, takes: list[Take], seconds: tuple[float, float], *, haste: int
    ) -> None:
        """Lay down some seconds of talk; the pause before it is *haste* times as short as others."""
        length = int(rng.uniform(*seconds) * RATE)
        snippet = _draw(rng, takes).crop(rng, length)
        speed, tempo = self._voice(rng)
        changed = augment.change_speed(augment.change_tempo(as_audio(snippet.samples), tempo), speed)
        # The level of talk is that of its loud part: pauses inside must not make the rest louder.
        level = float(np.sqrt(np.percentile(np.square(changed), 75) * 2 + 1e-12)) + rms(changed)
        item = np.asarray(augment.fade(changed) / level * decibels(rng.uniform(-4, 6)), np.float32)
        track.lay(item, gap=_pause(rng) // haste, phones=snippet.phones, factor=speed * tempo)

    def _voice(self, rng: np.random.Generator) -> tuple[float, float]:
        """Factors of speed and of tempo that make another voice: a child's is higher, but no faster."""
        tempo = rng.uniform(*self._settings.tempo)
        if rng.random() < self._settings.child_share:
            speed = rng.uniform(*self._settings.child_speed)
            return speed, tempo / speed
        return rng.uniform(*self._settings.speed), tempo

    def _audio(self, rng: np.random.Generator, clip: Clip) -> Audio:
        if rng.random() >= self._settings.coded_share:
            return as_audio(clip.samples)
        if id(clip) not in self._coded:
            self._coded[id(clip)] = augment.through_opus(as_audio(clip.samples))
        return self._coded[id(clip)]

    def _record(self, rng: np.random.Generator, speech: Audio) -> Samples:
        """Room, bed, floor, microphone, level, clipping, codec: int16 audio of the whole scene."""
        settings = self._settings
        if rng.random() < settings.room_share:
            speech = augment.reverberate(speech, self._rooms.draw(rng))
        scene = speech + decibels(-rng.uniform(*settings.floor_below)) * augment.coloured_noise(rng, len(speech))
        if rng.random() < settings.bed_share:
            is_television = rng.random() < settings.television_share
            bed = (self._beds.television if is_television else self._beds.sound)(rng, len(speech))
            snr = settings.television_snr if is_television else settings.bed_snr
            scene += decibels(-rng.uniform(*snr)) * bed
        if rng.random() < settings.coloured_share:
            scene = augment.colour(rng, scene)
        gain = decibels(rng.uniform(*settings.level_dbfs))
        if rng.random() < settings.clipped_share:
            gain = decibels(rng.uniform(-6, 6))
        scene = np.clip(scene * np.float32(gain), -1, 1)
        if rng.random() < settings.codec_share:
            scene = augment.through_codec(rng, scene)
        return np.clip(np.rint(scene * 32768), -32768, 32767).astype(np.int16)


def _pause(rng: np.random.Generator) -> int:
    """Samples between two items: often a breath, at times none."""
    return int(RATE * (rng.uniform(0.25, 1.8) if rng.random() < 0.8 else rng.uniform(0.02, 0.25)))


def _draw(rng: np.random.Generator, takes: list[Take]) -> Take:
    return takes[rng.integers(len(takes))]


@dataclass(frozen=True, slots=True)
class Shard:
    """Scenes as the trainer reads them.

    ``features`` is float32 ``(scenes, frames, coefficients)``; ``phones`` ``(scenes, frames)`` has the phone in the
    middle of each frame; ``lessons`` are what a teacher heard in the scenes, if it is to be learnt from.
    """

    features: Coefficients
    events: Events
    phones: Phones
    lessons: Lessons | None = None


def write_shard(path: Path, builder: SceneBuilder, mfcc: MfccSettings, *, scenes: int, seed: tuple[int, ...]) -> None:
    """Compose *scenes* scenes and write them; a shard is whole or absent."""
    compute, features, events, phones = Mfcc(mfcc).compute, [], [], []
    for number in range(scenes):
        scene = builder.build(np.random.default_rng((*seed, number)))
        features.append(compute(Framing(mfcc).push(scene.samples)))
        events += [(number, *word) for word in scene.words]
        middles = (np.arange(len(features[-1])) * mfcc.winstep + mfcc.winlen / 2) * RATE
        phones.append(scene.phones[(middles / SLOT).astype(int)])
    rows = np.array(events, np.int32).reshape(-1, 4)
    with whole(path) as file:
        np.savez(file, features=np.stack(features), events=rows, phones=np.stack(phones))


def read_shards(paths: list[Path]) -> Shard:
    """All shards as one, the events' scene numbers shifted to fit. Shards without phones are older than those.

    Raises:
        ConfigError: one of them is damaged.
    """
    features, events, phones, first = [], [], [], 0
    for path in paths:
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                features.append(arrays["features"])
                moved = arrays["events"].copy()
                unknown = np.full(features[-1].shape[:2], UNKNOWN, np.uint8)
                phones.append(arrays.get("phones", unknown))
        except (ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise ConfigError(Fault(str(path), None, "", "is damaged; delete it, and it is composed again")) from error
        moved[:, 0] += first
        events.append(moved)
        first += len(features[-1])
    return Shard(np.concatenate(features), np.concatenate(events), np.concatenate(phones))
