"""Scenes as the network hears them: endless lanes side by side, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from kws_app.training.losses import TargetMaker, Targets
from kws_app.training.recipe import Recipe
from kws_app.training.scenes import Shard


@dataclass(frozen=True, slots=True)
class Chunk:
    """``features`` float32 ``(frames, lanes, coefficients)`` and what they should score."""

    features: torch.Tensor
    targets: Targets


class Lanes:
    """Scenes laid end to end in parallel lanes, cut into chunks at another place every epoch.

    Args:
        scenes: which of the shard's scenes.
        lanes: how many side by side; fewer if there are not so many scenes.
    """

    def __init__(self, recipe: Recipe, shard: Shard, scenes: range, *, lanes: int) -> None:
        features = recipe.features
        self._features, self._scenes = shard.features, np.array(scenes)
        self._lanes = min(lanes, len(scenes))
        self._hop = features.winstep
        self._frames = round(recipe.schedule.chunk_seconds / self._hop)
        self._keywords = len(recipe.keywords)
        self._maker = TargetMaker(
            recipe.loss, hop_seconds=features.winstep, frame_seconds=features.winlen, keywords=self._keywords
        )
        self._words: dict[int, list[tuple[int, float, float]]] = {}
        for scene, keyword, start, end in shard.events.tolist():
            seconds = (start / features.samplerate, end / features.samplerate)
            self._words.setdefault(scene, []).append((keyword, *seconds))

    @property
    def chunks(self) -> int:
        """Chunks an epoch."""
        scenes = len(self._scenes) // self._lanes
        return (scenes * self._features.shape[1] - self._frames) // self._frames

    @property
    def lanes(self) -> int:
        return self._lanes

    def epoch(self, rng: np.random.Generator) -> Iterator[Chunk]:
        """The epoch's chunks in order; lane ``i`` of one goes on in lane ``i`` of the next."""
        scenes, length = len(self._scenes) // self._lanes, self._features.shape[1]
        order = rng.permutation(self._scenes)[: scenes * self._lanes].reshape(self._lanes, scenes)
        first = int(rng.integers(self._frames))
        for chunk in range(self.chunks):
            frames = np.arange(first, first + self._frames) + chunk * self._frames
            where = order[:, frames // length]  # (lanes, frames)
            features = self._features[where, frames % length]
            words = self._words_in(order, frames[0], length)
            targets = self._maker.make(words, self._frames, self._lanes)
            yield Chunk(torch.from_numpy(np.ascontiguousarray(features.transpose(1, 0, 2))), targets)

    def _words_in(self, order: np.ndarray, first: int, length: int) -> list[tuple[int, int, float, float]]:
        """(lane, keyword, start, end) of the words that may touch the chunk, in seconds from its first frame."""
        found = []
        nearby = range(max(0, first // length - 1), min(order.shape[1], (first + self._frames) // length + 1))
        for lane in range(self._lanes):
            for position in nearby:
                shift = (position * length - first) * self._hop
                for keyword, start, end in self._words.get(int(order[lane, position]), ()):
                    if end + shift > -2.0 and start + shift < self._frames * self._hop:
                        found.append((lane, keyword, start + shift, end + shift))
        return found
