"""Today's reference point: a small causal convolutional network of the same size.

After DS-TC-ResNet (Rybakov et al. 2020, arXiv 2005.06720; MatchboxNet, arXiv 2004.08531): convolutions over time, the
bands as channels, depthwise and then pointwise, with residuals. Ours looks into the past only, and is smaller.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kws_app.features.mfcc import MfccSettings
from kws_app.training.cells import Cell
from kws_app.training.graph import Graph
from kws_app.training.network import Network, NetworkSettings

KERNEL = 5
DILATIONS = (1, 1, 2, 2)
"""Together they see 24 steps before the newest: a second, with two frames a step."""


class CausalConvolutions(Cell):
    """A layer whose carried state is the past that its filters see::

        y = relu(F x + b)
        y = y + relu(norm(P (D * y)))        four times

    ``D`` filters each channel over time, ``P`` is a matrix over channels. At the zero start the past is zero.
    """

    def __init__(self, d: int, channels: int) -> None:
        self.spans = [(KERNEL - 1) * dilation for dilation in DILATIONS]
        super().__init__(channels, sum(self.spans) * channels)
        self.first = nn.Linear(d, channels)
        self.filters = nn.ParameterList(
            torch.empty(KERNEL, channels).uniform_(-(KERNEL**-0.5), KERNEL**-0.5) for _ in DILATIONS
        )
        self.over_channels = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in DILATIONS)
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in DILATIONS)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.relu(self.first(x))  # (steps, batch, channels)
        pasts = state.split([span * self.outputs for span in self.spans], dim=1)
        nexts = []
        for past, filters, P, norm in zip(pasts, self.filters, self.over_channels, self.norms, strict=True):
            heard = torch.cat([past.unflatten(1, (-1, self.outputs)).transpose(0, 1), y])
            nexts.append(heard[len(y) :].transpose(0, 1).flatten(1))
            apart = (len(heard) - len(y)) // (KERNEL - 1)
            filtered = sum(row * heard[k * apart : k * apart + len(y)] for k, row in enumerate(filters))
            change = torch.relu(norm(P(filtered).flatten(0, 1)))
            y = y + change.view_as(y)
        return y, torch.cat(nexts, dim=1)

    def nodes(self, graph: Graph, x: str, state: str) -> tuple[str, str]:
        n = self.outputs
        y = graph.add("Relu", graph.linear(x, self.first.weight, self.first.bias))
        pasts, nexts = graph.split(state, [span * n for span in self.spans]), []
        for past, span, filters, P, norm in zip(
            pasts, self.spans, self.filters, self.over_channels, self.norms, strict=True
        ):
            assert isinstance(norm, nn.BatchNorm1d)
            heard = graph.add("Concat", past, y, axis=1)
            nexts.append(graph.slice(heard, [n], [(span + 1) * n], axis=1))
            apart = span // (KERNEL - 1)
            taps = [graph.slice(heard, [k * apart * n], [(k * apart + 1) * n], axis=1) for k in range(KERNEL)]
            rows = [graph.slice(graph.matrix(filters), [k], [k + 1], axis=0) for k in range(KERNEL)]
            weighted = [graph.add("Mul", tap, row) for tap, row in zip(taps, rows, strict=True)]
            filtered = weighted[0]
            for each in weighted[1:]:
                filtered = graph.add("Add", filtered, each)
            scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
            shift = norm.bias.detach() - norm.running_mean * scale
            scaled = graph.add("Mul", graph.linear(filtered, P.weight), graph.constant(scale))
            y = graph.add("Add", y, graph.add("Relu", graph.add("Add", scaled, graph.constant(shift))))
        return y, graph.add("Concat", *nexts, axis=1)

    @property
    def macs(self) -> int:
        """Of one step."""
        return sum(p.numel() for p in self.parameters() if p.dim() > 1)


class Rival(Network):
    """The usual front and head with convolutions between; of the settings it takes ``hidden`` as its channels."""

    def __init__(self, mfcc: MfccSettings, settings: NetworkSettings, keywords: int) -> None:
        super().__init__(mfcc, settings, keywords)
        self.cells = nn.ModuleList([CausalConvolutions(settings.stack * mfcc.nfilt, settings.hidden)])
