"""Examples to learn from: clips varied at random, as the cells see them, all made beforehand and kept on the device.

Every network of a comparison learns from the same examples, so they are made once. Making them is batched work that a
GPU does in seconds; what is left for the training is to draw from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kws_app.arrays import RATE, Samples
from kws_app.training.augment import coloured_noise
from kws_app.training.network import FILLERS, Front
from kws_app.training.speechcommands.clips import SILENCE, Clips, clip_weights, joined, label_of
from kws_app.training.speechcommands.mfcc import BatchMfcc
from kws_app.training.speechcommands.recipe import ClipRecipe

BATCH = 128
"""Clips that are varied at once. Of more, a processor's cache holds nothing any longer."""
MEASURED = 2048
"""Examples, at most, from which the mean and deviation of the network's input are taken."""
COLOURS, COLOURED_SECONDS = 8, 20
"""Stationary noises that join the recorded ones."""
FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class Examples:
    """``x`` float16 ``(examples, steps, bands)``, and which of them begin a stream.

    Attributes:
        targets: float16 ``(examples, labels)``, how sure a network should be of each label.
    """

    x: Tensor
    targets: Tensor
    fresh: Tensor

    def __len__(self) -> int:
        return len(self.x)


class ExampleMaker:
    """Varies clips, of which some may be *synthetic*. All networks that learn from these begin with its ``front``.

    That is the *front* given, or one measured on the clips.
    """

    def __init__(
        self,
        recipe: ClipRecipe,
        clips: Clips,
        noise: Sequence[Samples],
        device: torch.device,
        *,
        synthetic: Clips | None = None,
        front: Front | None = None,
    ) -> None:
        self._recipe, self._device = recipe, device
        keywords = tuple(recipe.keywords)
        self._silence = label_of(SILENCE, keywords)
        weights = clip_weights(clips, keywords, unknown=recipe.course.unknown)
        if synthetic is not None:
            share = recipe.course.synthetic_share
            others = clip_weights(synthetic, keywords, unknown=recipe.course.unknown)
            clips, weights = joined(clips, synthetic), np.concatenate([(1 - share) * weights, share * others])
        self._weights = torch.from_numpy(weights)
        self._clips = torch.from_numpy(clips.samples).to(device)
        self._labels = torch.from_numpy(clips.labels)
        rng = np.random.default_rng(recipe.seed)
        coloured = [3000 * coloured_noise(rng, COLOURED_SECONDS * RATE) for _ in range(COLOURS)]
        pieces = [*noise, *(np.clip(piece, -FULL_SCALE, FULL_SCALE).astype(np.int16) for piece in coloured)]
        self._noise = torch.from_numpy(np.concatenate(pieces)).to(device)
        self._mfcc = BatchMfcc(recipe.features, device)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self.front = Front(recipe.features, recipe.network).to(device)
        if front is None:
            self._measure()
        else:
            self.front.load_state_dict(front.state_dict())

    def make(self, count: int) -> Examples:
        """So many examples; those that begin no stream find the level of another clip before them."""
        recipe, device = self._recipe, self._device
        frames = 1 + (RATE - recipe.features.frame_length) // recipe.features.frame_step
        shape = (count, frames // recipe.network.stack, recipe.network.stack * recipe.features.nfilt)
        x = torch.empty(shape, dtype=torch.float16, device=device)
        labels, fresh = torch.empty(count, dtype=torch.int64), torch.empty(count, dtype=torch.bool)
        level = torch.zeros(BATCH, 1, device=device)
        for first, size in _batches(count):
            here = slice(first, first + size)
            features, labels[here] = self._varied(size)
            fresh[here] = torch.rand(size, generator=self._generator) < recipe.course.fresh_share
            bands, level = self.bands(features, torch.where(fresh[here, None].to(device), 0, level[:size]))
            x[here] = self._masked(bands)
        targets = torch.nn.functional.one_hot(labels, len(recipe.keywords) + len(FILLERS))
        return Examples(x, targets.to(device, torch.float16), fresh.to(device))

    def bands(self, features: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised bands ``(clips, steps, stack * nfilt)`` of ``(clips, frames, numcep)``, and the level after."""
        stack = self._recipe.network.stack
        steps = features.shape[1] // stack
        stacked = features[:, : steps * stack].reshape(len(features), steps, -1)
        x, level = self.front(stacked.transpose(0, 1), level)
        return x.transpose(0, 1), level

    def _measure(self) -> None:
        count = min(MEASURED, self._recipe.course.examples)
        features = torch.cat([self._varied(size)[0] for _, size in _batches(count)])
        self.front.measure(features.transpose(0, 1))

    def _varied(self, size: int) -> tuple[Tensor, Tensor]:
        """Features ``(size, frames, numcep)`` of clips drawn at random, and their labels."""
        drawn = torch.multinomial(self._weights, size, replacement=True, generator=self._generator)
        labels = self._labels[drawn]
        samples = self._warped(self._clips[drawn.to(self._device)])
        samples = self._in_noise(samples, labels == self._silence)
        log_bands = self._mfcc.log_bands(samples)
        tilt = self._uniform(size, (-1, 1)) * self._recipe.variation.tilt
        slope = torch.linspace(-0.5, 0.5, log_bands.shape[2], device=self._device)
        return self._mfcc.cepstra(log_bands + tilt[:, None, None] * slope), labels

    def _warped(self, clips: Tensor) -> Tensor:
        """Float samples of int16 clips, moved and played faster or slower; cubic between samples."""
        variation, middle = self._recipe.variation, RATE / 2
        speed = self._uniform(len(clips), variation.speed)
        shift = self._uniform(len(clips), (-1, 1)) * variation.shift_seconds * RATE
        places = (torch.arange(RATE, device=self._device) - middle) * speed[:, None] + middle + shift[:, None]
        first = places.floor()
        t = places - first
        padded = torch.nn.functional.pad(clips.float(), (4, 4))  # what is outside a clip is silent
        index = (first.long() + 3).clamp(0, RATE + 4)
        return _catmull_rom([padded.gather(1, index + tap) for tap in range(4)], t)

    def _in_noise(self, samples: Tensor, silent: Tensor) -> Tensor:
        """Samples with noise; those that are *silent* become noise alone, most of it from the noise recordings."""
        variation, size = self._recipe.variation, len(samples)
        offsets = torch.randint(len(self._noise) - RATE, (size, 1), generator=self._generator).to(self._device)
        noise = self._noise[offsets + torch.arange(RATE, device=self._device)].float()
        silent = silent.to(self._device)
        noise = torch.where((silent & (self._uniform(size, (0, 1)) < 0.5))[:, None], samples, noise)
        noise = noise / _rms(noise)
        quiet = _decibels(self._uniform(size, variation.silence)) * FULL_SCALE
        beside = _rms(samples)[:, 0] * _decibels(-self._uniform(size, variation.snr))
        beside = torch.where(self._uniform(size, (0, 1)) < variation.noise_share, beside, 0)
        mixed = torch.where(silent[:, None], quiet[:, None] * noise, samples + beside[:, None] * noise)
        gain = torch.where(silent, 0, self._uniform(size, variation.gain))
        return (mixed * _decibels(gain)[:, None]).clamp(-FULL_SCALE, FULL_SCALE)

    def _masked(self, x: Tensor) -> Tensor:
        """A group of bands and a group of frames set to their mean (SpecAugment, arXiv 1904.08779)."""
        variation, stack = self._recipe.variation, self._recipe.network.stack
        bands = x.unflatten(2, (stack, -1)).flatten(1, 2)  # (clips, frames, bands)
        for axis, widest in ((1, variation.masked_frames), (2, variation.masked_bands)):
            width = self._uniform(len(x), (0, widest + 1)).floor()
            start = (self._uniform(len(x), (0, 1)) * (bands.shape[axis] - width + 1)).floor()
            place = torch.arange(bands.shape[axis], device=self._device)
            hidden = (place >= start[:, None]) & (place < (start + width)[:, None])
            bands = bands.masked_fill(hidden.unsqueeze(3 - axis), 0)
        return bands.unflatten(1, (-1, stack)).flatten(2)

    def _uniform(self, size: int, ends: tuple[float, float]) -> Tensor:
        """Drawn on the CPU, so that every device varies clips alike."""
        return (torch.rand(size, generator=self._generator) * (ends[1] - ends[0]) + ends[0]).to(self._device)


def _batches(count: int) -> Iterator[tuple[int, int]]:
    """First and size of each batch."""
    for first in range(0, count, BATCH):
        yield first, min(BATCH, count - first)


def _catmull_rom(taps: Sequence[Tensor], t: Tensor) -> Tensor:
    """The cubic through four neighbours, *t* of the way from the second to the third."""
    a, b, c, d = taps
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _rms(samples: Tensor) -> Tensor:
    """Root mean square ``(clips, 1)``, never zero."""
    return samples.square().mean(dim=1, keepdim=True).sqrt() + 1e-3


def _decibels(level: Tensor) -> Tensor:
    return 10 ** (level / 20)
