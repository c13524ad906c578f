"""Who says what: voices, keywords, near misses and sentences dealt out from a seed.

One voice after another reads a sheet: every keyword, some near misses of each, some running text. So each voice is
heard with and without the word, and however far the writing has come, what is there is balanced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib import resources
from typing import Protocol

import numpy as np
import yaml

from kws_app.arrays import Audio
from kws_app.training.nearmisses import NearMisses, Phones
from kws_app.training.phonemes import spelled

TEST_SHARE = 0.125
"""Of all voices drawn; these are an engine's held-out ones, and no training hears them."""

ENDINGS = (".", ".", ".", "!", "?", ",")
"""How a word said alone ends: it moves the intonation."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One clip to be spoken."""

    kind: str  # word, near_miss or sentence
    keyword: str  # "-" for sentences
    text: str
    phonemes: Mapping[str, str]  # how to say it, by accent, where the engine's own reading is not good enough
    engine: str
    voice: str
    tempo: float  # 1 is the engine's own, 1.2 is faster
    pitch: float  # -1 low to 1 high, where the engine lets us choose
    split: str

    @property
    def path(self) -> str:
        """Where the clip goes, below the output folder: the same for the same utterance."""
        digest = hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:10]
        return f"{self.split}/{self.kind}/{self.keyword}/{self.engine}_{self.voice}_{digest}.flac".replace("/-/", "/")


class Engine(Protocol):
    """A synthesizer."""

    @property
    def name(self) -> str: ...

    def require(self) -> None:
        """Refuse with a ConfigError if the engine is not there."""

    def draw_voice(self, rng: np.random.Generator, *, held_out: bool) -> str:
        """Return one of its voices; the held-out ones are those that no training hears."""

    def speak(self, utterance: Utterance) -> tuple[Audio, int]:
        """Return the raw audio, float32 ``(n,)``, and its rate in Hz."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A keyword as it is written and pronounced, and what is nearly it."""

    written: tuple[str, ...]
    spoken: tuple[Phones, ...]
    kokoro: dict[str, tuple[str, ...]]
    near_misses: dict[str, tuple[str, ...]]  # by split


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every voice reads. A keyword that stands twice is said twice."""

    keywords: tuple[str, ...]
    near_misses: int = 2  # for each of the keywords, from the list
    sentences: int = 4
    made: int = 0  # near misses for each of the keywords, made from its phones
    words: tuple[str, ...] = ()  # other words, read as they are written


def read_phrases() -> dict[str, Phrase]:
    """Return the phrases that ship with the trainer, by keyword."""
    text = resources.files("kws_app.training").joinpath("phrases.yaml").read_text(encoding="utf-8")
    return {
        keyword: Phrase(
            tuple(entry["written"]),
            tuple(tuple(spelled(way)[0]) for way in entry["spoken"]),
            {accent: tuple(spoken) for accent, spoken in entry["kokoro"].items()},
            {split: tuple(phrases) for split, phrases in entry["near_misses"].items()},
        )
        for keyword, entry in yaml.safe_load(text).items()
    }


def read_sentences() -> list[str]:
    """Return the running text that ships with the trainer, one sentence an item."""
    text = resources.files("kws_app.training").joinpath("sentences.txt").read_text(encoding="utf-8")
    return text.splitlines()


def deal(engines: Sequence[Engine], sheet: Sheet, *, voices: int, seed: int) -> Iterator[Utterance]:
    """Yield the sheets of *voices* voices, the engines taking turns; more voices continue the same deal.

    Raises:
        ConfigError: near misses are to be made, and PocketSphinx's dictionary is not installed.
    """
    phrases, sentences = read_phrases(), read_sentences()
    listed = {text for phrase in phrases.values() for texts in phrase.near_misses.values() for text in texts}
    near_misses = NearMisses({keyword: phrase.spoken for keyword, phrase in phrases.items()}, listed)
    for number in range(voices):
        rng = np.random.default_rng((seed, number))
        split = "test" if rng.random() < TEST_SHARE else "train"
        engine = engines[number % len(engines)]
        voice = engine.draw_voice(rng, held_out=split == "test")
        lines: list[Line] = [*_words(sheet, phrases, rng), *_near_misses(sheet, phrases, split, rng)]
        lines += [("sentence", "-", _passage(sentences, rng), {}) for _ in range(sheet.sentences)]
        lines = [lines[index] for index in rng.permutation(len(lines))]
        lines += _made(sheet, near_misses, split, np.random.default_rng((seed, number, 1)))
        lines += _other_words(sheet, np.random.default_rng((seed, number, 2)))
        for kind, keyword, text, phonemes in lines:
            tempo, pitch = round(rng.uniform(0.82, 1.22), 3), round(rng.uniform(-1, 1), 3)
            yield Utterance(kind, keyword, text, phonemes, engine.name, voice, tempo, pitch, split)


Line = tuple[str, str, str, Mapping[str, str]]
"""Kind, keyword, text and phonemes of one line of a sheet."""


def _words(sheet: Sheet, phrases: dict[str, Phrase], rng: np.random.Generator) -> Iterator[Line]:
    for keyword in sheet.keywords:
        phrase, ending = phrases[keyword], str(rng.choice(ENDINGS))
        phonemes = {accent: str(rng.choice(spoken)) + ending for accent, spoken in phrase.kokoro.items()}
        yield "word", keyword, str(rng.choice(phrase.written)) + ending, phonemes


def _near_misses(sheet: Sheet, phrases: dict[str, Phrase], split: str, rng: np.random.Generator) -> Iterator[Line]:
    for keyword in sheet.keywords:
        for text in rng.choice(phrases[keyword].near_misses[split], sheet.near_misses, replace=False):
            yield "near_miss", keyword, str(text) + str(rng.choice(ENDINGS)), {}


def _made(sheet: Sheet, near_misses: NearMisses, split: str, rng: np.random.Generator) -> Iterator[Line]:
    """More near misses; drawn apart, so that they change nothing of what is read besides."""
    for keyword in sheet.keywords * sheet.made:
        yield "near_miss", keyword, near_misses.draw(rng, keyword, split) + str(rng.choice(ENDINGS)), {}


def _passage(sentences: list[str], rng: np.random.Generator) -> str:
    """One to three sentences that follow one another by chance."""
    return " ".join(rng.choice(sentences, rng.integers(1, 4), replace=False))


def _other_words(sheet: Sheet, rng: np.random.Generator) -> Iterator[Line]:
    """Words without an entry among the phrases; drawn apart, too."""
    for word in rng.permutation(sheet.words):
        yield "word", str(word), str(word) + str(rng.choice(ENDINGS)), {}
