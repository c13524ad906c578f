"""Manifests: what is read, and what is refused with a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError
from kws_app.training.manifest import joined, read_manifest, read_manifests
from tests.training.streams import changed, write_streams


def test_a_word_belongs_to_the_speaker_in_its_clips_name(tmp_path: Path) -> None:
    manifest = read_manifest(write_streams(tmp_path))

    assert [word.speaker for word in manifest.streams["rise.clean"].words] == ["v", "v", "w"]


def test_a_joined_stream_knows_where_each_recording_ends(tmp_path: Path) -> None:
    stream = read_manifest(write_streams(tmp_path)).streams["other"]

    assert [(s.file, s.start, s.end) for s in stream.sources] == [("first", 0, 30), ("second", 30, stream.seconds)]


def test_recordings_are_to_choose_on_unless_the_manifest_says_otherwise(tmp_path: Path) -> None:
    assert read_manifest(write_streams(tmp_path)).split == "dev"
    assert read_manifest(write_streams(tmp_path, split="test")).split == "test"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "positve"}, r"streams\.other\.kind: unknown kind 'positve'; did you mean 'positive'\?"),
        ({"kind": 3}, r"streams\.other\.kind: unknown kind 3; there are near-misses, negative, other-words, positive"),
        ({"path": "gone.wav"}, "no such file"),
        ({"words": [{"clip": "a_1", "start": 0.5}]}, r"streams\.other\.words\[0\]\.end: is missing"),
    ],
)
def test_a_manifest_with_a_wrong_stream_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_manifest(changed(write_streams(tmp_path), "other", **change))


def test_an_unknown_split_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="split: unknown split 'tets'; did you mean 'test'"):
        read_manifest(write_streams(tmp_path, split="tets"))


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    manifest = changed(changed(write_streams(tmp_path), "other", path="gone.wav"), "rise.clean", words=[])

    with pytest.raises(ConfigError) as refused:
        read_manifest(manifest)

    assert [fault.path for fault in refused.value.faults] == ["streams.rise.clean.words", "streams.other.path"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no stream manifest"),
        ("[]", "no stream manifest"),
        ('{"streams": []}', "no stream manifest"),
        ('{"streams": {"a": 3}}', "no stream manifest"),
        ('{"streams": {}}', "streams: there is no negative one"),
        ('{"streams": {"a": {"kind": "negative", "path": "x"}}}', r"streams\.a\.seconds: is missing or empty"),
        ('{"streams": {"a": {"kind": "positive", "path": "x"}}}', r"streams\.a\.words: is missing or empty"),
    ],
)
def test_what_is_no_manifest_is_refused_with_what_is_missing(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "truth.json").write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match=message):
        read_manifest(tmp_path / "truth.json")


def further(folder: Path, **more: Any) -> Path:
    folder.mkdir(parents=True)
    return write_streams(folder, **more)


def test_what_goes_with_a_manifest_adds_hours_and_no_words(tmp_path: Path) -> None:
    first = write_streams(tmp_path)

    manifests = read_manifests(first, [further(tmp_path / "more")])

    assert [*joined([*manifests.values()]).streams] == ["rise.clean", "other", "more/other"]


@pytest.mark.parametrize("again", ["truth.json", "../{}/truth.json"])
def test_hours_that_were_counted_are_not_counted_again(tmp_path: Path, again: str) -> None:
    first = write_streams(tmp_path)

    with pytest.raises(ConfigError, match="is given twice; its hours count once"):
        read_manifests(first, [tmp_path / again.format(tmp_path.name)])


@pytest.mark.parametrize(
    ("folders", "more", "message"),
    [
        (["a"], {"split": "test"}, "split: its split is test, and that of what it goes with dev"),
        (["a/x", "b/x"], {}, "streams.x/other: the name is taken: another folder named x goes with it; rename one"),
    ],
)
def test_what_cannot_go_with_a_manifest_is_refused(
    tmp_path: Path, folders: list[str], more: dict[str, Any], message: str
) -> None:
    first = write_streams(tmp_path)

    with pytest.raises(ConfigError, match=message):
        read_manifests(first, [further(tmp_path / folder, **more) for folder in folders])
