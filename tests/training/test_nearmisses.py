"""Near misses made from phones: near, never the word, and the same for the same seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("pocketsphinx", reason="the training extra is not installed")

from kws_app.training.distance import distances
from kws_app.training.lexicon import common_words
from kws_app.training.nearmisses import FARTHEST, NEAREST, NEAREST_EDITED, NearMisses, split_of
from kws_app.training.phonemes import plain, spelled
from kws_app.training.script import read_phrases

SPOKEN = {keyword: phrase.spoken for keyword, phrase in read_phrases().items()}


@pytest.fixture(scope="module")
def near_misses() -> NearMisses:
    return NearMisses(SPOKEN, {"snow day"})


def drawn(near_misses: NearMisses, keyword: str, *, count: int = 30, seed: int = 1, split: str = "train") -> list[str]:
    rng = np.random.default_rng(seed)
    return [near_misses.draw(rng, keyword, split) for _ in range(count)]


def ways(text: str) -> list[tuple[str, ...]]:
    """How *text* is said: as it spells itself, or as the dictionary has its words."""
    if phones := spelled(text)[0]:
        return [plain(phones)]
    said: list[tuple[str, ...]] = [()]
    for word in text.split():
        said = [before + way for before in said for way in common_words(30_000)[word]]
    return said


def test_the_same_seed_draws_the_same(near_misses: NearMisses) -> None:
    first = drawn(near_misses, "snowboy")

    assert drawn(NearMisses(SPOKEN, {"snow day"}), "snowboy") == first
    assert drawn(near_misses, "snowboy", seed=2) != first


def test_there_are_pseudo_words_and_words_and_pairs_of_words(near_misses: NearMisses) -> None:
    texts = drawn(near_misses, "alexa")

    assert any(spelled(text)[0] for text in texts)
    assert {text.count(" ") for text in texts if not spelled(text)[0]} == {0, 1}


@pytest.mark.parametrize("keyword", ["computer", "snowboy"])
def test_everything_is_near_and_nothing_is_or_holds_a_keyword(near_misses: NearMisses, keyword: str) -> None:
    for text in drawn(near_misses, keyword):
        assert min(distances(plain(way), ways(text)).min() for way in SPOKEN[keyword]) <= FARTHEST + 1
        least = NEAREST_EDITED if spelled(text)[0] else NEAREST
        every = [plain(way) for spoken in SPOKEN.values() for way in spoken]
        assert min(float(distances(way, ways(text), inside=True).min()) for way in every) >= least


def test_the_nearer_the_more_often(near_misses: NearMisses) -> None:
    distance = [
        min(float(distances(plain(way), ways(text)).min()) for way in SPOKEN["computer"])
        for text in drawn(near_misses, "computer", count=150)
    ]

    counts = np.histogram(distance, bins=[0.5, 1.2, 1.9, 2.6])[0] / [1, 10, 60]  # there are ever more, ever farther
    assert all(nearer > farther for nearer, farther in pairwise(counts.tolist()))


def test_no_near_miss_is_for_both_splits_and_none_that_is_listed_is_made_again(near_misses: NearMisses) -> None:
    train, test = (set(drawn(near_misses, "snowboy", split=split)) for split in ("train", "test"))

    assert not train & test
    assert {split_of(text) for text in train} == {"train"}
    assert "snow day" not in near_misses._found("snowboy", True)[0]
    assert "slow bow" in near_misses._found("snowboy", True)[0]
