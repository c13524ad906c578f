"""Learning from a teacher: each step is told the last slot that was complete, and a network learns to say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError  # noqa: E402
from kws_app.training.checkpoint import read_checkpoint  # noqa: E402
from kws_app.training.distill import Teaching, posterior_loss  # noqa: E402
from kws_app.training.embedding import REACH_SECONDS, SIZE, SLOT_SECONDS  # noqa: E402
from kws_app.training.lessons import Heard, Lessons, lesson_path, lessons_of, write_heard  # noqa: E402
from kws_app.training.recipe import Recipe, StageSettings  # noqa: E402
from kws_app.training.scenes import Shard  # noqa: E402
from kws_app.training.train import Trainer  # noqa: E402
from tests.training.bumps import RECIPE, shard  # noqa: E402

CPU = torch.device("cpu")
SLOTS = int((10 - REACH_SECONDS) / SLOT_SECONDS) + 1


def numbered(scenes: int = 3) -> Lessons:
    """The posterior of a slot is its number over 256."""
    embeddings = np.random.default_rng(0).normal(size=(scenes, SLOTS, SIZE)).astype(np.float16)
    posteriors = np.arange(SLOTS)[:, np.newaxis] / 256
    return Lessons(embeddings, np.broadcast_to(posteriors, (scenes, SLOTS, 1)).astype(np.float16))


def recipe(**stage: object) -> Recipe:
    stages = (StageSettings(epochs=6, lanes=4, rate=(1e-2, 1e-3), **stage),)
    return replace(RECIPE, schedule=replace(RECIPE.schedule, stages=stages))


def taught_shard() -> Shard:
    """The teacher's embedding is the bump, and its posterior too."""
    bumps = shard()
    lessons = numbered(len(bumps.features))
    lessons.embeddings[:] *= 0.1
    for scene, _, start, end in bumps.events.tolist():
        first, last = (int((sample / 16000 - REACH_SECONDS) / SLOT_SECONDS) + 1 for sample in (start, end))
        lessons.embeddings[scene, max(0, first) : max(0, last)] += 1
    lessons.posteriors[:] = lessons.embeddings[:, :, :1] > 0.5
    return replace(bumps, lessons=lessons)


def test_a_step_is_told_the_last_slot_that_was_complete() -> None:
    teaching, steps = Teaching(numbered(), RECIPE, steps=500, device=CPU), np.arange(500)

    told = teaching.at(torch.tensor([[2], [0]]), steps)

    seconds = steps * RECIPE.step_seconds + RECIPE.step_reach_seconds
    slots = np.floor((seconds - REACH_SECONDS) / SLOT_SECONDS + 1e-6)
    assert (told.known[:, 0, 0].numpy() == (slots >= 0)).all()
    said = told.posteriors[:, 1, 0].numpy() * 256
    assert (said[slots >= 0] == slots[slots >= 0].clip(max=SLOTS - 1)).all()


def test_lanes_are_told_of_the_scene_they_hold() -> None:
    lessons = numbered()
    lessons.posteriors[:] = np.array([0.25, 0.5, 0.75])[:, np.newaxis, np.newaxis]
    teaching = Teaching(lessons, RECIPE, steps=500, device=CPU)

    told = teaching.at(torch.tensor([[2, 1], [0, 2]]), np.array([499, 550]))

    assert told.posteriors[:, :, 0].tolist() == [[0.75, 0.25], [0.5, 0.75]]


def test_a_scene_that_the_teacher_did_not_hear_costs_nothing() -> None:
    lessons = numbered()
    lessons.embeddings[1], lessons.posteriors[1] = np.nan, np.nan
    told = Teaching(lessons, RECIPE, steps=500, device=CPU).at(torch.tensor([[1]]), np.arange(500))

    assert told.known.sum() == 0
    assert posterior_loss(torch.ones(500, 1, 1), told) == 0


def test_a_network_learns_to_echo_its_teacher_and_no_model_file_has_the_echo(tmp_path: Path) -> None:
    taught = recipe(embedding_weight=(1.0, 1.0))

    Trainer(taught, taught_shard(), tmp_path).run()

    losses = [json.loads(line)["echo_loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
    plain = read_checkpoint(tmp_path / "checkpoint.pt", recipe())
    assert plain.echo is None
    assert read_checkpoint(tmp_path / "checkpoint.pt", taught).parameters_trained == plain.parameters_trained


def test_posteriors_alone_teach_a_word(tmp_path: Path) -> None:
    network = Trainer(recipe(word_weight=0.0, posterior_weight=(1.0, 1.0)), taught_shard(), tmp_path).run()

    with torch.no_grad():
        logits, _ = network(torch.from_numpy(shard().features[:1]).transpose(0, 1), network.start(1))
    scores = torch.sigmoid(logits[:, 0, 0])
    assert scores[50 + 5 : 50 + 25].mean() > 2 * scores[110:135].mean()


def test_lessons_may_be_missing_for_some_shards_but_not_for_all(tmp_path: Path) -> None:
    paths = [tmp_path / "scenes" / f"{number}.npz" for number in range(2)]
    paths[0].parent.mkdir()
    for path in paths:
        part = shard(2)
        np.savez(path, features=part.features, events=part.events, phones=part.phones)
    with pytest.raises(ConfigError, match="teacher: there is nothing to learn from; run kws-train teacher train first"):
        lessons_of(paths, keywords=1)
    write_heard(lesson_path(paths[1]), Heard(numbered(2).embeddings, numbered(2)))

    lessons = lessons_of(paths, keywords=1)

    assert np.isnan(lessons.embeddings[:2]).all()
    assert np.array_equal(lessons.embeddings[2:], numbered(2).embeddings)


def test_lessons_of_other_keywords_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenes" / "0.npz"
    write_heard(lesson_path(path), Heard(numbered(2).embeddings, numbered(2)))

    with pytest.raises(ConfigError, match=r"0\.npz: has posteriors of 1 keywords, not 6; delete it"):
        lessons_of([path], keywords=6)
