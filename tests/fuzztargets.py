"""What strangers may give us, each as a function of bytes: it returns, or it has found a mistake of ours."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kws_app.audio.wavefile import WaveFile
from kws_app.config import Config
from kws_app.daemon.requests import parse
from kws_app.errors import ConfigError, ModelError, RecordingError, RequestError
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.model.card import Card
from kws_app.model.inspection import inspect
from kws_app.pipeline import front_end
from kws_app.schema import read
from tests.conftest import ROOT

CORPUS = ROOT / "tests" / "corpus"
"""A folder a target: files that together take every way that was found through its code."""

MOST_BLOCKS = 20


def config(content: bytes) -> None:
    """A configuration."""
    with suppress(ConfigError):
        read(content.decode(errors="replace"), Config, file="config.yaml")


def card(content: bytes) -> None:
    """A model's card, and the front end that it asks for."""
    with suppress(ModelError):
        card = Card.from_json(content.decode(errors="replace"))
        width: Any = card.features.get("numcep", 13)
        model: Any = SimpleNamespace(path=Path("model.onnx"), card=card, coefficients=width)
        settings = front_end(model)
        Framing(settings)
        Mfcc(settings)


def model(content: bytes) -> None:
    """A model file."""
    with suppress(ModelError):
        inspect(content)


def request(content: bytes) -> None:
    """A line that came over the control socket."""
    with suppress(RequestError):
        str(parse(content))


def recording(content: bytes) -> None:
    """An audio file, its first seconds."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file, suppress(RecordingError):
        file.write(content)
        file.flush()
        with WaveFile(Path(file.name)) as source:
            for block in islice(source.blocks(), MOST_BLOCKS):
                assert block.samples.dtype == "int16"


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (config, card, model, request, recording)
}
