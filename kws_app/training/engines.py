"""The speech synthesizers that are commands of the system: espeak-ng, flite, festival.

They are tools of the build, not of the product: their licences (GPL-3.0 for espeak-ng, BSD-like for the others) do
not reach what they say. docs/reference/voices.md lists them.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no stubs (0.14)

from kws_app.arrays import Audio
from kws_app.errors import ConfigError, Fault
from kws_app.training.phonemes import espeak_text, plain, spelled
from kws_app.training.script import Utterance


@dataclass(frozen=True, slots=True)
class CommandEngine:
    """A synthesizer that is run once a clip and leaves a WAV file."""

    name: str
    voices: tuple[str, ...]
    held_out: tuple[str, ...]
    command: Callable[[Utterance, Path], tuple[list[str], str]]  # argv and standard input

    def require(self) -> None:
        """Refuse, before anything is spoken, to start without the command."""
        if shutil.which(self.name) is None:
            raise ConfigError(Fault("--engines", None, self.name, f"is not installed (apt install {self.name})"))

    def draw_voice(self, rng: np.random.Generator, *, held_out: bool) -> str:
        return str(rng.choice(self.held_out if held_out else self.voices))

    def speak(self, utterance: Utterance) -> tuple[Audio, int]:
        """Return the raw audio, float32 ``(n,)``, and its rate in Hz."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "spoken.wav")
            argv, text = self.command(utterance, path)
            subprocess.run(argv, input=text, text=True, check=True, capture_output=True, timeout=60)
            audio, rate = soundfile.read(path, dtype="float32")
        return audio, rate


def _espeak(utterance: Utterance, path: Path) -> tuple[list[str], str]:
    speed, pitch = round(165 * utterance.tempo), round(50 + 30 * utterance.pitch)
    return ["espeak-ng", "-v", utterance.voice, "-s", str(speed), "-p", str(pitch), "-w", str(path)], espeak_text(
        utterance.text
    )


def _flite(utterance: Utterance, path: Path) -> tuple[list[str], str]:
    # Only the diphone voice heeds the pitch.
    settings = {"duration_stretch": 1 / utterance.tempo, "int_f0_target_mean": 110 + 25 * utterance.pitch}
    options = [word for name, value in settings.items() for word in ("--setf", f"{name}={value:.3f}")]
    phones, _ = spelled(utterance.text)
    said = ["-p", f"pau {' '.join(_radio(phones, stress=False))} pau"] if phones else ["-t", utterance.text]
    return ["flite", "-voice", utterance.voice, *options, *said, "-o", str(path)], ""


_NO_WORD = "zzqa"


def _festival(utterance: Utterance, path: Path) -> tuple[list[str], str]:
    text = utterance.text.replace("\\", "").replace('"', "")
    phones, ending = spelled(text)
    entry = ""
    if phones:  # as a word that the voice's dictionary then has, and whose syllables festival finds
        text, entry = f"{_NO_WORD}{ending}", f"'({' '.join(_radio(phones, stress=True))})"
        entry = f'(lex.add.entry (list "{_NO_WORD}" nil (lex.syllabify.phstress {entry})))'
    scheme = (
        f"(voice_{utterance.voice}) (Parameter.set 'Duration_Stretch {1 / utterance.tempo:.3f}) {entry}"
        f' (utt.save.wave (utt.synth (Utterance Text "{text}")) "{path}" \'riff)'
    )
    return ["festival", "--pipe"], scheme


def _radio(phones: list[str], *, stress: bool) -> Iterator[str]:
    """*phones* as flite's and festival's American voices name them."""
    for phone, bare in zip(phones, plain(phones), strict=True):
        name = "ax" if phone == "AH0" else bare.lower()
        yield name + {"0": "0", "1": "1", "2": "1"}.get(phone[-1], "") if stress else name


# fmt: off
_ACCENTS = (
    "en-us", "en-us", "en-us-nyc", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd",
    "en-029",
)
_VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m8", "f1", "f2", "f3", "f4", "klatt", "klatt2", "klatt3", "klatt4",
    "adam", "Alex", "Alicia", "Andrea", "Andy", "Annie", "antonio", "belinda", "benjamin", "boris", "caleb",
    "david", "Denis", "ed", "edward", "Gene", "grandma", "grandpa", "Henrique", "Hugo", "Jacky", "kaukovalta",
    "linda", "marcelo", "Marco", "Mario", "max", "Michael", "Michel", "miguel", "Mike", "Nguyen", "pablo",
    "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "travis", "Zac", "norbert",
)
# fmt: on
_VARIANTS_HELD_OUT = ("m7", "f5", "aunty", "steph", "john", "victor", "Lee", "anika")

ESPEAK = CommandEngine(
    "espeak-ng",
    tuple(f"{accent}+{variant}" for accent in _ACCENTS for variant in _VARIANTS),
    tuple(f"{accent}+{variant}" for accent in _ACCENTS for variant in _VARIANTS_HELD_OUT),
    _espeak,
)
# kal says 8 kHz and awb_time knows the clock only. festival's kal and slt are the speakers of flite's kal16 and slt,
# so the held-out voices are two other people.
FLITE = CommandEngine("flite", ("slt", "awb", "kal16"), ("rms",), _flite)
FESTIVAL = CommandEngine("festival", ("kal_diphone", "cmu_us_slt_arctic_hts"), ("ked_diphone",), _festival)
