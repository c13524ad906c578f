"""Train a network on composed scenes, its state carried from chunk to chunk and scene to scene.

A run lives in one folder: ``scenes/*.npz``, ``checkpoint.pt``, ``log.jsonl``. Started again it goes on where the last
complete epoch ended; a checkpoint is written whole or not at all, so a full disk leaves the last good one.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from kws_app.errors import ConfigError, Fault
from kws_app.training.checkpoint import Weights, finished, load, new_network, readable, write
from kws_app.training.distill import Taught, taught
from kws_app.training.ensemble import Ensemble
from kws_app.training.lanes import Chunk, Lanes
from kws_app.training.losses import negative_loss, phone_loss, word_loss
from kws_app.training.network import Network, stacked
from kws_app.training.phones import UNKNOWN
from kws_app.training.recipe import Recipe
from kws_app.training.remix import RemixSettings
from kws_app.training.scenes import Shard
from kws_app.training.sparsity import HardThreshold
from kws_app.training.team import ALONE, CPU, Team
from kws_app.training.unrolled import Unrolled

WARM_UP_STEPS = 200
EVENTS_AN_HOUR = 700.0  # only scales the loss, so that clipping at 1 means the same for every recipe
MEASURED_SCENES = 200  # for the input's mean and deviation


@dataclass(frozen=True, slots=True)
class Losses:
    """What a chunk cost, each a sum; and how many words and phones were asked for, and how many phones told right."""

    word: Tensor
    negative: Tensor
    phone: Tensor
    taught: Taught
    words_asked: Tensor
    phones_asked: Tensor
    phones_right: Tensor

    def numbers(self) -> Tensor:
        """For the log. They stay on the device: a number asked for too early makes it wait."""
        counts = (self.words_asked, self.phones_asked, self.phones_right, self.taught.steps)
        return torch.stack([self.word, self.negative, self.taught.echo, *counts]).detach()


class Trainer:
    """One run: network, average, optimiser, and where it stands.

    Args:
        work: folder of the run.
        device: where it is trained; on CUDA every chunk is recorded work.
        team: the processes that train together. Only the leading one reads and writes checkpoints.
        trained: the network whose weights a new run begins with; one that has a checkpoint goes on from that.
        teachers: networks whose mean score is learnt as ``posterior_weight`` says, instead of a shard's lessons.
    """

    def __init__(
        self,
        recipe: Recipe,
        shard: Shard,
        work: Path,
        *,
        device: torch.device = CPU,
        team: Team = ALONE,
        trained: Network | None = None,
        teachers: Sequence[Network] = (),
    ) -> None:
        self._recipe, self._shard, self._work, self._device, self._team = recipe, shard, work, device, team
        self.network = new_network(recipe)
        sample = torch.from_numpy(shard.features[:MEASURED_SCENES]).transpose(0, 1)
        self.network.front.measure(sample)
        if trained is not None:
            if team.leads:
                steps = stacked(sample, trained.front.stack)
                self.network.start_from(trained, trained.front(steps, torch.zeros(steps.shape[1], 1))[0])
            load(self.network, team.tell(self.network.state_dict()))  # other machines might factor otherwise
        self.network.to(self._device)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(recipe.schedule.average))
        self._teachers = Ensemble(teachers, device=device) if teachers else None
        self.stage, self.epoch = 0, 0
        self._ends: list[Weights] = []  # of the stages that are complete, after what the run began with
        if trained is not None:
            self._ends.append(copy.deepcopy(self.average.module.state_dict()))
        saved = self._read_checkpoint()
        self._begin_stage()
        if saved is not None and self.epoch:
            self._optimiser.load_state_dict(saved["optimiser"])
            self._state = saved["state"][self._lanes.own].to(self._device)
            if self._teachers is not None:
                self._teachers.go_on([state[self._lanes.own] for state in saved.get("teachers", [])])

    @property
    def _on_cuda(self) -> bool:
        return self._device.type == "cuda"

    @property
    def _epochs(self) -> int:
        """Of the whole recipe."""
        return sum(stage.epochs for stage in self._recipe.schedule.stages)

    @property
    def epochs_done(self) -> int:
        """Over all stages."""
        return sum(stage.epochs for stage in self._recipe.schedule.stages[: self.stage]) + self.epoch

    def run(self, *, until: int | None = None) -> Network:
        """Train to the recipe's end, or until so many epochs are done; returns the averaged network.

        A run that has come to its end gives the mean over the ends of its last ``mean_of`` stages: each of them
        climbed out of the one before with a fresh learning rate, and what they agree on is what is true of the data
        (Izmailov et al. 2018, "Averaging weights leads to wider optima", arXiv 1803.05407). The weights that a run
        began with, if they were trained, count as the end of a stage before its first (Wortsman et al. 2022, "Robust
        fine-tuning of zero-shot models", arXiv 2109.01903).
        """
        stages, total = self._recipe.schedule.stages, self._epochs
        with tqdm(
            total=total, initial=self.epochs_done, desc=self._recipe.name, unit="epoch", disable=not self._team.leads
        ) as bar:
            while self.epochs_done < (total if until is None else until):
                bar.set_postfix(self._train_epoch())
                self.epoch += 1
                if self.epoch == self._stage.epochs:
                    self.stage, self.epoch = self.stage + 1, 0
                    self._ends.append(copy.deepcopy(self.average.module.state_dict()))
                    self._ends = self._ends[-self._recipe.schedule.mean_of :]
                self._save()
                bar.update()
                if self.epoch == 0 and self.stage < len(stages):
                    self._begin_stage()
        return finished(self.average, self._ends if self.stage == len(stages) else [])

    def _begin_stage(self) -> None:
        """Lanes and optimiser of the stage that is due; its weights are the average of what came before."""
        stages, schedule = self._recipe.schedule.stages, self._recipe.schedule
        self._stage = stages[min(self.stage, len(stages) - 1)]
        scenes = _scenes(self._stage.hours, len(self._shard.features), self._recipe.scenes.seconds)
        remix = self._stage.remix if self._stage.remix != RemixSettings() else None
        self._lanes = Lanes(
            self._recipe,
            self._shard,
            scenes,
            lanes=self._stage.lanes,
            remix=remix,
            device=self._device,
            team=self._team,
        )
        if self.stage and not self.epoch:
            self.network.load_state_dict(self.average.module.state_dict())
        self._threshold = HardThreshold(self.network)
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), betas=(0.9, 0.999), weight_decay=schedule.weight_decay, fused=self._on_cuda
        )
        self._state = self.network.start(self._lanes.lanes)[self._lanes.own].to(self._device)
        if self._teachers is not None:
            self._teachers.begin(len(self._state))
        self._unrolled: nn.Module = Unrolled(self.network)
        if self._on_cuda:
            width = self._recipe.network.stack * self._recipe.features.numcep
            features = torch.zeros(self._lanes.steps, len(self._state), width, device=self._device)
            heard = self._bands_heard(np.random.default_rng(0))
            self._unrolled = torch.cuda.make_graphed_callables(self._unrolled, (features, self._state, heard))

    def _train_epoch(self) -> dict[str, float]:
        """One pass over the stage's scenes; returns what the log's new line says."""
        rng = np.random.default_rng((self._recipe.seed, 1, self.epochs_done))
        sums, began = torch.zeros(7, device=self._device), time.monotonic()
        for number, chunk in enumerate(self._lanes.epoch(rng)):
            losses = self._losses(chunk, rng)
            self._step(losses, self.epoch * self._lanes.chunks + number)
            sums += losses.numbers()
        hours = self._lanes.chunks * self._lanes.lanes * self._recipe.schedule.chunk_seconds / 3600
        word_sum, negative_sum, echo_sum, words, phones_asked, phones_right, echoes = self._team.sum(sums).tolist()
        row = {
            "stage": self.stage + 1,
            "epoch": self.epoch + 1,
            "word_loss": round(word_sum / max(1, words), 4),
            "negative_loss_an_hour": round(negative_sum / hours, 2),
            "phone_accuracy": round(phones_right / max(1, phones_asked), 4),
            "echo_loss": round(echo_sum / max(1, echoes), 4),
            "words": int(words),
            "hours": round(hours, 2),
            "seconds": round(time.monotonic() - began, 1),
        }
        if self._team.leads:
            with (self._work / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        return row

    def _losses(self, chunk: Chunk, rng: np.random.Generator) -> Losses:
        """The losses of a chunk; the state goes on, its gradient does not."""
        logits, phone_logits, echo, state = self._unrolled(chunk.features, self._state, self._bands_heard(rng))
        self._state = state.detach()  # what a CUDA graph gives has a gradient whatever it was inside
        word = word_loss(logits, chunk.targets, pooled=self.epoch >= self._stage.mean_epochs)
        negative = negative_loss(logits, chunk.targets, focus=self._recipe.loss.focus)
        words = torch.full_like(word, len(chunk.targets.lane))
        phones, phone, right = (chunk.phones != UNKNOWN).sum(), torch.zeros_like(word), torch.zeros_like(word)
        if self.network.phones is not None:
            phone = phone_loss(phone_logits, chunk.phones)
            right = (phone_logits.argmax(dim=2) == chunk.phones).sum()
        told, posteriors = chunk.told, any(self._stage.posterior_weight)
        if self._teachers is not None and posteriors:
            told = self._teachers.tell(chunk.features)
        lessons = taught(logits, echo, told, posteriors=posteriors)
        return Losses(word, negative, phone, lessons, words, phones, right)

    def _bands_heard(self, rng: np.random.Generator) -> Tensor:
        """``(lanes, stack * nfilt)`` of ones, with zeros at a random group of bands in some lanes.

        SpecAugment's frequency masks (Park et al. 2019, arXiv 1904.08779).
        """
        lanes, bands = self._lanes.lanes, self._recipe.features.nfilt
        masked = rng.random(lanes) < self._recipe.schedule.masked_lanes
        width = np.where(masked, rng.integers(1, bands // 5 + 1, lanes), 0)[:, np.newaxis]
        start = rng.integers(bands - width + 1)
        band = np.arange(bands)
        heard = ((band < start) | (band >= start + width)).astype(np.float32)
        return torch.from_numpy(np.tile(heard, self._recipe.network.stack)[self._lanes.own]).to(self._device)

    def _step(self, losses: Losses, step: int) -> None:
        """One update; *step* counts from the stage's start."""
        steps = self._stage.epochs * self._lanes.chunks
        progress = step / steps
        # False alarms are bought off late: a heavy start teaches silence before it teaches the words.
        negative_weight = _between(self._stage.negative_weight, progress**2)
        phone_weight = _between(self._stage.phone_weight, progress)
        posterior_weight = _between(self._stage.posterior_weight, progress)
        embedding_weight = _between(self._stage.embedding_weight, progress)
        scale = EVENTS_AN_HOUR * self._lanes.lanes * self._recipe.schedule.chunk_seconds / 3600
        warm = min(1.0, (step + 1) / min(WARM_UP_STEPS, steps / 20))
        for group in self._optimiser.param_groups:
            group["lr"] = warm * _between(self._stage.rate, (1 - math.cos(math.pi * progress)) / 2)
        self._optimiser.zero_grad(set_to_none=True)
        words = self._stage.word_weight * (losses.word + negative_weight * losses.negative) / scale
        phones = losses.phone / self._team.sum(losses.phones_asked).clamp(min=1)
        posteriors = losses.taught.posterior / scale
        echoes = losses.taught.echo / self._team.sum(losses.taught.steps).clamp(min=1)
        lessons = posterior_weight * posteriors + embedding_weight * echoes
        (words + phone_weight * phones + lessons).backward()
        self._team.sum_gradients(self.network.parameters())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self._thin(step)
        self.average.update_parameters(self.network)
        self._threshold.mask(self.average.module)

    def _thin(self, step: int) -> None:
        """Leave sparse matrices their share of entries; its thirds are those of the whole run."""
        before = self.epochs_done - self.epoch
        self._threshold(before * self._lanes.chunks + step, self._epochs * self._lanes.chunks)

    def _save(self) -> None:
        checkpoint = {
            "stage": self.stage,
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "state": self._team.gather(self._state),
            "ends": self._ends,
            "teachers": [] if self._teachers is None else [self._team.gather(s) for s in self._teachers.states],
        }
        if self._team.leads:
            write(checkpoint, self._work / "checkpoint.pt")

    def _read_checkpoint(self) -> dict[str, Any] | None:
        path, saved = self._work / "checkpoint.pt", None
        with readable(path):
            if self._team.leads and path.exists():
                saved = torch.load(path, map_location="cpu", weights_only=True)
            saved = self._team.tell(saved)
            if saved is not None:
                self.stage, self.epoch, self._ends = saved["stage"], saved["epoch"], saved.get("ends", [])
                load(self.network, saved["network"])
                load(self.average, saved["average"])
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
