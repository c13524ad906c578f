"""Pronunciation in Kokoro's alphabet."""

from __future__ import annotations

import shutil

import pytest

from kws_app.training.phonemes import arpabet, espeak_text, kokoro_phonemes, spelled

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@needs_espeak
@pytest.mark.parametrize(
    ("text", "accent", "expected"),
    [
        ("computer", "us", "kəmpjˈuTəɹ"),
        ("computer", "gb", "kəmpjˈuːtə"),
        ("smart mirror.", "us", "smˈɑɹt mˈɪɹəɹ."),
        ("no, you go!", "us", "nˈO, ju ɡˈO!"),
    ],
)
def test_text_becomes_kokoros_phonemes_with_its_punctuation(text: str, accent: str, expected: str) -> None:
    assert kokoro_phonemes(text, accent) == expected


@needs_espeak
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jarvis", "JH AA R V IH S"),
        ("alexa", "AH L EH K S AH"),
        ("snowboy", "S N OW B OY"),
        ("future", "F Y UW CH ER"),
        ("fire there", "F AY ER DH EH R"),
    ],
)
def test_text_becomes_phones(text: str, expected: str) -> None:
    assert " ".join(arpabet(text)) == expected


def test_a_text_may_spell_its_phones_between_slashes() -> None:
    assert spelled("/S N OW1 B OY2/?") == (["S", "N", "OW1", "B", "OY2"], "?")
    assert spelled("snow boy?") == ([], "")


@pytest.mark.parametrize(("accent", "expected"), [("us", "kəmpjˈutəɹ."), ("gb", "kəmpjˈuːtə.")])
def test_spelled_phones_become_kokoros(accent: str, expected: str) -> None:
    assert kokoro_phonemes("/K AH0 M P Y UW1 T ER0/.", accent) == expected


def test_spelled_phones_become_those_of_espeak_and_written_text_stays() -> None:
    assert espeak_text("/K AH0 M P Y UW1 T ER0/!") == "[[k|@|m|p|j|'u:|t|3]]!"
    assert espeak_text("computer!") == "computer!"
