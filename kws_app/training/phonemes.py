"""Phones between the alphabets of the synthesizers, and of text by way of espeak-ng's pronunciation.

A text is written, or spells its phones as the CMU dictionary does, between slashes, with the stress at the vowels:
``/K AH0 M P Y UW1 T ER0/``. So an engine can be asked for what nobody ever wrote.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence

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

_ESPEAK = {
    "AA": "A:", "AE": "a", "AH": "V", "AH0": "@", "AO": "O:", "AW": "aU", "AY": "aI", "CH": "tS", "DH": "D", "EH": "E",
    "ER": "3:", "ER0": "3", "EY": "eI", "HH": "h", "IH": "I", "IY": "i:", "JH": "dZ", "NG": "N", "OW": "oU",
    "OY": "OI", "SH": "S", "TH": "T", "UH": "U", "UW": "u:", "Y": "j", "ZH": "Z",
}  # fmt: skip
_KOKORO = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AH0": "ə", "AO": "ɔː", "AW": "W", "AY": "I", "CH": "ʧ", "DH": "ð", "EH": "ɛ",
    "ER": "ɜɹ", "ER0": "əɹ", "EY": "A", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "iː", "JH": "ʤ", "NG": "ŋ", "OW": "O",
    "OY": "Y", "R": "ɹ", "SH": "ʃ", "TH": "θ", "UH": "ʊ", "UW": "uː", "Y": "j", "ZH": "ʒ",
}  # fmt: skip
_KOKORO_BRITISH = _KOKORO | {"OW": "Q", "ER": "ɜː", "ER0": "ə"}
"""Phones that these tables lack are their own small letter; a vowel's stress matters where it stands with it."""

_QUOTES = {"1": "'", "2": ","}
_STROKES = {"1": "ˈ", "2": "ˌ"}
"""How a vowel that bears stress begins, in espeak-ng's alphabet and in Kokoro's."""

_SPELLED = re.compile(r"/([A-Z0-2 ]+)/(.*)")

ACCENTS = {"us": "en-us", "gb": "en-gb"}


def spell(phones: Sequence[str]) -> str:
    """*phones* as a text that every engine can say."""
    return f"/{' '.join(phones)}/"


def spelled(text: str) -> tuple[list[str], str]:
    """The phones that *text* spells, and the punctuation after them; no phones if it is written."""
    found = _SPELLED.fullmatch(text)
    return (found[1].split(), found[2]) if found else ([], "")


def plain(phones: Iterable[str]) -> tuple[str, ...]:
    """*phones* without their stress."""
    return tuple(phone.rstrip("012") for phone in phones)


def espeak_text(text: str) -> str:
    """*text* as espeak-ng reads it."""
    phones, ending = spelled(text)
    return f"[[{'|'.join(_symbols(phones, _ESPEAK, _QUOTES))}]]{ending}" if phones else text


def kokoro_phonemes(text: str, accent: str) -> str:
    """Return *text* in Kokoro's alphabet, punctuation kept; *accent* is ``us`` or ``gb``."""
    phones, ending = spelled(text)
    if phones:
        symbols = "".join(_symbols(phones, _KOKORO if accent == "us" else _KOKORO_BRITISH, _STROKES))
        return (symbols.replace("ː", "") if accent == "us" else symbols) + ending
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


def _symbols(phones: Sequence[str], table: Mapping[str, str], stress: Mapping[str, str]) -> Iterator[str]:
    for phone, bare in zip(phones, plain(phones), strict=True):
        yield stress.get(phone[-1], "") + (table.get(phone) or table.get(bare) or bare.lower())


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
