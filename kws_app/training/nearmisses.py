"""Near misses made from a keyword's phones: pseudo-words, words and pairs of words that sound almost like it.

A list written by hand holds what its author thought of. Here a third is edited phones (one replaced, dropped, added;
the word cut short; another onset or ending), a third common words, a third two common words in a row. The nearer, the
more often; but never so near that a listener would take it for a keyword, nor with a keyword in it, since training
against such teaches to miss the word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from zlib import crc32

import numpy as np

from kws_app.training.distance import CONSONANTS, VOWELS, Distances, distances
from kws_app.training.lexicon import common_words
from kws_app.training.phonemes import plain, spell

NEAREST, FARTHEST = 0.5, 2.5
"""Distances of words that are near misses; what is nearer is the keyword said in another way."""
NEAREST_EDITED = 1.0
"""Of what is no word: one weak change, or two, a listener takes for a careless way of saying the keyword."""
SCALE = 0.6
"""A near miss that is this much farther is drawn e times as seldom."""
WORDS, IN_PAIRS, PART = 30_000, 6_000, 40
"""Common words to search, for pairs to search, and how many fill each half of a pair."""
TEST_SHARE = 8
"""One in so many is for held-out voices only."""

# Where a rhyme begins, and what a longer word ends with.
_ONSETS = (
    "P", "B", "T", "D", "K", "G", "F", "V", "S", "Z", "SH", "TH", "HH", "M", "N", "L", "R", "W", "Y", "CH", "JH",
    "S T", "S P", "S K", "B L", "B R", "F L", "F R", "P L", "T R", "D R", "G R", "K R", "K W", "S L", "S M",
)  # fmt: skip
_ENDINGS = (
    "S", "Z", "T", "D", "M", "N", "AH0", "IH0", "IY0", "ER0", "IH0 NG", "AH0 N", "AH0 L", "L IY0", "AH0 T", "IH0 D",
)  # fmt: skip

Phones = tuple[str, ...]
"""With the stress at the vowels."""

Spoken = tuple[str, Phones]
"""A text, and its phones without stress in one way of saying it."""


class NearMisses:
    """Near misses of *keywords*, each given as the ways in which it is said; *listed* texts are never made."""

    def __init__(self, keywords: Mapping[str, Sequence[Phones]], listed: Iterable[str]) -> None:
        self._keywords, self._listed = keywords, set(listed)
        self._found = cache(self._find)

    def draw(self, rng: np.random.Generator, keyword: str, split: str) -> str:
        """One near miss of *keyword* as a text to speak; none is drawn for both splits."""
        kind = rng.choice(["edited", "word", "pair"])
        while True:
            if kind == "edited":
                text = self._edited(rng, keyword)
            else:
                texts, chances = self._found(keyword, kind == "pair")
                text = texts[int(rng.choice(len(texts), p=chances))]
            if split_of(text) == split:
                return text

    def _edited(self, rng: np.random.Generator, keyword: str) -> str:
        """An edit of the keyword, kept the more often the nearer it is."""
        variants = self._keywords[keyword]
        while True:
            phones = variants[int(rng.integers(len(variants)))]
            for _ in range(rng.integers(1, 4)):
                phones = _edit(rng, phones)
            near = float(self._distances(keyword, [plain(phones)])[0])
            kept = rng.random() < math.exp((NEAREST_EDITED - near) / SCALE)
            if kept and self._besides([plain(phones)])[0] >= NEAREST_EDITED:
                return spell(phones)

    def _find(self, keyword: str, in_pairs: bool) -> tuple[list[str], Distances]:
        """The common words, or pairs of them, that are near *keyword*, and how often to draw each."""
        ways = list(dict.fromkeys(self._pairs(keyword) if in_pairs else _words(WORDS)))
        near = self._distances(keyword, [phones for _, phones in ways])
        among = np.flatnonzero(near <= FARTHEST)
        besides = self._besides([ways[index][1] for index in among])
        alike = {ways[index][0] for index in among[besides < NEAREST]} | self._listed
        nearest: dict[str, float] = {}  # a word may be said in several ways
        for index in among:
            text, _ = ways[index]
            if text not in alike:
                nearest[text] = min(float(near[index]), nearest.get(text, FARTHEST))
        chances = np.exp(-np.array(list(nearest.values())) / SCALE)
        return list(nearest), chances / chances.sum()

    def _pairs(self, keyword: str) -> Iterator[Spoken]:
        """Two words of which the first sounds like a way's first phones, the second like its rest."""
        words = list(_words(IN_PAIRS))
        sounds = [phones for _, phones in words]
        for target in map(plain, self._keywords[keyword]):
            for cut in range(1, len(target)):
                first, second = (
                    [words[index] for index in distances(part, sounds).argsort(kind="stable")[:PART]]
                    for part in (target[:cut], target[cut:])
                )
                for (one, begin), (other, end) in product(first, second):
                    yield f"{one} {other}", begin + end

    def _distances(self, keyword: str, sounds: Sequence[Sequence[str]]) -> Distances:
        """How far each is from *keyword*."""
        return np.min([distances(plain(variant), sounds) for variant in self._keywords[keyword]], axis=0)

    def _besides(self, sounds: Sequence[Sequence[str]]) -> Distances:
        """How far the part of each that is most like a keyword is from it."""
        every = [plain(variant) for variants in self._keywords.values() for variant in variants]
        return np.min([distances(variant, sounds, inside=True) for variant in every], axis=0)


def split_of(text: str) -> str:
    """Who says it: the same for the same text, so that training never hears what is tested with."""
    return "test" if crc32(text.encode()) % TEST_SHARE == 0 else "train"


def _edit(rng: np.random.Generator, phones: Phones) -> Phones:
    """*phones* with one thing changed."""
    at, stressed = int(rng.integers(len(phones))), next(i for i, phone in enumerate(phones) if phone[-1] in "12")
    match rng.choice(["replace", "drop", "add", "cut", "onset", "ending"], p=[0.35, 0.2, 0.15, 0.1, 0.1, 0.1]):
        case "replace" if phones[at][-1].isdigit():
            return (*phones[:at], str(rng.choice(VOWELS)) + phones[at][-1], *phones[at + 1 :])
        case "replace":
            return (*phones[:at], str(rng.choice(CONSONANTS)), *phones[at + 1 :])
        case "drop" if at != stressed:
            return (*phones[:at], *phones[at + 1 :])
        case "add":
            return (*phones[:at], str(rng.choice([*CONSONANTS, "AH0"])), *phones[at:])
        case "cut" if at > stressed:
            return phones[:at]
        case "cut":
            return phones[at:]
        case "onset":
            return (*str(rng.choice(_ONSETS)).split(), *phones[stressed:])
        case "ending":
            return (*phones, *str(rng.choice(_ENDINGS)).split())
    return phones


def _words(count: int) -> Iterator[Spoken]:
    for word, variants in common_words(count).items():
        for phones in variants:
            yield word, phones
