"""Kokoro-82M: a neural synthesizer whose voices can be mixed into ever new speakers.

It needs a folder that docs/how-to/synthesize-speech.md says how to make: ``kokoro.onnx``, ``vocab.json`` and
``voices/*.bin``. Model and voices are Apache-2.0.
"""

from __future__ import annotations

import json
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from kws_app.arrays import Audio
from kws_app.errors import ConfigError, Fault
from kws_app.training.phonemes import kokoro_phonemes
from kws_app.training.script import Utterance

Style = npt.NDArray[np.float32]
"""How a voice sounds, float32 ``(256,)``: 128 numbers of timbre, then 128 of prosody."""

RATE = 24_000
"""Hz, of what the model makes."""
LONGEST = 508
"""Tokens between the two zeros that frame them; a style file has a row for each number of tokens."""

HELD_OUT = frozenset(["af_nova", "am_puck", "bf_lily", "bm_fable", "ef_dora", "hm_omega", "jf_nezumi", "pm_alex"])
FAR_OFF = frozenset(["zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi"])
"""Mandarin voices whose English words lie farthest from real recordings: not used."""


class Kokoro:
    """The synthesizer in *folder*.

    A voice is named ``af_heart`` (as it came), ``af_heart+bm_lewis`` (the timbre of the first with the prosody of the
    second) or ``span-17`` (drawn with seed 17 from a Gaussian with the mean and covariance of the training voices).
    """

    name = "kokoro"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        stock = {path.stem for path in folder.glob("voices/*.bin")} - FAR_OFF
        self._voices = sorted(stock - HELD_OUT)
        self._held_out = sorted(stock & HELD_OUT)

    def require(self) -> None:
        """Refuse, before anything is spoken, a folder in which something is missing."""
        for needed in ("kokoro.onnx", "vocab.json", *(f"voices/{voice}.bin" for voice in sorted(HELD_OUT))):
            if not (self._folder / needed).exists():
                help_page = "docs/how-to/synthesize-speech.md says where it comes from"
                raise ConfigError(Fault("--kokoro", None, str(self._folder / needed), f"is missing; {help_page}"))

    def draw_voice(self, rng: np.random.Generator, *, held_out: bool) -> str:
        # Gaussian voices have something of every training voice, so among the held-out ones there are none.
        recipe = rng.choice(["stock", "swap"] if held_out else ["stock", "swap", "span"])
        if recipe == "span":
            return f"span-{rng.integers(2**31)}"
        voices = self._held_out if held_out else self._voices
        return "+".join(rng.choice(voices, 1 if recipe == "stock" else 2, replace=False))

    def speak(self, utterance: Utterance) -> tuple[Audio, int]:
        """Return the raw audio, float32 ``(n,)``, and its rate in Hz."""
        accent = self._accent(utterance.voice)
        phonemes = utterance.phonemes.get(accent) or kokoro_phonemes(utterance.text, accent)
        tokens = [self._vocabulary[symbol] for symbol in phonemes if symbol in self._vocabulary][:LONGEST]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": self.style(utterance.voice, len(tokens))[None],
            "speed": np.array([utterance.tempo], np.float32),
        }
        (audio,) = self._session.run(None, inputs)
        return np.asarray(audio, np.float32).ravel(), RATE

    def _accent(self, voice: str) -> str:
        native = {"a": "us", "b": "gb"}.get(voice[0])
        return native or ("us", "gb")[crc32(voice.encode()) % 2]

    def style(self, voice: str, tokens: int) -> Style:
        """Return the style of *voice* for a phrase of *tokens*, averaged or mixed as its name says."""
        if voice.startswith("span-"):
            rows = np.stack([self._table(name)[tokens] for name in self._voices])
            mean = rows.mean(axis=0)
            weights = np.random.default_rng(int(voice[5:])).standard_normal(len(rows)).astype(np.float32)
            style: Style = mean + weights @ (rows - mean) / np.float32(np.sqrt(len(rows) - 1))
            return style
        timbre, _, prosody = voice.partition("+")
        return np.concatenate([self._table(timbre)[tokens, :128], self._table(prosody or timbre)[tokens, 128:]])

    def _table(self, voice: str) -> npt.NDArray[np.float32]:
        return _read_styles(self._folder / "voices" / f"{voice}.bin")

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        vocabulary: dict[str, int] = json.loads((self._folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        return vocabulary

    @cached_property
    def _session(self) -> Any:  # ONNX Runtime's session has no types
        from kws_app.model.runtime import session  # loaded by whoever speaks, not by --help

        return session((self._folder / "kokoro.onnx").read_bytes())


@cache
def _read_styles(path: Path) -> npt.NDArray[np.float32]:
    """Return a voice's style for every number of tokens, float32 ``(510, 256)``."""
    return np.fromfile(path, np.float32).reshape(510, 256)
