"""The Python API in ten lines: samples in, detections out, from any source of audio."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kws_app.arrays import Samples
from kws_app.events import Detection
from kws_app.model.card import SENSITIVITIES
from kws_app.model.shipped import DEFAULT_MODEL, find_shipped
from kws_app.model.stepper import load_model
from kws_app.pipeline import KeywordSettings, Pipeline


class Detector:
    """Hears words in one stream of audio that you bring.

    Example::

        detector = Detector("computer")
        for block in blocks:  # int16, 16 kHz, mono, any length
            for detection in detector.push(block):
                print(f"{detection.keyword} at {detection.time:.2f} s")

    Args:
        keywords: one of the model's keywords, or several.
        model: an ``.onnx`` file; the model that came with the project if None.
        sensitivity: quiet, balanced or eager.

    Raises:
        ModelError: the model cannot be used, or has no such keyword.
        ValueError: no such sensitivity.
    """

    def __init__(
        self,
        keywords: str | Iterable[str] = "computer",
        *,
        model: str | Path | None = None,
        sensitivity: str = "balanced",
    ) -> None:
        if sensitivity not in SENSITIVITIES:
            raise ValueError(f"sensitivity must be one of {', '.join(SENSITIVITIES)}, got {sensitivity!r}")
        names = [keywords] if isinstance(keywords, str) else list(keywords)
        path = find_shipped(DEFAULT_MODEL) if model is None else Path(model)
        self._pipeline = Pipeline(load_model(path), {name: KeywordSettings(sensitivity) for name in names})

    def push(self, samples: Samples) -> list[Detection]:
        """Take the next samples, int16 ``(n,)`` at 16 kHz, mono; return the words heard in them.

        ``time`` of a detection is in seconds since the first sample ever pushed.

        Raises:
            TypeError: samples of another kind.
        """
        return [event for event in self._pipeline.push(samples) if isinstance(event, Detection)]

    def reset(self) -> None:
        """Forget the audio so far, after a gap in it or at the beginning of another recording."""
        self._pipeline.reset()
