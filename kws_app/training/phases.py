"""One network run several times side by side, each a frame later than the one before; its score is their mean.

A network of ``stack`` frames a step hears a word from one of ``stack`` places, as the word happens to begin, and
scores it a little differently from each. The mean is that of an ensemble which costs no further weights;
``models/wakewords-en.md`` says what it brought. It is made after the training, which hears both places anyway.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kws_app.training.network import Network, stacked
from kws_app.training.pause import pause_bonus


def phase_scores(network: Network, features: Tensor) -> Tensor:
    """Scores ``(steps, batch, outputs)`` of streams that begin, in the mean over the phases, as a file gives them.

    Args:
        features: ``(steps, batch, stack * coefficients)``.
    """
    phases, batch = network.settings.phases, features.shape[1]
    x = torch.cat([delayed(features, network.front.stack, frames) for frames in range(phases)], dim=1)
    logits, _ = network(x, network.start(phases * batch).to(x))
    if network.settings.pause_bonus:
        logits = logits + pause_bonus(network, x)
    return network.scores(logits).unflatten(1, (phases, batch)).mean(dim=1)


def delayed(features: Tensor, stack: int, frames: int) -> Tensor:
    """``(steps, batch, stack * coefficients)`` of the same streams so many *frames* later; what was before is zeros."""
    single = features.unflatten(2, (stack, -1)).transpose(1, 2).flatten(0, 1)
    later = torch.cat([single.new_zeros(frames, *single.shape[1:]), single[: len(single) - frames]])
    return stacked(later, stack)
