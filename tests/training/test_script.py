"""Scripts: who says what, and that no voice stands on both sides of the split."""

from __future__ import annotations

import re

import pytest

from kws_app.training.engines import ESPEAK, FESTIVAL, FLITE
from kws_app.training.script import Engine, Sheet, deal, read_phrases, read_sentences

SHEET = Sheet(("computer", "jarvis"), near_misses=2, sentences=1)


def test_the_same_seed_deals_the_same_script() -> None:
    first = list(deal([ESPEAK, FLITE], SHEET, voices=3, seed=7))

    assert list(deal([ESPEAK, FLITE], SHEET, voices=3, seed=7)) == first
    assert list(deal([ESPEAK, FLITE], SHEET, voices=3, seed=8)) != first


def test_more_voices_continue_the_deal_of_fewer() -> None:
    few = list(deal([ESPEAK], SHEET, voices=2, seed=1))

    assert list(deal([ESPEAK], SHEET, voices=5, seed=1))[: len(few)] == few


def test_every_voice_says_keywords_near_misses_and_running_text() -> None:
    script = list(deal([FLITE, FESTIVAL], SHEET, voices=20, seed=1))

    voices = {utterance.voice for utterance in script}
    kinds = {(utterance.voice, utterance.kind) for utterance in script}
    assert kinds == {(voice, kind) for voice in voices for kind in ("word", "near_miss", "sentence")}


@pytest.mark.parametrize("engine", [ESPEAK, FLITE, FESTIVAL], ids=lambda engine: engine.name)
def test_no_voice_and_no_near_miss_is_on_both_sides_of_the_split(engine: Engine) -> None:
    script = list(deal([engine], SHEET, voices=60, seed=1))

    voices: dict[str, set[str]] = {"train": set(), "test": set()}
    phrases: dict[str, set[str]] = {"train": set(), "test": set()}
    for utterance in script:
        voices[utterance.split].add(utterance.voice)
        if utterance.kind == "near_miss":
            phrases[utterance.split].add(utterance.text.rstrip(".!?,"))
    assert voices["test"]
    assert not voices["train"] & voices["test"]
    assert not phrases["train"] & phrases["test"]


def test_running_text_and_near_misses_never_say_a_keyword() -> None:
    phrases = read_phrases()
    forms = [re.sub("[ -]", r"\\W*", form) for phrase in phrases.values() for form in phrase.written]
    keyword = re.compile(rf"\b({'|'.join(forms)})\b", re.IGNORECASE)

    texts = [*read_sentences(), *(text for p in phrases.values() for split in p.near_misses.values() for text in split)]

    assert keyword.search("My snow boy.")
    assert [text for text in texts if keyword.search(text)] == []
