"""Sparsity by iterative hard thresholding, in FastGRNN's three stages (arXiv 1901.02358, section 3.2.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kws_app.training.network import Network

TRIM_LEVEL = 15
"""Steps from one projection to the next, as in the authors' trainer."""


class HardThreshold:
    """Called after every step of an optimiser, it leaves each matrix the share of its entries that its settings keep.

    In the first third of the steps nothing happens. In the second, every ``TRIM_LEVEL`` steps, the largest entries of
    each matrix, or of each of its factors, become its support; in all other steps what is outside it returns to zero.
    In the last third the support stays. No step waits for the device.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._supports = [parameter.data != 0 for parameter, _ in network.thinned()]

    @torch.no_grad()
    def __call__(self, step: int, steps: int) -> None:
        """After step number *step*, counted from 0, of *steps*."""
        since = step - math.ceil(steps / 3)
        if since < 0:
            return
        if step < 2 * steps / 3 and since % TRIM_LEVEL == 0:
            self._supports = [largest(parameter, kept) for parameter, kept in self._network.thinned()]
        self.mask(self._network)

    @torch.no_grad()
    def mask(self, network: Network) -> None:
        """Set to zero what the network, or another one of its shape such as a moving average, has outside."""
        for (parameter, _), support in zip(network.thinned(), self._supports, strict=True):
            parameter.mul_(support)


def largest(matrix: Tensor, kept: float) -> Tensor:
    """Where the *kept* largest entries are: at or above the percentile of the authors' code (numpy's ``higher``)."""
    magnitudes = matrix.abs().flatten()
    below = math.ceil((1 - kept) * (len(magnitudes) - 1))
    return matrix.abs() >= magnitudes.kthvalue(below + 1).values
