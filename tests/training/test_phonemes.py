"""Pronunciation in Kokoro's alphabet."""

from __future__ import annotations

import shutil

import pytest

from kws_app.training.phonemes import arpabet, kokoro_phonemes

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
