"""Train a network on composed scenes, its state carried from chunk to chunk and scene to scene.

A run lives in one folder: ``scenes/*.npz``, ``checkpoint.pt``, ``log.jsonl``. Started again it goes on where the last
complete epoch ended; a checkpoint is written whole or not at all, so a full disk leaves the last good one.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from kws_app.training.losses import TargetMaker, Targets, negative_loss, word_loss
from kws_app.training.network import Network
from kws_app.training.recipe import Recipe
from kws_app.training.scenes import Shard

WARM_UP_STEPS = 200
EVENTS_AN_HOUR = 700.0  # only scales the loss, so that clipping at 1 means the same for every recipe
MEASURED_SCENES = 200  # for the input's mean and deviation


def new_network(recipe: Recipe) -> Network:
    """The recipe's network, seeded."""
    torch.manual_seed(recipe.seed)
    return Network(recipe.features, recipe.network, len(recipe.keywords))


@dataclass(frozen=True, slots=True)
class Chunk:
    """``features`` float32 ``(frames, lanes, coefficients)`` and what they should score."""

    features: torch.Tensor
    targets: Targets


class Lanes:
    """Scenes laid end to end in parallel lanes, cut into chunks at another place every epoch."""

    def __init__(self, recipe: Recipe, shard: Shard) -> None:
        schedule, features = recipe.schedule, recipe.features
        self._features = shard.features
        self._lanes = min(schedule.lanes, len(shard.features))
        self._hop = features.winstep
        self._frames = round(schedule.chunk_seconds / self._hop)
        self._keywords = len(recipe.keywords)
        self._maker = TargetMaker(
            recipe.loss, hop_seconds=features.winstep, window_seconds=features.winlen, keywords=self._keywords
        )
        self._words: dict[int, list[tuple[int, float, float]]] = {}
        for scene, keyword, start, end in shard.events.tolist():
            seconds = (start / features.samplerate, end / features.samplerate)
            self._words.setdefault(scene, []).append((keyword, *seconds))

    @property
    def chunks(self) -> int:
        """Chunks an epoch."""
        scenes = len(self._features) // self._lanes
        return (scenes * self._features.shape[1] - self._frames) // self._frames

    @property
    def lanes(self) -> int:
        return self._lanes

    def epoch(self, rng: np.random.Generator) -> Iterator[Chunk]:
        """The epoch's chunks in order; lane ``i`` of one goes on in lane ``i`` of the next."""
        scenes, length = len(self._features) // self._lanes, self._features.shape[1]
        order = rng.permutation(len(self._features))[: scenes * self._lanes].reshape(self._lanes, scenes)
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


class Trainer:
    """One run: network, average, optimiser, and where it stands."""

    def __init__(self, recipe: Recipe, shard: Shard, work: Path, *, device: str = "cpu") -> None:
        self._recipe, self._work, self._device = recipe, work, torch.device(device)
        self._lanes = Lanes(recipe, shard)
        self.network = new_network(recipe)
        sample = torch.from_numpy(shard.features[:MEASURED_SCENES]).transpose(0, 1)
        self.network.front.measure(sample)
        self.network.to(self._device)
        schedule = recipe.schedule
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(schedule.average))
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=schedule.rate, betas=(0.9, 0.999), weight_decay=schedule.weight_decay
        )
        self._state = self.network.start(self._lanes.lanes).to(self._device)
        self.epoch = 0
        self._resume()

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self._recipe.schedule.epochs * self._lanes.chunks

    def run(self, *, until: int | None = None) -> Network:
        """Train to the recipe's end, or to the end of epoch *until*; returns the averaged network."""
        last = self._recipe.schedule.epochs if until is None else until
        bar = tqdm(total=self.steps, initial=self.epoch * self._lanes.chunks, desc=self._recipe.name, unit="chunk")
        while self.epoch < last:
            self._train_epoch(bar)
            self.epoch += 1
            self._save()
        bar.close()
        return averaged(self.average)

    def _train_epoch(self, bar: tqdm[None]) -> None:
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, 1, self.epoch))
        pooled = self.epoch >= recipe.schedule.mean_epochs
        words, word_sum, negative_sum, began = 0, 0.0, 0.0, time.monotonic()
        for number, chunk in enumerate(self._lanes.epoch(rng)):
            progress = (self.epoch * self._lanes.chunks + number) / self.steps
            positive, negative = self._losses(chunk, rng, pooled=pooled)
            self._step(positive, negative, progress)
            words += len(chunk.targets.lane)
            word_sum += float(positive.detach())
            negative_sum += float(negative.detach())
            bar.update()
        hours = self._lanes.chunks * self._lanes.lanes * recipe.schedule.chunk_seconds / 3600
        row = {
            "epoch": self.epoch + 1,
            "word_loss": round(word_sum / max(1, words), 4),
            "negative_loss_an_hour": round(negative_sum / hours, 2),
            "words": words,
            "hours": round(hours, 2),
            "seconds": round(time.monotonic() - began, 1),
        }
        bar.set_postfix(word=row["word_loss"], negative=row["negative_loss_an_hour"])
        with (self._work / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _losses(self, chunk: Chunk, rng: np.random.Generator, *, pooled: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Word and negative loss of a chunk; the state goes on, its gradient does not."""
        targets = Targets(
            *(getattr(chunk.targets, name).to(self._device) for name in ("negative", "lane", "keyword", "frames"))
        )
        level, rest = self._state.split([1, self._state.shape[1] - 1], dim=1)
        with torch.no_grad():
            x, level = self.network.front(chunk.features.to(self._device), level)
            self._mask_bands(x, rng)
        logits, rest = self.network.trunk(x, rest)
        self._state = torch.cat([level, rest], dim=1).detach()
        positive = word_loss(logits, targets, pooled=pooled)
        return positive, negative_loss(logits, targets, focus=self._recipe.loss.focus)

    def _mask_bands(self, x: torch.Tensor, rng: np.random.Generator) -> None:
        """Set a random group of bands to their mean in some lanes (SpecAugment, arXiv 1904.08779)."""
        for lane in np.flatnonzero(rng.random(x.shape[1]) < self._recipe.schedule.masked_lanes):
            width = int(rng.integers(1, x.shape[2] // 5 + 1))
            start = int(rng.integers(x.shape[2] - width + 1))
            x[:, lane, start : start + width] = 0

    def _step(self, positive: torch.Tensor, negative: torch.Tensor, progress: float) -> None:
        schedule, loss = self._recipe.schedule, self._recipe.loss
        first, last = loss.negative_weight
        scale = EVENTS_AN_HOUR * self._lanes.lanes * schedule.chunk_seconds / 3600
        # False alarms are bought off late: a heavy start teaches silence before it teaches the words.
        total = (positive + (first + (last - first) * progress**2) * negative) / scale
        warm = min(1.0, (progress * self.steps + 1) / min(WARM_UP_STEPS, self.steps / 20))
        for group in self._optimiser.param_groups:
            group["lr"] = schedule.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2)
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self.average.update_parameters(self.network)

    # -- checkpoints

    def _save(self) -> None:
        partial = self._work / "checkpoint.partial"
        torch.save(
            {
                "epoch": self.epoch,
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "state": self._state,
            },
            partial,
        )
        os.replace(partial, self._work / "checkpoint.pt")

    def _resume(self) -> None:
        path = self._work / "checkpoint.pt"
        if not path.exists():
            return
        saved = torch.load(path, map_location=self._device, weights_only=True)
        self.epoch = saved["epoch"]
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self._optimiser.load_state_dict(saved["optimiser"])
        if saved["state"].shape == self._state.shape:
            self._state = saved["state"]


def averaged(average: AveragedModel) -> Network:
    """The network inside *average*, on the CPU, ready to be exported."""
    network = average.module
    assert isinstance(network, Network)
    return network.cpu().eval()


def read_checkpoint(path: Path, recipe: Recipe) -> Network:
    """The averaged network of a run's checkpoint."""
    network = new_network(recipe)
    average = AveragedModel(network)
    average.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return averaged(average)
