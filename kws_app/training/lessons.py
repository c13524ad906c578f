"""What the teacher hears in composed scenes: its embeddings and posteriors, kept beside each shard of a run.

Shards hold features, and the teacher needs sound: its scenes are composed again, which gives the same ones.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from kws_app.errors import ConfigError, Fault
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.training.embedding import SpeechEmbedding
from kws_app.training.head import Head
from kws_app.training.recipe import Recipe
from kws_app.training.scenes import SceneBuilder, read_shards
from kws_app.wholefile import whole

CLOSE_TALK = 1638
"""What is in front is heard at -26 dBFS, where people speak into a microphone."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a network may learn, of scenes: ``embeddings`` ``(scenes, slots, 96)``, ``posteriors`` ``(.., keywords)``.

    The embeddings are of what is in front alone, so that a network which hears it in a room, in noise, learns to hear
    through both. There are no posteriors, ``(scenes, slots, 0)``, until a head was trained.
    """

    embeddings: npt.NDArray[np.float16]
    posteriors: npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Heard:
    """A shard as the teacher heard it: its own embeddings of the scenes as they are, and its lessons."""

    embeddings: npt.NDArray[np.float16]
    lessons: Lessons


def lesson_path(shard: Path) -> Path:
    """Where the lessons of a run's shard lie: ``teacher/0000.npz`` for ``scenes/0000.npz``."""
    return shard.parent.parent / "teacher" / shard.name


def hear_shard(
    ear: SpeechEmbedding, composer: SceneBuilder, recipe: Recipe, path: Path, *, seed: tuple[int, ...]
) -> Heard:
    """Compose the scenes of the shard at *path* again, and embed them.

    Raises:
        ConfigError: they are not the shard's: recordings or settings have changed since.
    """
    features, mfcc = read_shards([path]).features, recipe.features
    embeddings, in_front = [], []
    for number in tqdm(range(len(features)), desc=path.name, unit="scene", disable=None):
        scene = composer.build(np.random.default_rng((*seed, number)))
        if number == 0 and not np.array_equal(Mfcc(mfcc).compute(Framing(mfcc).push(scene.samples)), features[0]):
            reason = "was composed from other recordings or settings; delete it, and it is composed again"
            raise ConfigError(Fault(str(path), None, "", reason))
        close = np.clip(np.rint(scene.front * CLOSE_TALK), -32768, 32767).astype(np.int16)
        embeddings.append(ear.embed(scene.samples).astype(np.float16))
        in_front.append(ear.embed(close).astype(np.float16))
    heard = np.stack(embeddings)
    return Heard(heard, Lessons(np.stack(in_front), np.empty((*heard.shape[:2], 0), np.float16)))


def judged(heard: Heard, head: Head) -> Heard:
    """The same with the posteriors of *head*."""
    posteriors = np.stack([head.scores(scene.astype(np.float32)) for scene in heard.embeddings])
    return replace(heard, lessons=replace(heard.lessons, posteriors=posteriors.astype(np.float16)))


def write_heard(path: Path, heard: Heard) -> None:
    """Whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    with whole(path) as file:
        np.savez(file, heard=heard.embeddings, embeddings=heard.lessons.embeddings, posteriors=heard.lessons.posteriors)


def read_heard(path: Path) -> Heard:
    """What ``write_heard`` wrote.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return Heard(arrays["heard"], Lessons(arrays["embeddings"], arrays["posteriors"]))
    except (ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise ConfigError(Fault(str(path), None, "", "is damaged; delete it, and it is heard again")) from error


def lessons_of(shards: list[Path], *, keywords: int) -> Lessons:
    """What a network may learn from: the lessons of all *shards*, not a number where a shard has none.

    Raises:
        ConfigError: no shard has any, or one's are of other keywords.
    """
    there = {path: read_heard(path).lessons for path in map(lesson_path, shards) if path.exists()}
    if not there:
        message = "there is nothing to learn from; run kws-train teacher train first, or name teachers with --teacher"
        raise ConfigError(Fault(str(lesson_path(shards[0]).parent), None, "", message))
    for path, lessons in there.items():
        if lessons.posteriors.shape[2] != keywords:
            message = f"has posteriors of {lessons.posteriors.shape[2]} keywords, not {keywords}; delete it"
            raise ConfigError(Fault(str(path), None, "", f"{message}, and run kws-train teacher train"))
    parts = [there.get(lesson_path(path)) or _unheard(path, next(iter(there.values()))) for path in shards]
    return Lessons(np.concatenate([p.embeddings for p in parts]), np.concatenate([p.posteriors for p in parts]))


def _unheard(shard: Path, like: Lessons) -> Lessons:
    scenes = len(read_shards([shard]).features)
    embeddings, posteriors = (
        np.full((scenes, *part.shape[1:]), np.nan, np.float16) for part in (like.embeddings, like.posteriors)
    )
    return Lessons(embeddings, posteriors)
