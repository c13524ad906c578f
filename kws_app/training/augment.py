"""What a room, a microphone and a codec do to sound: every transform a scene may draw, as plain functions.

Each function takes a ``numpy.random.Generator`` where it draws something, so that a scene is the same for the same
seed.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import scipy.fft
import soundfile
import soxr

from kws_app.arrays import RATE, Audio


def rms(audio: Audio) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) + 1e-9 if len(audio) else 1e-9


def decibels(value: float) -> float:
    """A level in dB as a factor of amplitude."""
    return float(10 ** (value / 20))


def change_speed(audio: Audio, factor: float) -> Audio:
    """Play *factor* times as fast: tempo, pitch and formants together, as between speakers of different size."""
    return np.asarray(soxr.resample(audio, RATE * factor, RATE, quality="MQ"), np.float32)


def change_tempo(audio: Audio, factor: float) -> Audio:
    """Speak *factor* times as fast at the same pitch: overlap-add of pieces that fit together.

    WSOLA (Verhelst and Roelands 1993): 30 ms pieces, each taken within 10 ms of where it is due, at the place that
    goes on most like the piece before.
    """
    size, search = 480, 160
    hop = size // 2
    count = int((len(audio) / factor - size) // hop)
    if count < 2:
        return audio
    padded = np.concatenate([np.zeros(search, np.float32), audio, np.zeros(size + 2 * search, np.float32)])
    window = np.hanning(size + 1)[:size].astype(np.float32)
    stretched = np.zeros(count * hop + size, np.float32)
    at = search
    for piece in range(count):
        stretched[piece * hop : piece * hop + size] += window * padded[at : at + size]
        wanted = padded[at + hop : at + hop + size]  # what would follow without a change of tempo
        due = int((piece + 1) * hop * factor) + search
        nearby = np.lib.stride_tricks.sliding_window_view(padded[due - search : due + search + size], size)[::4]
        at = due - search + 4 * int(np.argmax(nearby @ wanted))
    return stretched


def through_opus(audio: Audio) -> Audio:
    """One trip through Ogg Opus, because the background recordings have made it and the words have not."""
    return _coded(audio, "OGG", "OPUS", compression_level=0.924)


def through_codec(rng: np.random.Generator, audio: Audio) -> Audio:
    """What a telephone, a cheap camera or a poor connection leaves: few bits, and none above some frequency."""
    kind = str(rng.choice(["OPUS", "VORBIS", "MPEG_LAYER_III", "GSM610", "ULAW"]))
    match kind:
        case "OPUS":
            return _coded(audio, "OGG", kind, compression_level=rng.uniform(0.98, 1.0))
        case "VORBIS":
            return _coded(audio, "OGG", kind, compression_level=1.0)
        case "MPEG_LAYER_III":
            return _coded(audio, "MP3", kind, compression_level=rng.uniform(0.7, 0.95))
    return _coded(audio, "WAV", kind)


def _coded(audio: Audio, container: str, codec: str, **options: float) -> Audio:
    """Through *codec* and back, as long as before; the ones above keep every sound where it is."""
    coded = io.BytesIO()
    soundfile.write(coded, audio, RATE, format=container, subtype=codec, **options)
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    decoded = np.pad(decoded, (0, max(0, len(audio) - len(decoded))))
    return np.asarray(decoded[: len(audio)], np.float32)


def simulated_rooms(rng: np.random.Generator, count: int, *, metres: tuple[float, float] = (0.5, 4.5)) -> list[Audio]:
    """Responses of shoebox rooms by the image method: RT60 0.2-0.7 s, talker *metres* away, direct sound first."""
    pyroomacoustics = _pyroomacoustics()
    responses: list[Audio] = []
    while len(responses) < count:
        size = rng.uniform([2.5, 2.5, 2.3], [8.0, 6.0, 3.2])
        try:
            absorption, order = pyroomacoustics.inverse_sabine(rng.uniform(0.2, 0.7), size)
        except ValueError:  # no wall absorbs that much
            continue
        microphone = rng.uniform([0.3, 0.3, 0.5], size - [0.3, 0.3, 0.8])
        talker = rng.uniform([0.3, 0.3, 1.0], size - [0.3, 0.3, 0.5])
        if not metres[0] <= np.linalg.norm(microphone - talker) <= metres[1]:
            continue
        room = pyroomacoustics.ShoeBox(
            size, fs=RATE, materials=pyroomacoustics.Material(absorption), max_order=min(order, 25)
        )
        room.add_source(talker)
        room.add_microphone(microphone)
        room.compute_rir()
        responses.append(direct_sound_first(np.asarray(room.rir[0][0], np.float32)))
    return responses


def _pyroomacoustics() -> ModuleType:
    """The room simulator, loaded late: it is heavy, and only scenes need it.

    Where sounddevice is installed it would load that, too, and this starts PortAudio when it is imported.
    """
    hidden = {} if "sounddevice" in sys.modules else {"sounddevice": None}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: not to be imported
    try:
        return import_module("pyroomacoustics")
    finally:
        for name in hidden:
            del sys.modules[name]


def direct_sound_first(response: Audio) -> Audio:
    """The room response from its direct sound on, so that a word's place does not move, at most 1 s long."""
    peak = int(np.argmax(np.abs(response)))
    return np.asarray(response[max(0, peak - 8) :][:RATE] / np.abs(response[peak]), np.float32)


def reverberate(audio: Audio, response: Audio) -> Audio:
    """*audio* in the room, as long as before."""
    size = scipy.fft.next_fast_len(len(audio) + len(response) - 1, real=True)
    spectrum = scipy.fft.rfft(audio, size) * scipy.fft.rfft(response, size)
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(audio)], np.float32)


def coloured_noise(rng: np.random.Generator, length: int) -> Audio:
    """Stationary noise whose spectrum falls by 0 to 9 dB an octave, rms 1: preamplifiers, fans, distant streets."""
    spectrum = scipy.fft.rfft(rng.standard_normal(length, dtype=np.float32))
    slope = rng.uniform(0.0, 1.5)
    bins = np.arange(len(spectrum), dtype=np.float32) * (RATE / length)
    noise = scipy.fft.irfft(spectrum * np.maximum(bins, 60.0) ** (-slope), length)
    return np.asarray(noise / rms(noise), np.float32)


def colour(rng: np.random.Generator, audio: Audio) -> Audio:
    """A microphone and its box: low-pass, high-pass, tilt, and a few broad resonances."""
    frequency = np.fft.rfftfreq(len(audio), 1 / RATE).astype(np.float32)
    octaves = np.log2(np.maximum(frequency, 30.0) / 1000.0)
    gain_db = rng.uniform(-2.0, 2.0) * octaves
    for _ in range(rng.integers(0, 4)):
        centre, width = rng.uniform(-3.0, 2.8), rng.uniform(0.3, 1.0)
        gain_db += rng.uniform(-5.0, 5.0) * np.exp(-(((octaves - centre) / width) ** 2))
    if rng.random() < 0.6:
        gain_db -= 6.0 * np.log2(1 + (frequency / rng.uniform(3400.0, 8000.0)) ** rng.uniform(6.0, 16.0))
    if rng.random() < 0.5:
        gain_db -= 6.0 * np.log2(1 + (rng.uniform(40.0, 250.0) / np.maximum(frequency, 1.0)) ** 3)
    filtered = scipy.fft.irfft(scipy.fft.rfft(audio) * 10 ** (gain_db / 20), len(audio))
    return np.asarray(filtered, np.float32)


def fade(audio: Audio, length: int = 80) -> Audio:
    """*audio* with both ends ramped over *length* samples, so that a cut does not click."""
    length = min(length, len(audio) // 2)
    ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
    faded = audio.copy()
    faded[:length] *= ramp
    faded[len(audio) - length :] *= ramp[::-1]
    return faded
