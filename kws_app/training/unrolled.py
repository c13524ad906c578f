"""A network over a chunk, as a piece of work that CUDA can record: what the trainer asks for again and again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kws_app.training.network import Network


class Unrolled(nn.Module):
    """A network over a chunk of fixed size, so that CUDA can record the work once and replay it.

    A chunk is a thousand kernels of microseconds, and to start each of them from Python takes longer than it runs.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, state: Tensor, heard: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Word logits, phone logits, echo (both empty without their head) and next state of a chunk.

        Args:
            features: ``(steps, lanes, stack * coefficients)``.
            state: as :meth:`Network.start` gives it. Its gradient ends here.
            heard: ``(lanes, stack * nfilt)``; 0 hides a band behind its mean, 1 leaves it.
        """
        level, rest = state.split([1, state.shape[1] - 1], dim=1)
        with torch.no_grad():
            x, level = self.network.front(features, level)
            x = x * heard
        x, rest = self.network.trunk(x, rest)
        phones = x.new_empty(0) if self.network.phones is None else self.network.phones(x)
        echo = x.new_empty(0) if self.network.echo is None else self.network.echo(x)
        return self.network.head(x), phones, echo, torch.cat([level, rest], dim=1).detach()
