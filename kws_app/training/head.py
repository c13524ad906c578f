"""The teacher's head: which keyword, from the frozen embeddings of the last two seconds.

It is small, since the embedding has already heard what a network of ours would have to learn; how few words are
missed with it says how far one of ours could get with more voices.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kws_app.arrays import RATE
from kws_app.training.checkpoint import readable, write
from kws_app.training.embedding import REACH_SECONDS, SIZE, SLOT_SECONDS, Embeddings
from kws_app.training.losses import LossSettings, TargetMaker, Targets, negative_loss, word_loss
from kws_app.training.scenes import Events

UNITS = 64
SPAN = 16
"""Embeddings seen at once: 1.2 s between the first and the last, 2 s of audio."""
CLAMP = 6.0
MEASURED_SCENES = 200  # for the embeddings' mean and deviation
BATCH = 16  # scenes
RATE_OF_LEARNING = 1e-3
NEGATIVE_WEIGHT = (0.3, 2.0)  # first to last by a square, as in a recipe's stage
WARM_UP_STEPS = 50
AVERAGE = 0.99


class Head(nn.Module):
    """Embeddings ``(batch, slots, 96)`` to logits ``(slots, batch, keywords)``, each from its slot and those before."""

    def __init__(self, keywords: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(SIZE))
        self.register_buffer("deviation", torch.ones(SIZE))
        self.window = nn.Conv1d(SIZE, UNITS, SPAN)
        self.words = nn.Conv1d(UNITS, keywords, 1)
        nn.init.constant_(self.words.bias, -4.0)  # words are rare

    def forward(self, embeddings: Tensor) -> Tensor:
        x = ((embeddings - self.mean) / self.deviation).clamp(-CLAMP, CLAMP).transpose(1, 2)
        x = torch.relu(self.window(nn.functional.pad(x, (SPAN - 1, 0))))
        logits: Tensor = self.words(nn.functional.dropout(x, 0.1, self.training))
        return logits.permute(2, 0, 1)

    def measure(self, embeddings: Embeddings) -> None:
        """Set mean and deviation from ``(scenes, slots, 96)``."""
        self.mean.copy_(torch.from_numpy(embeddings.mean(axis=(0, 1))))
        self.deviation.copy_(torch.from_numpy(embeddings.std(axis=(0, 1))).clamp(min=1e-3))

    def scores(self, embeddings: Embeddings) -> np.ndarray:
        """Probabilities float32 ``(slots, keywords)`` of one stream ``(slots, 96)``."""
        with torch.no_grad():
            return np.asarray(torch.sigmoid(self(torch.from_numpy(embeddings)[None]))[:, 0].numpy())


def train_head(
    embeddings: npt.NDArray[np.float16],
    events: Events,
    loss: LossSettings,
    *,
    keywords: int,
    epochs: int,
    seed: int,
    log: Callable[[dict[str, float]], None],
) -> Head:
    """A head for *keywords* words, its weights averaged as a recipe's are.

    Args:
        embeddings: of scenes, ``(scenes, slots, 96)``.
        events: the words in them.
        loss: a word's frames, and what a false one costs: the same as a recipe's network is taught with.
        epochs: passes over the scenes.
        log: is given a row an epoch.
    """
    torch.manual_seed(seed)
    rng, head = np.random.default_rng((seed, 2)), Head(keywords)
    head.measure(embeddings[:MEASURED_SCENES].astype(np.float32))
    average = AveragedModel(head, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    optimiser = torch.optim.AdamW(head.parameters(), weight_decay=0.05)
    maker = TargetMaker(loss, hop_seconds=SLOT_SECONDS, frame_seconds=REACH_SECONDS, keywords=keywords)
    count = len(embeddings)
    batches = -(-count // BATCH)
    for epoch in range(epochs):
        sums = np.zeros(3)
        for number, chosen in enumerate(np.array_split(rng.permutation(count), batches)):
            step = epoch * batches + number
            progress = step / (epochs * batches)
            logits = head(torch.from_numpy(embeddings[chosen].astype(np.float32)))
            targets = _targets(maker, events, chosen, len(logits))
            word = word_loss(logits, targets, pooled=epoch > 0)
            negative = negative_loss(logits, targets, focus=loss.focus)
            for group in optimiser.param_groups:
                group["lr"] = _rate(step, progress)
            optimiser.zero_grad(set_to_none=True)
            ((word + _negative_weight(progress) * negative) / len(chosen)).backward()
            optimiser.step()
            average.update_parameters(head)
            sums += float(word.detach()), float(negative.detach()), len(targets.lane)
        log({"epoch": epoch + 1, "word_loss": sums[0] / max(1, sums[2]), "negative_loss_a_scene": sums[1] / count})
    taught = average.module
    assert isinstance(taught, Head)
    return taught.eval()


def _rate(step: int, progress: float) -> float:
    """Learning rate: up in a straight line, then down a cosine."""
    return float(RATE_OF_LEARNING * min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + np.cos(np.pi * progress)) / 2)


def _negative_weight(progress: float) -> float:
    first, last = NEGATIVE_WEIGHT
    return first + (last - first) * progress**2


def _targets(maker: TargetMaker, events: Events, scenes: np.ndarray, slots: int) -> Targets:
    """Of a batch of *scenes*, which are its lanes."""
    rows = [
        (lane, keyword, start / RATE, end / RATE)
        for lane, scene in enumerate(scenes.tolist())
        for _, keyword, start, end in events[events[:, 0] == scene].tolist()
    ]
    return maker.make(rows, slots, len(scenes))


def write_head(path: Path, head: Head) -> None:
    """Keep the head's weights; whole or not at all."""
    write(head.state_dict(), path)


def read_head(path: Path, keywords: int) -> Head:
    """The head that ``write_head`` wrote.

    Raises:
        ConfigError: it is damaged, or another recipe's.
    """
    head = Head(keywords)
    with readable(path):
        head.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return head.eval()
