"""Text in the phoneme alphabets of Kokoro-82M and of the CMU dictionary, by way of espeak-ng's pronunciation."""

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

_ARPABET = {
    "tʃ": "CH", "dʒ": "JH", "aɪə": "AY AH", "aɪɚ": "AY ER", "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW",
    "ɔɪ": "OY", "ɜː": "ER", "ɚ": "ER", "iː": "IY", "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɛ": "EH", "e": "EH", "æ": "AE",
    "a": "AE", "ɑ": "AA", "ɒ": "AA", "ɔ": "AO", "o": "AO", "ʊ": "UH", "u": "UW", "ʌ": "AH", "ə": "AH", "ɐ": "AH",
    "p": "P", "b": "B", "t": "T", "ɾ": "T", "ʔ": "T", "d": "D", "k": "K", "x": "K", "ɡ": "G", "f": "F", "v": "V",
    "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N", "ŋ": "NG", "l": "L",
    "ɹ": "R", "r": "R", "w": "W", "j": "Y",
}  # fmt: skip
"""The first that fits is taken, so what begins like another stands before it."""

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


def arpabet(text: str) -> list[str]:
    """Return the phones of *text*, in an American accent and without stress."""
    ipa = _pronounce(text, ACCENTS["us"]).replace("^", "")
    return " ".join(_ARPABET[sound] for sound in re.findall("|".join(_ARPABET), ipa)).split()


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
