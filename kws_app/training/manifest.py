"""What a manifest says of its streams: which recording holds which words where, or holds none.

A manifest is a JSON file ``{"streams": {name: stream}}``; a stream has ``path`` (relative to the manifest), ``seconds``
and ``kind``:

- ``positive`` has ``keyword``, ``condition`` and ``words`` (``clip``, ``start``, ``end`` in seconds, and ``sure`` if
  these times are exact enough for a latency);
- ``negative`` has ``category``, and if it was joined from several recordings ``sources`` (``file``, ``start``);
- ``other-words`` and ``near-misses`` have ``words`` that are no keyword, and are reported apart.

``split`` says what the recordings are for: thresholds are chosen on ``dev``, which is the default, and never on
``test``. ``speakers`` maps a speaker to the groups he or she belongs to. A word's speaker is its ``speaker`` or what
its clip's name has before the last underscore.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from kws_app.errors import ConfigError, Fault
from kws_app.schema import did_you_mean
from kws_app.training.data import keyword_of

NEEDS = {
    "positive": ("path", "keyword", "condition", "words"),
    "negative": ("path", "category", "seconds"),
    "other-words": ("path", "words"),
    "near-misses": ("path", "words"),
}
"""What a stream of each kind has to say."""
SPLITS = ("dev", "test")


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; *start* and *end* in seconds from the stream's beginning."""

    clip: str
    start: float
    end: float
    sure: bool
    speaker: str


@dataclass(frozen=True, slots=True)
class Source:
    """One of the recordings that a negative stream was joined from, and where it begins and ends in it, in seconds."""

    file: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Stream:
    """One recording of the manifest. What its kind does not have is empty; *seconds* is 0 where it is not said."""

    name: str
    path: Path
    seconds: float
    kind: str
    keyword: str = ""
    condition: str = ""
    category: str = ""
    words: tuple[Word, ...] = ()
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All streams, by name, in the file's order."""

    streams: dict[str, Stream]
    split: str
    groups: dict[str, tuple[str, ...]]

    def of_kind(self, *kinds: str) -> list[Stream]:
        return [stream for stream in self.streams.values() if stream.kind in kinds]

    def positives(self, keyword: str) -> list[Stream]:
        """The streams of one keyword, one a condition."""
        return [stream for stream in self.of_kind("positive") if stream.keyword == keyword]

    @property
    def conditions(self) -> list[str]:
        """In the order in which they first appear."""
        return list(dict.fromkeys(stream.condition for stream in self.of_kind("positive")))

    @property
    def hours(self) -> float:
        """Hours of negatives."""
        return sum(stream.seconds for stream in self.of_kind("negative")) / 3600


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        ConfigError: it cannot be read, or every mistake in it: kinds and splits that are unknown, what is missing.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        mistakes = [*_mistakes(content, path.parent)]
        if not mistakes:
            return _manifest(content, path.parent)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(Fault(str(path), None, "", f"no stream manifest: {error}")) from error
    raise ConfigError(*(Fault(str(path), None, place, message) for place, message in mistakes))


def read_manifests(first: Path, further: Sequence[Path]) -> dict[Path, Manifest]:
    """Read the manifest at *first*, and of *further* ones what has none of their keywords, to be judged beside it.

    A word has one stream a condition, so the words of *further* ones are left out. Their streams are named after
    their folder, too.

    Raises:
        ConfigError: one cannot be read, has mistakes, is of another split, or one of its names is taken.
    """
    manifests = {first: read_manifest(first)}
    for path in further:
        if path.resolve() in {known.resolve() for known in manifests}:
            raise ConfigError(Fault(str(path), None, "", "is given twice; its hours count once"))
        manifests[path] = _negatives_of(path, joined([*manifests.values()]))
    return manifests


def joined(manifests: Sequence[Manifest]) -> Manifest:
    """The streams of all, with the rest of the first."""
    return replace(manifests[0], streams={name: s for manifest in manifests for name, s in manifest.streams.items()})


def _negatives_of(path: Path, manifest: Manifest) -> Manifest:
    """What the one at *path* has for *manifest*, under names of its own."""
    further = read_manifest(path)
    if further.split != manifest.split:
        message = f"its split is {further.split}, and that of what it goes with {manifest.split}"
        raise ConfigError(Fault(str(path), None, "split", message))
    folder = path.resolve().parent.name
    chosen = [replace(s, name=f"{folder}/{s.name}") for s in further.streams.values() if s.kind != "positive"]
    taken = [stream.name for stream in chosen if stream.name in manifest.streams]
    if taken:
        message = f"the name is taken: another folder named {folder} goes with it; rename one"
        raise ConfigError(Fault(str(path), None, f"streams.{taken[0]}", message))
    return replace(further, streams={stream.name: stream for stream in chosen})


def _mistakes(content: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Places and sentences."""
    streams = content["streams"]
    split = content.get("split", "dev")
    if split not in SPLITS:
        yield "split", f"unknown split {split!r}{did_you_mean(str(split), SPLITS)}"
    for name, stream in streams.items():
        kind = stream.get("kind")
        if kind not in NEEDS:
            yield f"streams.{name}.kind", f"unknown kind {kind!r}{did_you_mean(str(kind), NEEDS)}"
            continue
        for key in NEEDS[kind]:
            if not stream.get(key):
                yield f"streams.{name}.{key}", f"is missing or empty; a {kind} stream has {', '.join(NEEDS[kind])}"
        for number, word in enumerate(stream.get("words", [])):
            for key in sorted({"clip", "start", "end"} - word.keys()):
                yield f"streams.{name}.words[{number}].{key}", "is missing"
        if not (folder / stream.get("path", "")).is_file():
            yield f"streams.{name}.path", f"no such file: {folder / stream.get('path', '')}"
    if not any(stream.get("kind") == "negative" for stream in streams.values()):
        yield "streams", "there is no negative one, and thresholds are set by false alarms"


def _manifest(content: Mapping[str, Any], folder: Path) -> Manifest:
    return Manifest(
        streams={name: _stream(name, stream, folder) for name, stream in content["streams"].items()},
        split=content.get("split", "dev"),
        groups={speaker: tuple(groups) for speaker, groups in content.get("speakers", {}).items()},
    )


def _stream(name: str, stream: Mapping[str, Any], folder: Path) -> Stream:
    seconds, sources = float(stream.get("seconds", 0)), stream.get("sources", [])
    bounds = pairwise([*(source["start"] for source in sources), seconds])
    return Stream(
        name=name,
        path=folder / stream["path"],
        seconds=seconds,
        kind=stream["kind"],
        keyword=keyword_of(stream.get("keyword", "")),
        condition=stream.get("condition", ""),
        category=stream.get("category", ""),
        words=tuple(_word(word) for word in stream.get("words", [])),
        sources=tuple(Source(s["file"], *ends) for s, ends in zip(sources, bounds, strict=True)),
    )


def _word(word: Mapping[str, Any]) -> Word:
    speaker = word.get("speaker") or word["clip"].rpartition("_")[0]
    return Word(word["clip"], word["start"], word["end"], word.get("sure", False), speaker)
