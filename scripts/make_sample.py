"""Make examples/computer.flac: synthesized sentences with "computer" in them, in a synthesized room.

``make run`` plays it where there is no microphone. Needs flite (Debian package of that name) and writes the same
bytes each time.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kws_app.arrays import RATE

SAMPLE = Path(__file__).parent.parent / "examples" / "computer.flac"

VOICE = "slt"
STRETCH = 1.15  # slower than flite's own haste, as one speaks to a machine
# What is said, each after so many seconds.
SENTENCES = [
    (0.6, "It is getting dark outside."),
    (3.4, "Computer, turn on the light in the kitchen."),
    (7.4, "Computer, what time is it?"),
]
SECONDS = 10.6
PEAK = 0.4  # of full scale

REVERBERATION_SECONDS = 0.35  # until the echo has fallen by 60 dB: a furnished living room
REVERBERATION_DB = -4.0  # energy of the echo against the direct sound, two metres from the microphone
NOISE_DB = -50.0  # of the room itself, against full scale

Signal = npt.NDArray[np.float64]


def main() -> None:
    rng = np.random.default_rng(2026)
    dry = np.zeros(int(SECONDS * RATE))
    for start, text in SENTENCES:
        speech = speak(text)
        first = int(start * RATE)
        dry[first : first + len(speech)] += speech
    wet = np.convolve(dry, room(rng))[: len(dry)]
    wet *= PEAK / np.abs(wet).max()
    soundfile.write(SAMPLE, wet + noise(len(wet), rng), RATE, subtype="PCM_16")
    print(f"{SAMPLE.name}: {SECONDS:g} s, {SAMPLE.stat().st_size} bytes")


def speak(text: str) -> Signal:
    """The sentence as flite says it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        stretch = f"duration_stretch={STRETCH}"
        subprocess.run(["flite", "-voice", VOICE, "--setf", stretch, "-t", text, "-o", str(path)], check=True)
        speech, rate = soundfile.read(path)
    assert rate == RATE, f"flite -voice {VOICE} speaks at {rate} Hz"
    return speech


def room(rng: np.random.Generator) -> Signal:
    """An impulse response: the direct sound, then noise that decays exponentially (Moorer 1979)."""
    seconds = np.arange(int(REVERBERATION_SECONDS * RATE)) / RATE
    echo = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / REVERBERATION_SECONDS)
    echo[: int(0.004 * RATE)] = 0  # the nearest wall is 0.7 m away
    echo *= np.sqrt(10 ** (REVERBERATION_DB / 10) / np.sum(echo**2))
    echo[0] = 1
    return echo


def noise(length: int, rng: np.random.Generator) -> Signal:
    """The room's own noise: pink, as fans and far traffic are."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    pink = np.fft.irfft(spectrum, length)
    return pink * 10 ** (NOISE_DB / 20) / np.sqrt(np.mean(pink**2))


if __name__ == "__main__":
    main()
