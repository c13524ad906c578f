"""Scenes sound new in every epoch: another bed, another microphone, another throat, without composing them again.

A network that sees the same scenes twenty times learns the scenes. Composing a fresh hour costs ten times what
training on it does, so scenes are changed where it is cheap, as log-mel bands:

- a second scene without words is laid over the first: powers add, so bands add as ``log(e^a + e^b)``;
- what lies far below the speech is pushed further down, as a noise gate, a denoiser or a very quiet room does it;
- a smooth equaliser is added;
- the band axis is stretched, as a vocal tract of another length does it (Jaitly and Hinton 2013, "Vocal tract
  length perturbation").

A scene keeps what it drew from its first frame to its last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws_app.features.mfcc import MfccSettings
from kws_app.schema import setting
from kws_app.training.network import inverse_dct

NEPERS = math.log(10) / 10
"""A decibel of power, as the bands have it."""

COLOURS = 4
"""Cosines in an equaliser: nothing narrower than an eighth of the bands."""


GATE_SOFTNESS = 3 * NEPERS
"""A gate closes over about a dozen decibels."""


@dataclass(frozen=True, slots=True)
class RemixSettings:
    """How far scenes are changed; with the defaults not at all."""

    share: float = setting(0.0, between=(0, 1), help="scenes that another one, without words, is laid over")
    snr: tuple[float, float] = setting((0.0, 30.0), between=(-20, 80), help="the first over the second, dB")
    gated: float = setting(0.0, between=(0, 1), help="scenes through a noise gate")
    gate_below: tuple[float, float] = setting(
        (15.0, 40.0), between=(0, 80), help="where the gate closes, dB below speech"
    )
    gate_depth: tuple[float, float] = setting((5.0, 40.0), between=(0, 80), help="by how much it lowers the rest, dB")
    colour: float = setting(0.0, between=(0, 20), help="deviation of the equaliser, dB")
    warp: float = setting(0.0, between=(0, 0.3), help="largest stretch of the frequency axis, 0.1 for 10 %")


@dataclass(frozen=True, slots=True)
class Mix:
    """What the scenes of an epoch drew, ``(lanes, scenes)`` each; levels are nepers of power."""

    partner: Tensor
    gain: Tensor  # of the partner; minus infinity for none
    gate_level: Tensor  # where the gate closes
    gate_depth: Tensor  # 0 for no gate
    colour: Tensor  # (lanes, scenes, nfilt)
    warp: Tensor

    def of(self, lanes: slice) -> Mix:
        """The same of some lanes."""
        return Mix(*(getattr(self, name)[lanes] for name in self.__slots__))


class Remix:
    """Changes the features of scenes.

    Args:
        features: float32 ``(scenes, frames, coefficients)``, as many coefficients as bands; on the device that is to
            do the work.
        wordless: numbers of the scenes that may be laid over others.
    """

    def __init__(
        self, settings: RemixSettings, mfcc: MfccSettings, features: Tensor, wordless: npt.NDArray[np.int64]
    ) -> None:
        self._settings, self._features, self._wordless = settings, features, wordless
        to_bands = inverse_dct(mfcc)
        self._to_bands = torch.from_numpy(to_bands).to(features.device)
        back = np.linalg.pinv(to_bands)
        stretches = np.linspace(1 - settings.warp, 1 + settings.warp, 9 if settings.warp else 1)
        matrices = np.stack([warping(mfcc, by) @ back for by in stretches]).astype(np.float32)
        self._back = torch.from_numpy(matrices).to(features.device)
        self._shapes = np.cos(np.pi * np.outer(np.arange(COLOURS), np.arange(mfcc.nfilt) + 0.5) / mfcc.nfilt)
        # Of the loud part, which is where somebody speaks.
        self._loudness = np.percentile(features[:, ::5, 0].cpu().numpy(), 80, axis=1) / math.sqrt(mfcc.nfilt)

    def draw(self, rng: np.random.Generator, order: npt.NDArray[np.int64]) -> Mix:
        """For the scenes ``(lanes, scenes)`` of an epoch."""
        settings = self._settings
        partner = rng.choice(self._wordless if len(self._wordless) else order.ravel(), order.shape)
        gain = self._loudness[order] - self._loudness[partner] - NEPERS * rng.uniform(*settings.snr, order.shape)
        share = settings.share if len(self._wordless) else 0.0
        gain[rng.random(order.shape) >= share] = -np.inf
        gate_level = self._loudness[order] - NEPERS * rng.uniform(*settings.gate_below, order.shape)
        gate_depth = NEPERS * rng.uniform(*settings.gate_depth, order.shape)
        gate_depth[rng.random(order.shape) >= settings.gated] = 0
        weights = rng.normal(scale=settings.colour * NEPERS / math.sqrt(COLOURS), size=(*order.shape, COLOURS))
        drawn = (
            partner,
            gain.astype(np.float32),
            gate_level.astype(np.float32),
            gate_depth.astype(np.float32),
            (weights @ self._shapes).astype(np.float32),
            rng.integers(len(self._back), size=order.shape),
        )
        return Mix(*(torch.from_numpy(values).to(self._features.device) for values in drawn))

    def apply(self, mix: Mix, features: Tensor, place: npt.NDArray[np.int64], frames: Tensor) -> Tensor:
        """The features of a chunk, changed.

        Args:
            features: ``(steps, lanes, stack, coefficients)``.
            place: which scene of its lane each step lies in, ``(steps,)``.
            frames: which of the scene's frames it holds, ``(steps, stack)``.
        """

        def drawn(values: Tensor) -> Tensor:
            return values[:, place].T[:, :, None, None]  # (steps, lanes, 1, 1)

        x = features @ self._to_bands
        x = x - drawn(mix.gate_depth) * torch.sigmoid((drawn(mix.gate_level) - x) / GATE_SOFTNESS)
        over = self._features[mix.partner[:, place].T[:, :, None], frames[:, None]]
        x = torch.logaddexp(x, over @ self._to_bands + drawn(mix.gain))
        x = x + mix.colour[:, place].transpose(0, 1)[:, :, None]
        changed = torch.empty_like(x)
        for start, stop in _runs(place):
            back = self._back[mix.warp[:, place[start]]]  # (lanes, nfilt, coefficients)
            changed[start:stop] = torch.einsum("tlsf,lfc->tlsc", x[start:stop], back)
        return changed


def _runs(place: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where a scene begins and ends among steps."""
    edges = [0, *(np.flatnonzero(np.diff(place)) + 1).tolist(), len(place)]
    return list(pairwise(edges))


def warping(mfcc: MfccSettings, stretch: float) -> npt.NDArray[np.float64]:
    """The matrix ``(nfilt, nfilt)`` that bands are multiplied with (from the right) to stretch the frequency axis.

    What lay at *f* Hz comes to lie at ``stretch * f``; between two bands it is interpolated.
    """
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (mfcc.lowfreq, mfcc.top))
    mels = np.linspace(low, high, mfcc.nfilt + 2)[1:-1]
    hertz = 700 * (10 ** (mels / 2595) - 1) / stretch
    source = (2595 * np.log10(1 + hertz / 700) - mels[0]) / (mels[1] - mels[0])
    source = source.clip(0, mfcc.nfilt - 1)
    first = np.minimum(source.astype(int), mfcc.nfilt - 2)
    matrix = np.zeros((mfcc.nfilt, mfcc.nfilt))
    band = np.arange(mfcc.nfilt)
    matrix[first, band] = 1 - (source - first)
    matrix[first + 1, band] = source - first
    return matrix
