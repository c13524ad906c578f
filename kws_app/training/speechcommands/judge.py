"""What a network makes of clips: the label whose score, averaged over the end of the clip, is the highest."""

from __future__ import annotations

import torch
from torch import Tensor

from kws_app.training.network import Network
from kws_app.training.speechcommands.examples import Examples


@torch.no_grad()
def clip_scores(network: Network, x: Tensor, scored_steps: int) -> Tensor:
    """Scores ``(clips, labels)`` of bands ``(clips, steps, ...)``, the state reset for every clip."""
    start = network.start(len(x))[:, 1:].to(x)
    heard, _ = network.trunk(x.transpose(0, 1), start)
    return network.scores(network.head(heard[-scored_steps:])).mean(dim=0)


def accuracy(network: Network, clips: Examples, scored_steps: int) -> float:
    """Share of the clips of which the network finds the label."""
    found = clip_scores(network, clips.x.float(), scored_steps).argmax(dim=1)
    return float((found == clips.labels).double().mean())
