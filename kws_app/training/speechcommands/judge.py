"""What a network makes of clips: the label whose score, averaged over the end of the clip, is the highest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws_app.training.network import Network
from kws_app.training.phases import phase_scores
from kws_app.training.speechcommands.clips import Clips
from kws_app.training.speechcommands.mfcc import BatchMfcc
from kws_app.training.speechcommands.recipe import ClipRecipe

BATCH = 128


def step_features(recipe: ClipRecipe, samples: npt.NDArray[np.int16]) -> Tensor:
    """MFCCs ``(clips, steps, stack * numcep)`` of clips ``(clips, n)``, as a network takes them."""
    mfcc, stack = BatchMfcc(recipe.features, torch.device("cpu")), recipe.network.stack
    found = [mfcc.cepstra(mfcc.log_bands(part.float())) for part in torch.from_numpy(samples).split(BATCH)]
    features = torch.cat(found)
    steps = features.shape[1] // stack
    return features[:, : steps * stack].reshape(len(features), steps, -1)


@torch.no_grad()
def clip_scores(network: Network, features: Tensor, scored_steps: int) -> Tensor:
    """Scores ``(clips, labels)``, the state reset for every clip."""
    return phase_scores(network, features.transpose(0, 1))[-scored_steps:].mean(dim=0)


def accuracy(network: Network, recipe: ClipRecipe, clips: Clips) -> float:
    """Share of the clips of which a network on the CPU finds the label."""
    scores = clip_scores(network, step_features(recipe, clips.samples), recipe.scored_steps)
    return float((scores.argmax(dim=1).numpy() == clips.labels).mean())
