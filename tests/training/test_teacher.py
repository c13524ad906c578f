"""``kws-train teacher``: scenes heard again, a head taught on them, and judged as a model is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("scipy", reason="the training extra is not installed")
pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.features.mfcc import MfccSettings
from kws_app.training.cli import main
from kws_app.training.data import Clip, Corpus, Take
from kws_app.training.embedding import SpeechEmbedding
from kws_app.training.evaluation import Evaluation
from kws_app.training.head import read_head
from kws_app.training.lessons import hear_shard, lesson_path, read_heard
from kws_app.training.listener import Listener
from kws_app.training.manifest import read_manifest
from kws_app.training.mining import find_moments
from kws_app.training.recipe import KeywordRecipe, Recipe
from kws_app.training.scenes import SceneBuilder, SceneSettings, read_shards, write_shard
from kws_app.training.shards import shard_seed
from kws_app.training.teacher import FOLDER, HEAD, teach
from tests.conftest import spoken_words
from tests.training.ears import embedding_files
from tests.training.streams import write_streams

SCENES = SceneSettings(
    seconds=10,
    word_share=0.7,
    room_share=0,
    bed_share=0,
    coloured_share=0,
    clipped_share=0,
    coded_share=0,
    changed_share=0,
    simulated_rooms=1,
    level_dbfs=(-20, -18),
)
RECIPE = Recipe(
    name="rising", keywords={"rise": KeywordRecipe()}, features=MfccSettings(appendEnergy=False), scenes=SCENES
)


def builder(scenes: SceneSettings = SCENES) -> SceneBuilder:
    """Scenes of "rise" among other sounds of the tiny model's language."""

    def clip(word: str, seed: int) -> Clip:
        samples = spoken_words(word, seed=seed)
        return Clip(samples[RATE // 2 : 2 * RATE], RATE // 2, RATE, f"s{seed}")

    talk = [Take(spoken_words(*["hum", "fall"] * 10, seed=9))]
    corpus = Corpus(
        keywords={"rise": [clip("rise", seed) for seed in range(4)]},
        commands=[clip("fall", 5), clip("hum", 6)],
        speech=talk,
        noise=talk,
        music=talk,
    )
    return SceneBuilder(corpus, ("rise",), {}, scenes)


@pytest.fixture(scope="module")
def ear() -> SpeechEmbedding:
    return SpeechEmbedding(embedding_files())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, ear: SpeechEmbedding) -> Path:
    """A run's folder whose scenes a head was taught on."""
    folder = tmp_path_factory.mktemp("run")
    teach(RECIPE, shards(folder), ear, builder, epochs=40)
    return folder


def shards(folder: Path) -> list[Path]:
    paths = [folder / "scenes" / f"{number:04d}.npz" for number in range(2)]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        write_shard(path, builder(), RECIPE.features, scenes=12, seed=shard_seed(RECIPE, number))
    return paths


@pytest.fixture
def listener(work: Path, ear: SpeechEmbedding) -> Listener:
    return Listener(ear, read_head(work / FOLDER / HEAD, 1), RECIPE)


def test_the_head_finds_the_words_that_a_model_would_be_judged_by(tmp_path: Path, listener: Listener) -> None:
    manifest = read_manifest(write_streams(tmp_path))
    traces = {name: listener.trace(stream.path) for name, stream in manifest.streams.items()}

    evaluation = Evaluation(listener.card, manifest, traces)

    tally = evaluation.tally("rise", evaluation.threshold("rise", 0.5))
    assert [outcome.delay is not None for outcome in tally.outcomes["clean"]] == [True, True, False]


def test_each_shard_has_lessons_with_what_the_teacher_heard_and_thinks(work: Path) -> None:
    paths = sorted((work / "scenes").iterdir())
    lessons = [read_heard(lesson_path(path)).lessons for path in paths]

    slots = int((10 - 0.782) / 0.08) + 1
    assert [lesson.embeddings.shape for lesson in lessons] == [(12, slots, 96)] * 2
    assert [lesson.posteriors.shape for lesson in lessons] == [(12, slots, 1)] * 2
    with_words = np.isin(np.arange(24), read_shards(paths).events[:, 0])
    highest = np.concatenate([lesson.posteriors for lesson in lessons]).max(axis=(1, 2))
    assert highest[with_words].mean() > 2 * highest[~with_words].mean()


def test_what_a_network_is_to_say_does_not_depend_on_room_and_noise(tmp_path: Path, ear: SpeechEmbedding) -> None:
    heard = []
    for name, changes in {"quiet": {}, "noisy": {"bed_share": 1, "room_share": 1, "television_share": 0}}.items():
        recipe = replace(RECIPE, scenes=replace(SCENES, **changes))
        path, composer = tmp_path / name / "scenes" / "0000.npz", builder(recipe.scenes)
        path.parent.mkdir(parents=True)
        write_shard(path, composer, recipe.features, scenes=1, seed=(1,))
        heard.append(hear_shard(ear, composer, recipe, path, seed=(1,)))

    quiet, noisy = heard
    assert np.array_equal(quiet.lessons.embeddings, noisy.lessons.embeddings)
    assert not np.allclose(quiet.embeddings, noisy.embeddings, atol=0.1)


def test_what_was_heard_is_not_heard_again(work: Path, tmp_path: Path, ear: SpeechEmbedding) -> None:
    def no_builder() -> SceneBuilder:
        raise AssertionError("asked for what composed the scenes")

    again = shutil.copytree(work, tmp_path / "again")

    teach(RECIPE, sorted((again / "scenes").iterdir()), ear, no_builder, epochs=1)


def test_scenes_that_other_recordings_made_are_refused(tmp_path: Path, ear: SpeechEmbedding) -> None:
    (path, _) = shards(tmp_path)
    other = replace(RECIPE, seed=7)

    with pytest.raises(ConfigError, match=r"0000\.npz: was composed from other recordings or settings; delete it"):
        teach(other, [path], ear, builder, epochs=1)


def test_the_head_mines_what_sounds_like_its_word(tmp_path: Path, listener: Listener) -> None:
    soundfile.write(tmp_path / "talk.wav", spoken_words("hum", "rise", "fall", seed=3), RATE)

    moments, skipped = find_moments([tmp_path / "talk.wav"], listener.trace_of, 0.01)

    best = max(moments, key=lambda moment: moment.score)
    assert skipped == []
    assert best.start < 2.6 < best.end + 0.5


def test_a_head_that_nobody_taught_is_answered_with_the_command_that_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_streams(tmp_path)
    options = ["--work", str(tmp_path), "--ear", str(tmp_path), "--stream", str(manifest), "--json", "x.json"]

    assert main(["teacher", "evaluate", "wakewords-en", *options]) == 78
    assert "head.pt: no such file; kws-train teacher train writes it" in capsys.readouterr().err


def test_an_ear_that_is_not_installed_is_refused_before_anything_is_composed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", str(tmp_path), "--work", str(tmp_path / "run"), "--ear", "no-such-ear"]

    assert main(["teacher", "train", "wakewords-en", *options]) == 78
    assert "no-such-ear: is no folder and no installed package; pip install" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
