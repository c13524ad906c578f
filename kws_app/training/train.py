"""Train a network on composed scenes, its state carried from chunk to chunk and scene to scene.

A run lives in one folder: ``scenes/*.npz``, ``checkpoint.pt``, ``log.jsonl``. Started again it goes on where the last
complete epoch ended; a checkpoint is written whole or not at all, so a full disk leaves the last good one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from kws_app.errors import ConfigError, Fault
from kws_app.training.lanes import Chunk, Lanes
from kws_app.training.losses import negative_loss, phone_loss, word_loss
from kws_app.training.network import PHONE_HEAD, Network
from kws_app.training.phones import UNKNOWN
from kws_app.training.recipe import Recipe
from kws_app.training.remix import RemixSettings
from kws_app.training.scenes import Shard
from kws_app.wholefile import whole

WARM_UP_STEPS = 200
EVENTS_AN_HOUR = 700.0  # only scales the loss, so that clipping at 1 means the same for every recipe
MEASURED_SCENES = 200  # for the input's mean and deviation


def new_network(recipe: Recipe) -> Network:
    """The recipe's network, seeded."""
    torch.manual_seed(recipe.seed)
    return Network(recipe.features, recipe.network, len(recipe.keywords), phones=recipe.phones)


@dataclass(frozen=True, slots=True)
class Losses:
    """What a chunk cost, each a sum but the phones', which is a mean; and how many of its phones were told right."""

    word: torch.Tensor
    negative: torch.Tensor
    phone: torch.Tensor
    phones_right: torch.Tensor

    def numbers(self) -> list[float]:
        """For the log."""
        return [float(part.detach()) for part in (self.word, self.negative, self.phones_right)]


class Trainer:
    """One run: network, average, optimiser, and where it stands."""

    def __init__(self, recipe: Recipe, shard: Shard, work: Path, *, device: str = "cpu") -> None:
        self._recipe, self._shard, self._work, self._device = recipe, shard, work, torch.device(device)
        self.network = new_network(recipe)
        sample = torch.from_numpy(shard.features[:MEASURED_SCENES]).transpose(0, 1)
        self.network.front.measure(sample)
        self.network.to(self._device)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(recipe.schedule.average))
        self.stage, self.epoch = 0, 0
        saved = self._read_checkpoint()
        self._begin_stage()
        if saved is not None and self.epoch:
            self._optimiser.load_state_dict(saved["optimiser"])
            self._state = saved["state"]

    @property
    def epochs_done(self) -> int:
        """Over all stages."""
        return sum(stage.epochs for stage in self._recipe.schedule.stages[: self.stage]) + self.epoch

    def run(self, *, until: int | None = None) -> Network:
        """Train to the recipe's end, or until so many epochs are done; returns the averaged network."""
        stages = self._recipe.schedule.stages
        total = sum(stage.epochs for stage in stages)
        with tqdm(total=total, initial=self.epochs_done, desc=self._recipe.name, unit="epoch") as bar:
            while self.epochs_done < (total if until is None else until):
                bar.set_postfix(self._train_epoch())
                self.epoch += 1
                if self.epoch == self._stage.epochs:
                    self.stage, self.epoch = self.stage + 1, 0
                self._save()
                bar.update()
                if self.epoch == 0 and self.stage < len(stages):
                    self._begin_stage()
        return averaged(self.average)

    def _begin_stage(self) -> None:
        """Lanes and optimiser of the stage that is due; its weights are the average of what came before."""
        stages, schedule = self._recipe.schedule.stages, self._recipe.schedule
        self._stage = stages[min(self.stage, len(stages) - 1)]
        scenes = _scenes(self._stage.hours, len(self._shard.features), self._recipe.scenes.seconds)
        remix = self._stage.remix if self._stage.remix != RemixSettings() else None
        self._lanes = Lanes(self._recipe, self._shard, scenes, lanes=self._stage.lanes, remix=remix)
        if self.stage and not self.epoch:
            self.network.load_state_dict(self.average.module.state_dict())
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), betas=(0.9, 0.999), weight_decay=schedule.weight_decay
        )
        self._state = self.network.start(self._lanes.lanes).to(self._device)

    def _train_epoch(self) -> dict[str, float]:
        """One pass over the stage's scenes; returns what the log's new line says."""
        rng = np.random.default_rng((self._recipe.seed, 1, self.epochs_done))
        words, labelled, sums, began = 0, 0, np.zeros(3), time.monotonic()
        for number, chunk in enumerate(self._lanes.epoch(rng)):
            losses = self._losses(chunk, rng)
            self._step(losses, self.epoch * self._lanes.chunks + number)
            words += len(chunk.targets.lane)
            labelled += int((chunk.phones != UNKNOWN).sum())
            sums += losses.numbers()
        hours = self._lanes.chunks * self._lanes.lanes * self._recipe.schedule.chunk_seconds / 3600
        word_sum, negative_sum, phones_right = sums.tolist()
        row = {
            "stage": self.stage + 1,
            "epoch": self.epoch + 1,
            "word_loss": round(word_sum / max(1, words), 4),
            "negative_loss_an_hour": round(negative_sum / hours, 2),
            "phone_accuracy": round(phones_right / max(1, labelled), 4),
            "words": words,
            "hours": round(hours, 2),
            "seconds": round(time.monotonic() - began, 1),
        }
        with (self._work / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return row

    def _losses(self, chunk: Chunk, rng: np.random.Generator) -> Losses:
        """The losses of a chunk; the state goes on, its gradient does not."""
        targets = chunk.targets.to(self._device)
        level, rest = self._state.split([1, self._state.shape[1] - 1], dim=1)
        with torch.no_grad():
            x, level = self.network.front(chunk.features.to(self._device), level)
            self._mask_bands(x, rng)
        x, rest = self.network.trunk(x, rest)
        self._state = torch.cat([level, rest], dim=1).detach()
        logits = self.network.head(x)
        word = word_loss(logits, targets, pooled=self.epoch >= self._stage.mean_epochs)
        negative = negative_loss(logits, targets, focus=self._recipe.loss.focus)
        if self.network.phones is None:
            return Losses(word, negative, torch.zeros(()), torch.zeros(()))
        phones, logits = chunk.phones.to(self._device), self.network.phones(x)
        return Losses(word, negative, phone_loss(logits, phones), (logits.argmax(dim=2) == phones).sum())

    def _mask_bands(self, x: torch.Tensor, rng: np.random.Generator) -> None:
        """Set a random group of bands to their mean in some lanes (SpecAugment, arXiv 1904.08779)."""
        bands = x.unflatten(2, (self._recipe.network.stack, -1))
        for lane in np.flatnonzero(rng.random(x.shape[1]) < self._recipe.schedule.masked_lanes):
            width = int(rng.integers(1, bands.shape[3] // 5 + 1))
            start = int(rng.integers(bands.shape[3] - width + 1))
            bands[:, lane, :, start : start + width] = 0

    def _step(self, losses: Losses, step: int) -> None:
        """One update; *step* counts from the stage's start."""
        steps = self._stage.epochs * self._lanes.chunks
        progress = step / steps
        # False alarms are bought off late: a heavy start teaches silence before it teaches the words.
        negative_weight = _between(self._stage.negative_weight, progress**2)
        phone_weight = _between(self._stage.phone_weight, progress)
        scale = EVENTS_AN_HOUR * self._lanes.lanes * self._recipe.schedule.chunk_seconds / 3600
        warm = min(1.0, (step + 1) / min(WARM_UP_STEPS, steps / 20))
        for group in self._optimiser.param_groups:
            group["lr"] = warm * _between(self._stage.rate, (1 - math.cos(math.pi * progress)) / 2)
        self._optimiser.zero_grad(set_to_none=True)
        words = self._stage.word_weight * (losses.word + negative_weight * losses.negative) / scale
        (words + phone_weight * losses.phone).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self.average.update_parameters(self.network)

    def _save(self) -> None:
        checkpoint = {
            "stage": self.stage,
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "state": self._state,
        }
        buffer = BytesIO()  # torch.save to a full disk raises a RuntimeError that hides the reason
        torch.save(checkpoint, buffer)
        with whole(self._work / "checkpoint.pt") as file:
            file.write(buffer.getbuffer())

    def _read_checkpoint(self) -> dict[str, Any] | None:
        path = self._work / "checkpoint.pt"
        if not path.exists():
            return None
        with _whole(path):
            saved: dict[str, Any] = torch.load(path, map_location=self._device, weights_only=True)
            self.stage, self.epoch = saved["stage"], saved["epoch"]
            _load(self.network, saved["network"])
            _load(self.average, saved["average"])
        return saved


def _between(ends: tuple[float, float], share: float) -> float:
    first, last = ends
    return first + (last - first) * share


def _scenes(hours: tuple[float, float] | None, count: int, seconds: float) -> range:
    """The scenes of those hours, or all *count* of them."""
    if hours is None:
        return range(count)
    first, last = (round(hour * 3600 / seconds) for hour in hours)
    if not 0 <= first < min(last, count):
        raise ConfigError(
            Fault("recipe", None, "schedule.stages", f"hours {list(hours)} are outside the scenes composed")
        )
    return range(first, min(last, count))


def averaged(average: AveragedModel) -> Network:
    """The network inside *average*, on the CPU, ready to be exported."""
    network = average.module
    assert isinstance(network, Network)
    return network.cpu().eval()


def read_checkpoint(path: Path, recipe: Recipe) -> Network:
    """The averaged network of a run's checkpoint.

    Raises:
        ConfigError: it is damaged, or another recipe's.
    """
    network = new_network(recipe)
    average = AveragedModel(network)
    with _whole(path):
        _load(average, torch.load(path, map_location="cpu", weights_only=True)["average"])
    return averaged(average)


def _load(module: torch.nn.Module, saved: dict[str, Any]) -> None:
    """Take over what was saved; a phone head that only one of both has is left as it is."""
    head = {name: value for name, value in module.state_dict().items() if PHONE_HEAD in name}
    known = {name: value for name, value in saved.items() if PHONE_HEAD not in name or name in head}
    module.load_state_dict(head | known)


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Say of a checkpoint that cannot be taken what is wrong with it."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        reason = "is damaged, or another recipe's; delete it to begin anew"
        raise ConfigError(Fault(str(path), None, "", reason)) from error
