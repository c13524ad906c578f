"""Streams of the tiny model's words, with a manifest, for whatever judges them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import soundfile

from kws_app.arrays import RATE
from kws_app.training.evaluation import Evaluation
from kws_app.training.listening import listen
from kws_app.training.manifest import read_manifest
from kws_app.training.spread import Spread
from tests.conftest import spoken_words


def write_streams(folder: Path, **more: Any) -> Path:
    """Two "rise" in a stream, one claimed where nothing was said, and a minute of other sounds.

    Args:
        more: further keys of the manifest; ``streams`` are added to these two.
    """
    positive, negative = spoken_words("rise", "rise", seed=3), spoken_words(*["hum", "fall"] * 20, seed=4)
    for name, samples in {"rise": positive, "negative": negative}.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE)
    streams: dict[str, Any] = {
        "rise.clean": {
            "path": "rise.wav",
            "seconds": len(positive) / RATE,
            "kind": "positive",
            "keyword": "rise",
            "condition": "clean",
            "words": [
                {"clip": "v_1", "start": 1.0, "end": 1.5, "sure": True},
                {"clip": "v_2", "start": 2.5, "end": 3.0, "sure": True},
                {"clip": "w_3", "start": 0.0, "end": 0.0, "sure": False},
            ],
        },
        "other": {
            "path": "negative.wav",
            "seconds": len(negative) / RATE,
            "kind": "negative",
            "category": "tones",
            "sources": [{"file": "first", "start": 0.0}, {"file": "second", "start": 30.0}],
        },
    }
    streams |= more.pop("streams", {})
    path = folder / "truth.json"
    path.write_text(json.dumps({"streams": streams, **more}), encoding="utf-8")
    return path


def evaluated(manifest: Path, model: Path, **options: Any) -> Evaluation:
    """The model judged on the manifest's streams."""
    from kws_app.model.stepper import load_model

    read = read_manifest(manifest)
    return Evaluation(load_model(model).card, read, listen(read, model, Spread(), file=manifest), **options)


def changed(manifest: Path, stream: str, **changes: Any) -> Path:
    """The manifest with one of its streams changed."""
    content: Mapping[str, Any] = json.loads(manifest.read_text())
    content["streams"][stream].update(changes)
    manifest.write_text(json.dumps(content))
    return manifest
