"""Activations whose slope follows from their output, so that a backward pass keeps nothing else of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def _hard_sigmoid(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    return torch.clamp((x + 1) / 2, 0, 1, out=out)


def _hard_tanh(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    return torch.clamp(x, -1, 1, out=out)


def _relu(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    return torch.clamp(x, min=0, out=out)


def _linear(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    return torch.mul(x, 1, out=out)


@dataclass(frozen=True, slots=True)
class Activation:
    """``of(x)``, or ``of(x, out=y)``, and its derivative ``slope(y)`` where it gave ``y``."""

    name: str
    of: Callable[..., Tensor]
    slope: Callable[[Tensor], Tensor]


SIGMOID = Activation("sigmoid", torch.sigmoid, lambda y: y * (1 - y))
TANH = Activation("tanh", torch.tanh, lambda y: 1 - y**2)
RELU = Activation("relu", _relu, lambda y: (y > 0).to(y.dtype))
LINEAR = Activation("linear", _linear, torch.ones_like)
HARD_SIGMOID = Activation("hard sigmoid", _hard_sigmoid, lambda y: ((y > 0) & (y < 1)).to(y.dtype) / 2)
"""FastGRNN's ``quantSigm`` (arXiv 1901.02358, section 3.3)."""
HARD_TANH = Activation("hard tanh", _hard_tanh, lambda y: (y.abs() < 1).to(y.dtype))
"""Its ``quantTanh``."""

CHEAP = {activation.name: activation for activation in (TANH, RELU, LINEAR)}
"""What may follow the matrix of the cheap operation."""
