"""One network learning from examples: its order, its updates, its checkpoint.

The state goes on from clip to clip. A lane of the batch hears clips drawn at random one after the other, and starts
from what the clip before left behind (detached), so the network learns to forget by itself, as FastGRNN's trainer does
with its bag of old states; some examples begin a stream instead.

On a GPU a whole update is one CUDA graph: drawing, forward, backward and optimiser are some hundred small kernels, and
launching each from Python would take ten times as long as they do. Nothing in it waits for the host, so several
courses run side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, dropout

from kws_app.training.checkpoint import readable, write
from kws_app.training.network import Front, Network
from kws_app.training.sparsity import HardThreshold
from kws_app.training.speechcommands.examples import Examples
from kws_app.training.speechcommands.recipe import ClipRecipe
from kws_app.training.speechcommands.rows import Row

WARM_UP_UPDATES = 100
EAGER_UPDATES = 3
"""Before the graph is captured: what PyTorch sets up at first use must be there."""
LARGEST_GRADIENT = 1.0
HEARD = 4096
"""Examples for whose sake the low ranks of a beginning are nearest."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One network of a comparison: a row of the table, the recipe with the row's network, and a seed."""

    key: str
    row: Row
    recipe: ClipRecipe
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.key}.{self.seed}"

    def network(self) -> Network:
        """Untrained."""
        torch.manual_seed(self.seed)
        return self.row.build(self.recipe)


class Course:
    """Trains one entrant; ``updates`` have been done.

    Args:
        examples: what it learns from.
        front: what the examples were made with.
        folder: where the checkpoint is, or will be.
        start: whose weights it begins with; none for those of its seed.
    """

    def __init__(
        self, entrant: Entrant, examples: Examples, front: Front, folder: Path, *, start: Network | None = None
    ) -> None:
        self.entrant = entrant
        self._examples, self._device = examples, examples.x.device
        self._path = folder / f"{entrant.name}.checkpoint.pt"
        course = entrant.recipe.course
        self.network = entrant.network()
        if start is not None and not self._path.exists():
            self.network.start_from(start, examples.x[:HEARD].float().cpu().transpose(0, 1))
        self.network.front.load_state_dict(front.state_dict())
        self.network.to(self._device)
        self._threshold = HardThreshold(self.network)
        on_gpu = self._device.type == "cuda"
        self._rate = torch.zeros((), device=self._device)
        self._optimiser = torch.optim.AdamW(
            self._trained, lr=self._rate, weight_decay=course.weight_decay, fused=True, capturable=on_gpu
        )
        generator = torch.Generator().manual_seed(entrant.seed)
        order = torch.randint(len(examples), (course.updates, course.batch), generator=generator)
        self._order = order.to(self._device)
        self._rates = rates(course.updates, course.rate).to(self._device)
        self._update = torch.zeros(1, dtype=torch.int64, device=self._device)
        self._state = self.network.start(course.batch)[:, 1:].to(self._device)
        self._stream = torch.cuda.Stream() if on_gpu else None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._event = torch.cuda.Event() if on_gpu else None
        self.updates = 0
        if self._path.exists():
            self._load()
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream())

    @property
    def is_over(self) -> bool:
        return self.updates == self.entrant.recipe.course.updates

    @property
    def is_ready(self) -> bool:
        """Whether it has done what it was told."""
        return self._event is None or self._event.query()

    def advance(self, updates: int) -> None:
        """Do so many further updates, or what is left of them; a GPU may still be at work after it."""
        total = self.entrant.recipe.course.updates
        with torch.cuda.stream(self._stream) if self._stream else torch.enable_grad():
            for _ in range(min(updates, total - self.updates)):
                self._one()
                self._threshold(self.updates, total)
                self.updates += 1
            if self._event is not None:
                self._event.record()

    def save(self) -> None:
        """Write the checkpoint."""
        saved = {
            "recipe": self.entrant.recipe.digest,
            "updates": self.updates,
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "state": self._state,
        }
        write(saved, self._path)

    def finish(self) -> Network:
        """The trained network on the CPU."""
        if self._stream is not None:
            self._stream.synchronize()
        return self.network.cpu().eval()

    def forget(self) -> None:
        """Remove the checkpoint: the network is kept elsewhere."""
        self._path.unlink(missing_ok=True)

    @property
    def _trained(self) -> list[torch.nn.Parameter]:
        return list(self.network.parameters())

    def _one(self) -> None:
        """One update, replayed if it was captured."""
        if self.entrant.recipe.course.dropout:  # or a course that was stopped would drop other units than a whole one
            torch.manual_seed(self.entrant.seed * self.entrant.recipe.course.updates + self.updates)
        if self._graph is not None:
            self._graph.replay()
        elif self._stream is None or self.updates < EAGER_UPDATES:
            self._learn()
        else:
            self._optimiser.zero_grad(set_to_none=True)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._learn()
            self._graph.replay()

    def _learn(self) -> None:
        course = self.entrant.recipe.course
        drawn = self._order.index_select(0, self._update)[0]
        x = self._examples.x.index_select(0, drawn).transpose(0, 1).float()
        fresh = self._examples.fresh.index_select(0, drawn)
        targets = self._examples.targets.index_select(0, drawn).float()
        heard, last = self.network.trunk(x, self._state.masked_fill(fresh[:, None], 0))
        heard = dropout(heard[-self.entrant.recipe.scored_steps :], course.dropout)
        loss = clip_loss(self.network.head(heard), targets, smoothing=course.smoothing)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained, LARGEST_GRADIENT)
        self._rate.copy_(self._rates.index_select(0, self._update)[0])
        self._optimiser.step()
        self._state.copy_(last.detach())
        self._update += 1

    def _load(self) -> None:
        with readable(self._path):
            saved = torch.load(self._path, map_location=self._device, weights_only=True)
        self.entrant.recipe.require(saved.get("recipe"), self._path)
        with readable(self._path):
            self.network.load_state_dict(saved["network"])
            self._optimiser.load_state_dict(saved["optimiser"])
            self._optimiser.param_groups[0]["lr"] = self._rate
            self._state.copy_(saved["state"])
            self.updates = saved["updates"]
        self._update.fill_(self.updates)
        self._threshold = HardThreshold(self.network)


def clip_loss(logits: Tensor, targets: Tensor, *, smoothing: float) -> Tensor:
    """Cross-entropy ``()`` of logits ``(steps, clips, labels)``, at every step with the clip's ``(clips, labels)``."""
    steps = len(logits)
    return cross_entropy(logits.flatten(0, 1), targets.repeat(steps, 1), label_smoothing=smoothing)


def rates(updates: int, ends: tuple[float, float]) -> Tensor:
    """Learning rates ``(updates,)``: up in a straight line, then down a cosine from the first end to the last."""
    update = torch.arange(updates, dtype=torch.float32)
    first, last = ends
    cosine = last + (first - last) * (1 + torch.cos(math.pi * update / updates)) / 2
    return cosine * ((update + 1) / min(WARM_UP_UPDATES, max(1, updates / 20))).clamp(max=1)
