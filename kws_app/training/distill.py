"""What a network may learn from the teacher beside its words: the embeddings of what it heard, and its posteriors.

The teacher's slots are 80 ms apart, the network's steps closer: a step is told the last slot that was complete when
it was. In the first 0.8 s of a scene, and where no lessons lie beside a shard, it is told nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from kws_app.training.embedding import REACH_SECONDS, SLOT_SECONDS
from kws_app.training.lessons import Lessons
from kws_app.training.recipe import Recipe

MEASURED_SCENES = 200  # for the embeddings' mean and deviation


@dataclass(frozen=True, slots=True)
class Told:
    """What the teacher says of a chunk.

    ``embeddings`` float32 ``(steps, lanes, 96)``, each of mean 0 and deviation 1; ``posteriors`` ``(steps, lanes,
    keywords)``; ``known`` float32 ``(steps, lanes, 1)``, 1 where it says something.
    """

    embeddings: Tensor
    posteriors: Tensor
    known: Tensor


class Teaching:
    """The lessons of scenes, by lane and step.

    Args:
        lessons: of all scenes of the run, in their order.
        recipe: says when the network's steps are.
        steps: of a scene.
        device: where they are kept.
    """

    def __init__(self, lessons: Lessons, recipe: Recipe, *, steps: int, device: torch.device) -> None:
        heard = lessons.embeddings[:MEASURED_SCENES].astype(np.float32)
        self._mean = torch.from_numpy(np.nanmean(heard, axis=(0, 1))).to(device)
        self._deviation = torch.from_numpy(np.nanstd(heard, axis=(0, 1))).to(device)
        self._embeddings = torch.from_numpy(lessons.embeddings).to(device)
        self._posteriors = torch.from_numpy(lessons.posteriors).to(device)
        seconds = np.arange(steps) * recipe.step_seconds + recipe.step_reach_seconds
        slots = np.floor((seconds - REACH_SECONDS) / SLOT_SECONDS + 1e-6).astype(np.int64)
        self._slots, self._steps = slots.clip(-1, lessons.embeddings.shape[1] - 1), steps

    def at(self, scene_of: Tensor, steps: npt.NDArray[np.int64]) -> Told:
        """What is said at *steps* of lanes that hold the scenes *scene_of* ``(lanes, scenes)`` one after another."""
        slot = torch.from_numpy(self._slots[steps % self._steps]).to(scene_of.device)[:, None]
        scene = scene_of[:, torch.from_numpy(steps // self._steps).to(scene_of.device)].T
        embeddings = self._embeddings[scene, slot.clamp(min=0)].float()
        posteriors = self._posteriors[scene, slot.clamp(min=0)].float()
        known = (slot >= 0) & ~embeddings[:, :, 0].isnan()
        scaled = (embeddings - self._mean) / self._deviation
        return Told(scaled.nan_to_num(), posteriors.nan_to_num(), known[:, :, None].float())


@dataclass(frozen=True, slots=True)
class Taught:
    """What a chunk cost against the teacher, sums; and how many steps it said something of."""

    posterior: Tensor
    echo: Tensor
    steps: Tensor


def taught(logits: Tensor, echo: Tensor, told: Told | None, *, posteriors: bool) -> Taught:
    """The losses of a chunk; zeros where no teacher speaks.

    Args:
        echo: empty if the network has no such head.
        posteriors: whether they are learnt.
    """
    nothing = torch.zeros_like(logits[0, 0, 0])
    if told is None:
        return Taught(nothing, nothing, nothing)
    answered = posterior_loss(logits, told) if posteriors else nothing
    echoed = embedding_loss(echo, told) if echo.numel() else nothing
    return Taught(answered, echoed, told.known.sum())


def embedding_loss(echo: Tensor, told: Told) -> Tensor:
    """Sum over steps of the mean squared difference of *echo* ``(steps, lanes, 96)`` from the teacher's embeddings."""
    return ((echo - told.embeddings).square().mean(dim=2, keepdim=True) * told.known).sum()


def posterior_loss(logits: Tensor, told: Told) -> Tensor:
    """Sum over steps and keywords of the cross-entropy against the teacher's posteriors (arXiv 1503.02531)."""
    return binary_cross_entropy_with_logits(logits, told.posteriors, told.known, reduction="sum")
