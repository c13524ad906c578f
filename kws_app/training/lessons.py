"""What the teacher hears in composed scenes: its embeddings and posteriors, kept beside each shard of a run.

Shards hold features, and the teacher needs sound: its scenes are composed again, which gives the same ones.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from kws_app.errors import ConfigError, Fault
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.training.embedding import Embeddings, SpeechEmbedding
from kws_app.training.head import Head
from kws_app.training.recipe import Recipe
from kws_app.training.scenes import SceneBuilder, read_shards
from kws_app.wholefile import whole


@dataclass(frozen=True, slots=True)
class Lessons:
    """Of scenes, in float16: ``embeddings`` ``(scenes, slots, 96)``, ``posteriors`` ``(scenes, slots, keywords)``.

    There are no posteriors, ``(scenes, slots, 0)``, until a head was trained.
    """

    embeddings: npt.NDArray[np.float16]
    posteriors: npt.NDArray[np.float16]


def lesson_path(shard: Path) -> Path:
    """Where the lessons of a run's shard lie: ``teacher/0000.npz`` for ``scenes/0000.npz``."""
    return shard.parent.parent / "teacher" / shard.name


def hear_shard(
    ear: SpeechEmbedding, composer: SceneBuilder, recipe: Recipe, path: Path, *, seed: tuple[int, ...]
) -> Lessons:
    """Compose the scenes of the shard at *path* again, and embed them.

    Raises:
        ConfigError: they are not the shard's: recordings or settings have changed since.
    """
    features, mfcc = read_shards([path]).features, recipe.features
    embeddings: list[Embeddings] = []
    for number in tqdm(range(len(features)), desc=path.name, unit="scene", disable=None):
        samples = composer.build(np.random.default_rng((*seed, number))).samples
        if number == 0 and not np.array_equal(Mfcc(mfcc).compute(Framing(mfcc).push(samples)), features[0]):
            reason = "was composed from other recordings or settings; delete it, and it is composed again"
            raise ConfigError(Fault(str(path), None, "", reason))
        embeddings.append(ear.embed(samples))
    heard = np.stack(embeddings).astype(np.float16)
    return Lessons(heard, np.empty((*heard.shape[:2], 0), np.float16))


def judged(lessons: Lessons, head: Head) -> Lessons:
    """The same with the posteriors of *head*."""
    scores = [head.scores(scene.astype(np.float32)) for scene in lessons.embeddings]
    return Lessons(lessons.embeddings, np.stack(scores).astype(np.float16))


def write_lessons(path: Path, lessons: Lessons) -> None:
    """Whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    with whole(path) as file:
        np.savez(file, embeddings=lessons.embeddings, posteriors=lessons.posteriors)


def lessons_of(shards: list[Path], *, keywords: int) -> Lessons:
    """What a network may learn from: the lessons of all *shards*, not a number where a shard has none.

    Raises:
        ConfigError: no shard has any, or one's are of other keywords.
    """
    there = {path: read_lessons([path]) for path in map(lesson_path, shards) if path.exists()}
    if not there:
        message = "there is nothing to learn from; run kws-train teacher train first"
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


def read_lessons(paths: list[Path]) -> Lessons:
    """Those of all *paths* as one.

    Raises:
        ConfigError: one of them is damaged.
    """
    embeddings, posteriors = [], []
    for path in paths:
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                embeddings.append(arrays["embeddings"])
                posteriors.append(arrays["posteriors"])
        except (ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise ConfigError(Fault(str(path), None, "", "is damaged; delete it, and it is heard again")) from error
    return Lessons(np.concatenate(embeddings), np.concatenate(posteriors))
