"""Scenes as the network hears them: endless lanes side by side, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from kws_app.arrays import Coefficients
from kws_app.training.losses import TargetMaker, Targets
from kws_app.training.phones import UNKNOWN, Phones
from kws_app.training.recipe import Recipe
from kws_app.training.remix import Remix, RemixSettings
from kws_app.training.scenes import Shard


@dataclass(frozen=True, slots=True)
class Chunk:
    """``features`` float32 ``(steps, lanes, stack * coefficients)``, what they should score, and the phones heard.

    ``phones`` is int64 ``(steps, lanes)``: the phone in the middle of the step's last frame, the recipe's delay ago.
    """

    features: torch.Tensor
    targets: Targets
    phones: torch.Tensor


def steps_of(frames: Coefficients, stack: int) -> Coefficients:
    """``(frames, coefficients)`` as the network takes them, ``(steps, stack * coefficients)``."""
    return frames[: len(frames) // stack * stack].reshape(-1, stack * frames.shape[1])


class Lanes:
    """Scenes laid end to end in parallel lanes, cut into chunks at another place every epoch.

    Args:
        scenes: which of the shard's scenes.
        lanes: how many side by side; fewer if there are not so many scenes.
        remix: how the scenes are changed every epoch, if at all.
    """

    def __init__(
        self, recipe: Recipe, shard: Shard, scenes: range, *, lanes: int, remix: RemixSettings | None = None
    ) -> None:
        self._features, self._phones, self._scenes = shard.features, shard.phones, np.array(scenes)
        self._lanes = min(lanes, len(scenes))
        self._stack, self._hop = recipe.network.stack, recipe.step_seconds
        self._steps = round(recipe.schedule.chunk_seconds / self._hop)
        self._length = shard.features.shape[1] // self._stack
        """Steps of a scene."""
        self._delay = round(recipe.loss.phone_delay_seconds / recipe.features.winstep)
        self._keywords = len(recipe.keywords)
        self._maker = TargetMaker(
            recipe.loss, hop_seconds=self._hop, frame_seconds=recipe.step_reach_seconds, keywords=self._keywords
        )
        self._words: dict[int, list[tuple[int, float, float]]] = {}
        for scene, keyword, start, end in shard.events.tolist():
            seconds = (start / recipe.features.samplerate, end / recipe.features.samplerate)
            self._words.setdefault(scene, []).append((keyword, *seconds))
        wordless = np.array([scene for scene in scenes if scene not in self._words])
        self._remix = remix and Remix(remix, recipe.features, shard.features, wordless)

    @property
    def chunks(self) -> int:
        """Chunks an epoch."""
        scenes = len(self._scenes) // self._lanes
        return (scenes * self._length - self._steps) // self._steps

    @property
    def lanes(self) -> int:
        return self._lanes

    def epoch(self, rng: np.random.Generator) -> Iterator[Chunk]:
        """The epoch's chunks in order; lane ``i`` of one goes on in lane ``i`` of the next."""
        scenes = len(self._scenes) // self._lanes
        order = rng.permutation(self._scenes)[: scenes * self._lanes].reshape(self._lanes, scenes)
        first = int(rng.integers(self._steps))
        mix = self._remix.draw(rng, order) if self._remix else None
        for chunk in range(self.chunks):
            steps = np.arange(first, first + self._steps) + chunk * self._steps
            place = steps // self._length
            scene = order[:, place].T  # (steps, lanes)
            frames = (steps % self._length)[:, np.newaxis] * self._stack + np.arange(self._stack)
            features = torch.from_numpy(self._features[scene[:, :, np.newaxis], frames[:, np.newaxis]])
            if self._remix and mix:
                features = self._remix.apply(mix, features, place, frames)
            targets = self._maker.make(self._words_in(order, steps[0]), self._steps, self._lanes)
            phones = torch.from_numpy(self._phones_at(order, steps).astype(np.int64))
            yield Chunk(features.flatten(2), targets, phones)

    def _phones_at(self, order: np.ndarray, steps: np.ndarray) -> Phones:
        """The phones ``(steps, lanes)`` to be known at *steps*; what was before the first scene is unknown."""
        scene_frames = self._length * self._stack
        frames = steps * self._stack + self._stack - 1 - self._delay
        inside = np.maximum(frames, 0)
        phones = self._phones[order[:, inside // scene_frames], inside % scene_frames].T
        return np.where(frames[:, np.newaxis] < 0, np.uint8(UNKNOWN), phones)

    def _words_in(self, order: np.ndarray, first: int) -> list[tuple[int, int, float, float]]:
        """(lane, keyword, start, end) of the words that may touch the chunk, in seconds from its first step."""
        found, length = [], self._length
        nearby = range(max(0, first // length - 1), min(order.shape[1], (first + self._steps) // length + 1))
        for lane in range(self._lanes):
            for position in nearby:
                shift = (position * length - first) * self._hop
                for keyword, start, end in self._words.get(int(order[lane, position]), ()):
                    if end + shift > -2.0 and start + shift < self._steps * self._hop:
                        found.append((lane, keyword, start + shift, end + shift))
        return found
