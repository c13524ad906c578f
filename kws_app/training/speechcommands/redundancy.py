"""How alike the hidden units of a trained network are: what GhostRNN (arXiv 2411.14489) was made for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws_app.training.network import Network

States = npt.NDArray[np.float64]
"""``(steps, units)``, each unit's mean taken away."""


@torch.no_grad()
def hidden_states(network: Network, features: Tensor) -> States:
    """What the last cell gives at every step of clips, MFCCs ``(clips, steps, ...)``, the state reset for each."""
    start = network.start(len(features))
    x, _ = network.front(features.transpose(0, 1), start[:, :1])
    heard, _ = network.trunk(x, start[:, 1:])
    states = heard.flatten(0, 1).double().numpy()
    return np.asarray(states - states.mean(axis=0))


def energy(states: States) -> npt.NDArray[np.float64]:
    """Share of the variance that the first singular vectors hold: of one, of two, of all."""
    squares = np.linalg.svd(states, compute_uv=False) ** 2
    return np.asarray(np.cumsum(squares) / squares.sum())


def likeness(states: States) -> npt.NDArray[np.float64]:
    """Of every unit the cosine, sign aside, to the unit that is most like it; the highest first."""
    directions = states / np.maximum(np.linalg.norm(states, axis=0), np.finfo(float).tiny)
    cosines = np.abs(directions.T @ directions)
    np.fill_diagonal(cosines, 0)
    return np.sort(cosines.max(axis=0))[::-1]
