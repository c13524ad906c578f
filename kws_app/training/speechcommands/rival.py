"""Today's reference point: a small causal convolutional network of the same size.

After DS-TC-ResNet (Rybakov et al. 2020, arXiv 2005.06720; MatchboxNet, arXiv 2004.08531): convolutions over time, the
bands as channels, depthwise and then pointwise, with residuals. Ours looks into the past only, and is smaller.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kws_app.features.mfcc import MfccSettings
from kws_app.training.cells import Cell
from kws_app.training.network import Network, NetworkSettings

KERNEL = 5
DILATIONS = (1, 1, 2, 2)
PAST = (KERNEL - 1) * sum(DILATIONS)
"""Steps before the newest that it sees: a second, with two frames a step."""


class CausalConvolutions(Cell):
    """A layer whose carried state is the past of its own input.

    Each block is ``x + relu(norm(P(D x)))``: ``D`` filters each channel over time, ``P`` is a matrix over channels.
    """

    def __init__(self, d: int, channels: int) -> None:
        super().__init__(channels, PAST * d)
        self.first = nn.Conv1d(d, channels, 1)
        self.over_time = nn.ModuleList(
            nn.Conv1d(channels, channels, KERNEL, dilation=dilation, groups=channels, bias=False)
            for dilation in DILATIONS
        )
        self.over_channels = nn.ModuleList(nn.Conv1d(channels, channels, 1, bias=False) for _ in DILATIONS)
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in DILATIONS)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = self(x[None], state)
        return y[0], state

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        past = state.unflatten(1, (PAST, -1)).transpose(0, 1)
        heard = torch.cat([past, x])  # (PAST + steps, batch, d)
        y = torch.relu(self.first(heard.permute(1, 2, 0)))
        for over_time, over_channels, norm in zip(self.over_time, self.over_channels, self.norms, strict=True):
            change = torch.relu(norm(over_channels(over_time(y))))
            y = y[..., -change.shape[2] :] + change
        return y.permute(2, 0, 1), heard[-PAST:].transpose(0, 1).flatten(1)

    @property
    def macs(self) -> int:
        """Of one step that keeps what the layers computed before."""
        return sum(p.numel() for name, p in self.named_parameters() if name.endswith("weight") and p.dim() > 1)


class Rival(Network):
    """The usual front and head with convolutions between; of the settings it takes ``hidden`` as its channels."""

    def __init__(self, mfcc: MfccSettings, settings: NetworkSettings, keywords: int) -> None:
        super().__init__(mfcc, settings, keywords)
        self.cells = nn.ModuleList([CausalConvolutions(settings.stack * mfcc.nfilt, settings.hidden)])
