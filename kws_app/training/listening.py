"""The scores that a model gives to every stream of a manifest, through the daemon's own pipeline."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from kws_app.errors import ConfigError, Fault, RecordingError
from kws_app.model.stepper import Model, load_model
from kws_app.pipeline import KeywordSettings
from kws_app.trace import Trace, trace
from kws_app.training.manifest import Manifest, Stream
from kws_app.training.spread import Spread

LENGTH_TOLERANCE_SECONDS = 0.1
"""By how much a stream may differ from what its manifest says: a last frame that is not complete, and rounding."""


def listen(manifest: Manifest, model: Path, spread: Spread, *, file: Path) -> dict[str, Trace]:
    """All streams through *model*, by name; every keyword is a column.

    Raises:
        ConfigError: the streams that cannot be read or do not fit *file*, the manifest: a figure without them would
            be another one.
    """
    streams = [*manifest.streams.values()]
    heard = spread.map(_trace, [(stream.path, model) for stream in streams], of="streams")
    faults = []
    traces: dict[str, Trace] = {}
    for stream, result in zip(streams, heard, strict=True):
        if isinstance(result, Trace):
            traces[stream.name] = result
        mistake = result if isinstance(result, str) else _misfit(stream, result)
        if mistake is not None:
            faults.append(Fault(str(file), None, f"streams.{stream.name}", mistake))
    if faults:
        raise ConfigError(*faults)
    return traces


def _trace(recording: Path, model: Path) -> Trace | str:
    """The scores, or why the recording cannot be read: one bad file of many must not hide the others."""
    ear = loaded(model)
    try:
        return trace(recording, ear, dict.fromkeys(ear.card.keyword_ids, KeywordSettings()))
    except RecordingError as error:
        return str(error)


@lru_cache(maxsize=1)
def loaded(model: Path) -> Model:
    """The model, read once a process."""
    return load_model(model)


def _misfit(stream: Stream, heard: Trace) -> str | None:
    """In what the recording is not the one that the manifest describes."""
    if not len(heard.times):
        return f"{stream.path} is empty"
    seconds = float(heard.times[-1])
    if stream.seconds and abs(stream.seconds - seconds) > LENGTH_TOLERANCE_SECONDS:
        return f"is {seconds:.1f} s long, the manifest says {stream.seconds:.1f}: another recording, or cut short"
    late = [word.clip for word in stream.words if word.start > seconds]
    if late:
        return f"ends at {seconds:.1f} s, before its words {', '.join(late[:3])}{', ...' if len(late) > 3 else ''}"
    return None
