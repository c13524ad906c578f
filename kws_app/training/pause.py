"""More for a word after a pause: what its logit gains where the last seconds were mostly quiet.

People stop talking before they call a machine, while conversation, a television and music go on; so the same sound is
likelier meant after a pause, and a lower score will do. Quiet is what is near the quietest of these seconds, so that a
pause in a loud kitchen counts as well. Like phases it is made after the training: scenes have words in running speech
too, so that the network itself does not lean on the pause. ``models/wakewords-en.md`` says what it brought.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kws_app.training.network import Network

HEARD_SECONDS = 3.0
SMOOTHED_SECONDS = 0.2
"""Loudness is averaged over this, or a gap between two syllables would be the quietest of all."""
QUIET, BUSY = 0.3, 0.6
"""Where the mean of the averages lies between the lowest, 0, and the highest, 1: for all of the bonus, and for none."""
LEAST_RANGE = 0.3
"""Of log energy, 1.3 dB: in a steady noise, highest and lowest differ by chance."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How many steps are averaged, and over how many of these averages lowest, highest and mean are taken."""

    smoothed: int
    heard: int

    @classmethod
    def of(cls, network: Network) -> Windows:
        """Of a network's steps; at least two, so that each has something to carry."""
        step = network.front.stack * network.front.winstep
        return cls(max(2, round(SMOOTHED_SECONDS / step)), max(2, round(HEARD_SECONDS / step)))


def pause_bonus(network: Network, features: Tensor) -> Tensor:
    """What is added to every keyword's logit ``(steps, batch, 1)`` of streams that begin, after silence.

    Args:
        features: ``(steps, batch, stack * coefficients)``.
    """
    windows, loudness = Windows.of(network), network.front.loudness(features)
    silence = loudness.new_zeros(windows.smoothed + windows.heard - 2, loudness.shape[1])
    smoothed = nn.functional.avg_pool1d(torch.cat([silence, loudness]).T, windows.smoothed, stride=1)
    heard = smoothed.unfold(1, windows.heard, 1)
    lowest, highest = heard.amin(dim=2), heard.amax(dim=2)
    activity = (heard.mean(dim=2) - lowest) / (highest - lowest).clamp(min=LEAST_RANGE)
    share = ((BUSY - activity) / (BUSY - QUIET)).clamp(0, 1)
    return (network.settings.pause_bonus * share).T.unsqueeze(2)
