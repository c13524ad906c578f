"""Text in the phoneme alphabet of Kokoro-82M, by way of espeak-ng's pronunciation."""

from __future__ import annotations

import re
import subprocess

from kws_app.errors import ConfigError, Fault

_ALWAYS = {
    "a^ɪ": "I", "a^ʊ": "W", "e^ɪ": "A", "ɔ^ɪ": "Y", "o^ʊ": "O", "ə^ʊ": "Q", "d^ʒ": "ʤ", "t^ʃ": "ʧ",
    "^": "", "ɚ": "əɹ", "r": "ɹ", "ɐ": "ə", "ɾ": "T", "ʔ": "t",
}  # fmt: skip
_AMERICAN = {"ɜː": "ɜɹ", "ː": ""}
"""On top of those: Kokoro writes long vowels in British only."""

ACCENTS = {"us": "en-us", "gb": "en-gb"}


def kokoro_phonemes(text: str, accent: str) -> str:
    """Return *text* in Kokoro's alphabet, punctuation kept; *accent* is ``us`` or ``gb``."""
    table = _ALWAYS | (_AMERICAN if accent == "us" else {})
    parts = []
    for part in re.split(r"([,.!?;:])", text):
        if part in set(",.!?;:"):
            parts.append(part)
        elif part.strip():
            parts.append(" " + _translate(_pronounce(part.strip(), ACCENTS[accent]), table))
    return "".join(parts).strip()


def _translate(ipa: str, table: dict[str, str]) -> str:
    for espeak, kokoro in table.items():
        ipa = ipa.replace(espeak, kokoro)
    return ipa


def _pronounce(text: str, voice: str) -> str:
    command = ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", voice, "--", text]
    try:
        spoken = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise ConfigError(
            Fault("kokoro", None, "", "needs espeak-ng for its phonemes: apt install espeak-ng")
        ) from error
    return " ".join(spoken.stdout.split())
