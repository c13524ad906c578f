"""Scenes as the network hears them: endless lanes side by side, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws_app.arrays import Coefficients
from kws_app.training.distill import Teaching, Told
from kws_app.training.losses import TargetMaker, Targets
from kws_app.training.phones import UNKNOWN
from kws_app.training.recipe import Recipe
from kws_app.training.remix import Remix, RemixSettings
from kws_app.training.scenes import Shard
from kws_app.training.team import ALONE, CPU, Team

LONGEST_TAIL_SECONDS = 6.0
"""After its end a word can mask at most this much (``LossSettings.masked_after_seconds``, and a step)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """``features`` float32 ``(steps, lanes, stack * coefficients)``, what they should score, the phones heard, and what
    a teacher says of them.

    ``phones`` is int64 ``(steps, lanes)``: the phone in the middle of the step's last frame, the recipe's delay ago.
    """

    features: Tensor
    targets: Targets
    phones: Tensor
    told: Told | None


def steps_of(frames: Coefficients, stack: int) -> Coefficients:
    """``(frames, coefficients)`` as the network takes them, ``(steps, stack * coefficients)``."""
    return frames[: len(frames) // stack * stack].reshape(-1, stack * frames.shape[1])


class Lanes:
    """Scenes laid end to end in parallel lanes, cut into chunks at another place every epoch.

    Args:
        scenes: which of the shard's scenes.
        lanes: how many side by side; fewer if there are not so many scenes.
        remix: how the scenes are changed every epoch, if at all.
        device: where features and phones are kept, and chunks are made.
        team: who trains with this process, each on its share of the lanes.

    What is drawn depends on neither device nor team.
    """

    def __init__(
        self,
        recipe: Recipe,
        shard: Shard,
        scenes: range,
        *,
        lanes: int,
        remix: RemixSettings | None = None,
        device: torch.device = CPU,
        team: Team = ALONE,
    ) -> None:
        self._scenes, self._device = np.array(scenes), device
        self._features = torch.from_numpy(shard.features).to(device)
        self._phones = torch.from_numpy(shard.phones).to(device)
        self._lanes = min(lanes, len(scenes))
        self._own = team.share(self._lanes)
        self._stack, self._hop = recipe.network.stack, recipe.step_seconds
        self._steps = round(recipe.schedule.chunk_seconds / self._hop)
        self._length = shard.features.shape[1] // self._stack
        """Steps of a scene."""
        self._delay = round(recipe.loss.phone_delay_seconds / recipe.features.winstep)
        self._maker = TargetMaker(
            recipe.loss, hop_seconds=self._hop, frame_seconds=recipe.step_reach_seconds, keywords=len(recipe.keywords)
        )
        self._events = shard.events
        self._seconds = shard.events[:, 2:] / recipe.features.samplerate
        wordless = np.setdiff1d(self._scenes, shard.events[:, 0])
        self._teaching = shard.lessons and Teaching(shard.lessons, recipe, steps=self._length, device=device)
        self._remix = remix and Remix(remix, recipe.features, self._features, wordless)

    @property
    def chunks(self) -> int:
        """Chunks an epoch."""
        scenes = len(self._scenes) // self._lanes
        return (scenes * self._length - self._steps) // self._steps

    @property
    def lanes(self) -> int:
        """Of the whole team."""
        return self._lanes

    @property
    def own(self) -> slice:
        """Which of the lanes the chunks have."""
        return self._own

    @property
    def steps(self) -> int:
        """Steps of a chunk."""
        return self._steps

    def epoch(self, rng: np.random.Generator) -> Iterator[Chunk]:
        """The epoch's chunks in order; lane ``i`` of one goes on in lane ``i`` of the next."""
        scenes = len(self._scenes) // self._lanes
        order = rng.permutation(self._scenes)[: scenes * self._lanes].reshape(self._lanes, scenes)
        first = int(rng.integers(self._steps))
        mix = self._remix.draw(rng, order).of(self._own) if self._remix else None
        order = order[self._own]
        words, scene_of = self._words_in(order), torch.from_numpy(order).to(self._device)
        for chunk in range(self.chunks):
            steps = np.arange(first, first + self._steps) + chunk * self._steps
            place = steps // self._length
            frames = (steps % self._length)[:, np.newaxis] * self._stack + np.arange(self._stack)
            there = torch.from_numpy(frames).to(self._device)
            features = self._features[scene_of[:, place].T[:, :, None], there[:, None]]
            if self._remix and mix:
                features = self._remix.apply(mix, features, place, there)
            targets = self._targets(words, steps[0], len(order))
            told = self._teaching.at(scene_of, steps) if self._teaching else None
            yield Chunk(features.flatten(2), targets.to(self._device), self._phones_at(scene_of, steps), told)

    def _phones_at(self, scene_of: Tensor, steps: npt.NDArray[np.int64]) -> Tensor:
        """The phones ``(steps, lanes)`` to be known at *steps*; what was before the first scene is unknown."""
        scene_frames = self._length * self._stack
        frames = torch.from_numpy(steps * self._stack + self._stack - 1 - self._delay).to(self._device)
        inside = frames.clamp(min=0)
        phones = self._phones[scene_of[:, inside // scene_frames], inside % scene_frames].T.long()
        return phones.masked_fill(frames[:, None] < 0, UNKNOWN)

    def _words_in(self, order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """All words of an epoch: rows of lane, keyword, start and end, in seconds from the lanes' beginning."""
        lane_of = np.full(order.max() + 1, -1)
        place_of = np.zeros_like(lane_of)
        lane_of[order] = np.arange(order.shape[0])[:, np.newaxis]
        place_of[order] = np.arange(order.shape[1])
        known = self._events[:, 0] < len(lane_of)
        scene, keyword = self._events[known, :2].T
        begins = place_of[scene, np.newaxis] * self._length * self._hop
        rows = np.column_stack([lane_of[scene], keyword, self._seconds[known] + begins])
        return rows[rows[:, 0] >= 0]

    def _targets(self, words: npt.NDArray[np.float64], first: int, lanes: int) -> Targets:
        """Of the chunk that begins with the step *first*."""
        begins, ends = first * self._hop, (first + self._steps) * self._hop
        near = words[(words[:, 3] > begins - LONGEST_TAIL_SECONDS) & (words[:, 2] < ends)]
        return self._maker.make(near - [0, 0, begins, begins], self._steps, lanes)
