"""Training: it learns, goes on where it stopped, and keeps its last good checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError  # noqa: E402
from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.training.lanes import Lanes  # noqa: E402
from kws_app.training.network import NetworkSettings  # noqa: E402
from kws_app.training.recipe import KeywordRecipe, Recipe, ScheduleSettings, StageSettings  # noqa: E402
from kws_app.training.scenes import SceneSettings, Shard  # noqa: E402
from kws_app.training.train import Trainer, read_checkpoint  # noqa: E402

RECIPE = Recipe(
    name="test",
    keywords={"bump": KeywordRecipe()},
    features=MfccSettings(winlen=0.03, winstep=0.02, numcep=6, nfilt=6, nfft=512, appendEnergy=False),
    network=NetworkSettings(hidden=8),
    scenes=SceneSettings(seconds=10.0),
    schedule=ScheduleSettings(
        stages=(StageSettings(epochs=4, lanes=4, rate=(1e-2, 1e-3)), StageSettings(epochs=2, lanes=2, hours=(0, 0.01))),
        chunk_seconds=2.0,
        average=0.9,
        masked_lanes=0.0,
    ),
)


def shard(scenes: int = 8, frames: int = 500) -> Shard:
    """Noise in which the word is half a second of a raised second cepstrum."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((scenes, frames, 6)).astype(np.float32)
    features[..., 0] += 30
    events = []
    for scene in range(scenes):
        for start in range(50, frames - 60, 90):
            features[scene, start : start + 25, 1] += 8
            events.append((scene, 0, start * 320, (start + 25) * 320))
    return Shard(features, np.array(events, np.int32))


def losses(work: Path) -> list[float]:
    return [json.loads(line)["word_loss"] for line in (work / "log.jsonl").read_text().splitlines()]


def test_a_minute_of_scenes_is_learnt_in_seconds(tmp_path: Path) -> None:
    stages = (StageSettings(epochs=30, lanes=4, rate=(1e-2, 1e-3), mean_epochs=1),)
    longer = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=stages))

    network = Trainer(longer, shard(), tmp_path).run()

    assert losses(tmp_path)[-1] < losses(tmp_path)[0] / 3
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(shard().features[:1]).transpose(0, 1), network.start(1))
    scores = torch.sigmoid(logits[:, 0, 0])
    assert scores[50 + 25 : 50 + 40].max() > 2 * scores[110:135].max()


@pytest.mark.parametrize("epochs", [3, 4, 5])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path: Path, epochs: int) -> None:
    """Stopped inside the first stage, between both, or inside the second, a run ends with the same network."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = Trainer(RECIPE, shard(), whole).run()

    stopped = Trainer(RECIPE, shard(), parts)
    stopped.run(until=epochs)
    actual = Trainer(RECIPE, shard(), parts).run()

    for one, two in zip(expected.state_dict().values(), actual.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two)
    assert len(losses(parts)) == 6


def test_a_checkpoint_half_written_leaves_the_one_before(tmp_path: Path) -> None:
    trainer = Trainer(RECIPE, shard(), tmp_path)
    trainer.run(until=1)
    (tmp_path / "checkpoint.pt.partial").write_bytes(b"the disk was full")

    network = read_checkpoint(tmp_path / "checkpoint.pt", RECIPE)

    assert network.parameters_trained == trainer.network.parameters_trained
    assert Trainer(RECIPE, shard(), tmp_path).epoch == 1


def test_each_lane_goes_on_from_chunk_to_chunk() -> None:
    lanes = Lanes(RECIPE, shard(), range(8), lanes=4)

    chunks = list(lanes.epoch(np.random.default_rng(1)))

    assert len(chunks) == lanes.chunks
    stream = torch.cat([chunk.features for chunk in chunks])[:, 0]
    scenes = [torch.from_numpy(scene) for scene in shard().features]
    first = next(i for i, scene in enumerate(scenes) if (scene == stream[0]).all(dim=1).any())
    start = int(torch.nonzero((scenes[first] == stream[0]).all(dim=1)))
    torch.testing.assert_close(stream[: 500 - start], scenes[first][start:])


def test_every_word_is_asked_for_once_an_epoch_but_where_chunks_cut() -> None:
    lanes = Lanes(RECIPE, shard(), range(8), lanes=4)

    asked = sum(len(chunk.targets.lane) for chunk in lanes.epoch(np.random.default_rng(1)))

    assert 0.6 * len(shard().events) < asked <= len(shard().events)


def test_fewer_scenes_than_lanes_still_train(tmp_path: Path) -> None:
    small = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=(StageSettings(lanes=64, epochs=1),)))

    Trainer(small, shard(), tmp_path).run()

    assert len(losses(tmp_path)) == 1


def test_a_stage_trains_on_its_own_hours_only() -> None:
    lanes = Lanes(RECIPE, shard(), range(2, 4), lanes=2)

    heard = torch.cat([chunk.features for chunk in lanes.epoch(np.random.default_rng(1))])

    own = torch.from_numpy(shard().features[2:4]).flatten(0, 1)
    assert all((own == frame).all(dim=1).any() for frame in heard[::50, 0])


def test_hours_that_were_not_composed_are_refused(tmp_path: Path) -> None:
    beyond = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=(StageSettings(hours=(5, 6)),)))

    with pytest.raises(ConfigError, match=r"hours \[5, 6\] are outside"):
        Trainer(beyond, shard(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04half"])
def test_a_damaged_checkpoint_is_answered_with_what_would_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)

    with pytest.raises(ConfigError, match=r"checkpoint\.pt: is damaged, or another recipe's; delete it"):
        read_checkpoint(tmp_path / "checkpoint.pt", RECIPE)
    with pytest.raises(ConfigError, match=r"checkpoint\.pt: is damaged, or another recipe's; delete it"):
        Trainer(RECIPE, shard(), tmp_path)
