"""The loss on streams: one frame near a word's end must score high, every frame away from the word low.

Max-pooling after Sun et al. 2016 (arXiv 1705.02411), restricted to the word's end as Hou et al. 2020 advise: for
each word only the best frame of a window around its end counts. Frames of no word are negatives, with the focal
factor of Lin et al. 2017 (arXiv 1708.02002), so that the many easy ones do not outweigh the few hard ones. Between
the word's middle and the window's end nothing is asked of its own output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from kws_app.schema import setting
from kws_app.training.phones import UNKNOWN


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Where a word's frames are, and what a false frame costs."""

    window_before_seconds: float = setting(0.06, between=(0, 1), help="the window begins this long before the end")
    window_after_seconds: float = setting(0.32, between=(0, 2), help="and ends this long after it")
    masked_after_seconds: float = setting(0.8, between=(0, 5), help="after the end, not yet a negative")
    masked_from: float = setting(0.35, between=(0, 1), help="share of the word after which it is no negative")
    focus: float = setting(1.0, between=(0, 5), help="focal exponent of negative frames")
    phone_delay_seconds: float = setting(0.06, between=(0, 1), help="how long after a frame its phone is asked for")


@dataclass(frozen=True, slots=True)
class Targets:
    """What a chunk of ``frames`` x ``lanes`` should score.

    ``negative`` is float32 ``(frames, lanes, keywords)``, 1 where a high score is wrong. The words are columns of
    equal length: lane, keyword, and ``frames`` ``(words, window)``, the frames of which the best counts.
    """

    negative: Tensor
    lane: Tensor
    keyword: Tensor
    frames: Tensor

    def to(self, device: torch.device) -> Targets:
        """The same on *device*."""
        parts = (self.negative, self.lane, self.keyword, self.frames)
        return Targets(*(part.to(device) for part in parts))


def word_loss(logits: Tensor, targets: Targets, *, pooled: bool) -> Tensor:
    """Sum over the chunk's words of ``-log p`` at the best frame, or at the mean logit if not *pooled*.

    The mean serves the first epochs, when no frame is better than another for a reason.
    """
    if not len(targets.lane):
        return logits.sum() * 0
    window = logits[targets.frames, targets.lane[:, None], targets.keyword[:, None]]
    chosen = window.amax(dim=1) if pooled else window.mean(dim=1)
    return softplus(-chosen).sum()


def negative_loss(logits: Tensor, targets: Targets, *, focus: float) -> Tensor:
    """Sum over negative frames of ``-p^focus log(1 - p)``."""
    weight = torch.sigmoid(logits) ** focus * targets.negative
    return (weight * softplus(logits)).sum()


def phone_loss(logits: Tensor, phones: Tensor) -> Tensor:
    """Sum of the cross-entropy of ``(steps, lanes, phones)`` over the steps whose phone is known."""
    return cross_entropy(logits.flatten(0, 1), phones.flatten(), ignore_index=UNKNOWN, reduction="sum")


class TargetMaker:
    """Turns the words of scenes into the targets of chunks.

    Args:
        settings: the windows.
        hop_seconds: from frame to frame.
        frame_seconds: length of a frame; frame ``t`` is complete at ``t * hop_seconds + frame_seconds``.
        keywords: how many outputs.
    """

    def __init__(self, settings: LossSettings, *, hop_seconds: float, frame_seconds: float, keywords: int) -> None:
        self._settings, self._keywords = settings, keywords
        self._hop_seconds, self._frame_seconds = hop_seconds, frame_seconds

    def frame(self, seconds: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The first frame that has heard everything up to *seconds*; the same of many times."""
        return np.ceil((np.asarray(seconds) - self._frame_seconds) / self._hop_seconds).astype(np.int64)

    def make(self, words: npt.ArrayLike, frames: int, lanes: int) -> Targets:
        """Targets of a chunk from rows of lane, keyword, start, end, in seconds from the chunk's first sample.

        A word whose window the chunk cuts asks for nothing in this chunk, but its frames are no negatives either.
        """
        settings, table = self._settings, np.asarray(words, np.float64).reshape(-1, 4)
        lane, keyword = table[:, :2].astype(np.int64).T
        start, end = table[:, 2:].T
        last = self.frame(end)
        first_masked = self.frame(start + settings.masked_from * (end - start))
        last_masked = last + round(settings.masked_after_seconds / self._hop_seconds)
        # How many words mask a frame, as the running sum of where masks begin and end.
        masks = np.zeros((frames + 1, lanes, self._keywords), np.int32)
        np.add.at(masks, (first_masked.clip(0, frames), lane, keyword), 1)
        np.add.at(masks, ((last_masked + 1).clip(0, frames), lane, keyword), -1)
        first = last - round(settings.window_before_seconds / self._hop_seconds)
        span = np.arange(self._window)
        inside = (first >= 0) & (first + self._window <= frames)
        return Targets(
            negative=torch.from_numpy((masks[:-1].cumsum(axis=0) == 0).astype(np.float32)),
            lane=torch.from_numpy(lane[inside]),
            keyword=torch.from_numpy(keyword[inside]),
            frames=torch.from_numpy(first[inside, np.newaxis] + span),
        )

    @property
    def _window(self) -> int:
        """Frames of which the best counts."""
        settings = self._settings
        before = round(settings.window_before_seconds / self._hop_seconds)
        return before + round(settings.window_after_seconds / self._hop_seconds) + 1
