"""Lanes: scenes end to end, and each word asked for where it is heard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.lanes import Lanes  # noqa: E402
from kws_app.training.losses import LossSettings  # noqa: E402
from kws_app.training.phones import UNKNOWN  # noqa: E402
from tests.training.bumps import RECIPE, shard  # noqa: E402


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


def test_a_stage_trains_on_its_own_hours_only() -> None:
    lanes = Lanes(RECIPE, shard(), range(2, 4), lanes=2)

    heard = torch.cat([chunk.features for chunk in lanes.epoch(np.random.default_rng(1))])

    own = torch.from_numpy(shard().features[2:4]).flatten(0, 1)
    assert all((own == frame).all(dim=1).any() for frame in heard[::50, 0])


def test_there_are_no_more_lanes_than_scenes() -> None:
    assert Lanes(RECIPE, shard(), range(8), lanes=64).lanes == 8


def test_chunks_are_cut_at_another_place_every_epoch() -> None:
    lanes, rng = Lanes(RECIPE, shard(), range(1), lanes=1), np.random.default_rng(1)

    one, two = (next(lanes.epoch(rng)).features for _ in range(2))

    assert not torch.equal(one, two)


def test_a_network_of_two_frames_a_step_hears_the_same_streams_in_half_the_steps() -> None:
    pairs = replace(RECIPE, network=replace(RECIPE.network, stack=2))

    single = Lanes(RECIPE, shard(), range(8), lanes=4)
    double = Lanes(pairs, shard(), range(8), lanes=4)

    stream = torch.cat([chunk.features for chunk in double.epoch(np.random.default_rng(1))])[:, 0]
    scenes = torch.from_numpy(shard().features).unflatten(1, (-1, 2)).flatten(2).flatten(0, 1)
    assert all((scenes == step).all(dim=1).any() for step in stream)
    assert double.chunks == single.chunks
    asked = [
        sum(len(chunk.targets.lane) for chunk in lanes.epoch(np.random.default_rng(1))) for lanes in (single, double)
    ]
    assert asked[1] == pytest.approx(asked[0], rel=0.2)


@pytest.mark.parametrize("stack", [1, 2])
def test_a_phone_is_asked_for_the_recipes_delay_after_its_frame(stack: int) -> None:
    late = replace(RECIPE, network=replace(RECIPE.network, stack=stack), loss=LossSettings(phone_delay_seconds=0.06))
    lanes = Lanes(late, shard(), range(1), lanes=1)

    chunks = list(lanes.epoch(np.random.default_rng(1)))

    phones = torch.cat([chunk.phones for chunk in chunks])[:, 0].numpy()
    heard = torch.cat([chunk.features for chunk in chunks])[:, 0, -6:].numpy()  # each step's last frame
    frames = [int(np.flatnonzero((shard().features[0] == frame).all(axis=1))[0]) for frame in heard]
    expected = [shard().phones[0, frame - 3] for frame in frames if frame >= 3]
    assert phones[-len(expected) :].tolist() == expected
    assert set(phones.tolist()) == {0, 1, UNKNOWN}
