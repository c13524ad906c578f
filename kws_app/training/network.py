"""The network that is trained and exported: input normalisation, stacked cells, one output a keyword.

Normalisation is part of the network, so that the daemon cannot differ from the trainer. From MFCCs it

1. goes back to log-mel bands: with as many cepstra as bands the DCT is a rotation that loses nothing, but gradient
   descent learns from bands what it does not learn from cepstra;
2. adds a constant to the band energies, so that digital silence and a gated recording look like a quiet room;
3. subtracts a level that rises in 0.1 s and falls in 3 s, so that loud and quiet speakers look alike;
4. bends what lies far below that level to a bottom, so that a word in a silent room looks as it does in a noisy one;
5. scales to mean 0 and deviation 1, as measured over the training scenes, and clamps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kws_app.features.mfcc import MfccSettings, dct, lifter
from kws_app.schema import setting
from kws_app.training.cells import GRU, LONGEST_MEMORY, LSTM, RNN, Cell, FastGRNN, FastRNN
from kws_app.training.compression import MatrixSettings, assign, compress, form_of, widened
from kws_app.training.ghost import GhostFastGRNN, GhostRNN

CLAMP = 6.0
RISE_SECONDS, FALL_SECONDS = 0.1, 3.0
SIDE_HEADS = ("phones.", "echo.")
"""How the parameters begin of heads that teach the cells and that no model file has."""


CELLS = ("GhostRNN", "GhostFastGRNN", "RNN", "FastRNN", "FastGRNN", "GRU", "LSTM")
WITHOUT_GHOSTS = {"GhostRNN": "GRU", "GhostFastGRNN": "FastGRNN"}
FILLERS = ("_unknown_", "_silence_")
"""What a softmax tells apart beside the keywords; nobody waits for these."""


@dataclass(frozen=True, slots=True)
class TopSettings:
    """The matrices of the layers above the first."""

    W: MatrixSettings = field(default_factory=MatrixSettings)
    U: MatrixSettings = field(default_factory=MatrixSettings)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Which cells, how many units, and how their matrices are stored."""

    cell: str = setting("GhostRNN", one_of=CELLS, help="recurrent cell")
    hidden: int = setting(160, between=(4, 1024), help="units a layer, ghosts included")
    layers: int = setting(1, between=(1, 4), help="cells on top of one another")
    ratio: int = setting(2, between=(2, 8), help="ghosted cells: units to intrinsic units")
    phi: str = setting("dense", one_of=("dense", "diagonal"), help="ghosted cells: matrix of the cheap operation")
    phi_activation: str = setting("tanh", one_of=("tanh", "relu", "linear"), help="ghosted cells: what follows it")
    fastrnn_alpha: str = setting(
        "scalar", one_of=("scalar", "vector"), help="FastRNN: one alpha and beta, or one a unit"
    )
    bounded: bool = setting(False, help="FastGRNN's: the state stays within about 1, for streams that do not end")
    W: MatrixSettings = field(default_factory=MatrixSettings)
    U: MatrixSettings = field(default_factory=MatrixSettings)
    top: TopSettings | None = setting(None, help="other forms for the layers above the first; as below")
    across_layers: bool = setting(False, help="a layer reads what the shared factor makes of the units below it")
    piecewise_linear: bool = setting(False, help="straight lines for sigmoid and tanh, for processors without floats")
    head: str = setting("sigmoid", one_of=("sigmoid", "softmax"), help="a score a keyword, or one of all, or fillers")
    stack: int = setting(1, between=(1, 8), help="frames that a step takes side by side; it runs once for all of them")
    context: int = setting(0, between=(0, 8), help="steps before a step whose bands the cells read beside its own")
    phases: int = setting(
        1, between=(1, 8), help="times it runs side by side, each a frame later, for the mean score; at most stack"
    )
    pause_bonus: float = setting(
        0.0,
        between=(0, 5),
        help="added to every keyword's logit in the exported file after a pause; needs head: sigmoid",
    )
    depth: float = setting(5.0, between=(1, 50), help="log energy below the level at which the bottom lies; 5 is 22 dB")
    floor: float = setting(3.0, between=(-36, 20), help="log energy added to every band; 3 is -80 dBFS of white noise")

    def __post_init__(self) -> None:
        if self.phases > self.stack:
            raise ValueError(f"phases must be at most stack, {self.stack}: the next would hear what the first heard")
        if self.pause_bonus and self.head == "softmax":
            raise ValueError("pause_bonus needs head: sigmoid; behind a softmax a score is a share of a whole")
        if self.across_layers and not any(map(self.projects, range(self.layers))):
            raise ValueError("across_layers needs a layer with another above it and a U of form shared")

    def bands_read(self, nfilt: int) -> int:
        """How many bands the cells read at a step, *nfilt* of each frame."""
        return (self.context + 1) * self.stack * nfilt

    def matrices(self, layer: int) -> dict[str, MatrixSettings]:
        """How the matrices ``W`` and ``U`` of a layer, counted from 0, are stored."""
        at = self.top if self.top is not None and layer else self
        reads_projection = layer > 0 and self.projects(layer - 1)
        return {"W": MatrixSettings(kept=at.W.kept) if reads_projection else at.W, "U": at.U}

    def without_ghosts(self) -> NetworkSettings:
        """The same with the intrinsic units alone; itself where there are no ghosts."""
        if self.cell not in WITHOUT_GHOSTS:
            return self
        return replace(self, cell=WITHOUT_GHOSTS[self.cell], hidden=self.hidden // self.ratio)

    def projects(self, layer: int) -> bool:
        """Whether the layer above reads what the right factor of this one's ``U`` makes of its units.

        That stores ``U = A P`` and the next layer's ``W = A' P`` with one ``P`` (Prabhavalkar et al. 2016, arXiv
        1603.08042); which of this and of sharing among gates Lu et al. do, their abstract does not say.
        """
        at = self.top if self.top is not None and layer else self
        return self.across_layers and layer + 1 < self.layers and at.U.form == "shared"


class Front(nn.Module):
    """MFCCs to normalised log-mel bands; its state is one number, the level followed.

    ``features`` float32 ``(steps, batch, stack * numcep)``, state ``(batch, 1)``; gives ``(steps, batch, stack *
    nfilt)``.
    """

    state_size = 1

    def __init__(self, mfcc: MfccSettings, settings: NetworkSettings) -> None:
        super().__init__()
        if mfcc.appendEnergy:
            raise ValueError("features.appendEnergy must be off: the log energy in coefficient 0 hides the DCT's own")
        self.stack, self.floor, self.depth = settings.stack, settings.floor, settings.depth
        self.winstep = mfcc.winstep
        self.rise = 1 - math.exp(-mfcc.winstep / RISE_SECONDS)
        self.fall = 1 - math.exp(-mfcc.winstep / FALL_SECONDS)
        self.register_buffer("bands", torch.from_numpy(inverse_dct(mfcc)))  # (numcep, nfilt)
        self.register_buffer("mean", torch.zeros(mfcc.nfilt))
        self.register_buffer("deviation", torch.ones(mfcc.nfilt))

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        frames = features.unflatten(2, (self.stack, -1)).transpose(1, 2).flatten(0, 1)
        relative, state = self.follow(frames, state)
        x = ((relative - self.mean) / self.deviation).clamp(-CLAMP, CLAMP)
        return stacked(x, self.stack), state

    def follow(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Bands of ``(frames, batch, numcep)`` relative to the level that follows their mean, both from the floor."""
        bands = self.energies(features)
        level, levels = state, []
        for mean in bands.mean(dim=-1, keepdim=True):
            difference = mean - level
            level = level + torch.where(difference > 0, self.rise, self.fall) * difference
            levels.append(level)
        above_bottom = bands - torch.stack(levels) + self.depth
        return nn.functional.softplus(above_bottom) - self.depth, level

    def energies(self, features: Tensor) -> Tensor:
        """Log-mel bands above the floor, of ``(..., numcep)``."""
        return nn.functional.softplus(features @ self.bands - self.floor)

    def loudness(self, features: Tensor) -> Tensor:
        """Of each step, ``(steps, batch)``: the mean log energy over its frames and bands, above the floor."""
        return self.energies(features.unflatten(2, (self.stack, -1))).mean(dim=(2, 3))

    def measure(self, features: Tensor) -> None:
        """Set mean and deviation from ``(frames, batch, numcep)`` features."""
        relative, _ = self.follow(features, features.new_zeros(features.shape[1], 1))
        self.mean.copy_(relative.mean(dim=(0, 1)))
        self.deviation.copy_(relative.std(dim=(0, 1)))


class Network(nn.Module):
    """Features to one logit a keyword, and one a filler behind a softmax, with all carried state packed in one tensor.

    Args:
        mfcc: the features it is fed with.
        settings: its cells.
        keywords: how many outputs.
        phones: how many phones a second head tells apart. It teaches the cells English, and no model file has it.
        echo: how many numbers of a teacher's embedding a third head says after it, for the same reason.
    """

    def __init__(
        self, mfcc: MfccSettings, settings: NetworkSettings, keywords: int, *, phones: int = 0, echo: int = 0
    ) -> None:
        super().__init__()
        self.settings = settings
        self.front = Front(mfcc, settings)
        cells: list[Cell] = []
        width = settings.bands_read(mfcc.nfilt)
        for layer in range(settings.layers):
            cells.append(make_cell(settings, layer, width))
            width = settings.matrices(layer)["U"].rank if settings.projects(layer) else cells[-1].outputs
        self.cells = nn.ModuleList(cells)
        self.fillers = len(FILLERS) if settings.head == "softmax" else 0
        self.head = nn.Linear(width, keywords + self.fillers)
        if settings.head == "sigmoid":
            # Words are rare: start from a low score, or the first steps are spent on learning that alone.
            nn.init.constant_(self.head.bias, -4.0)
        self.phones = nn.Linear(width, phones) if phones else None
        self.echo = nn.Linear(width, echo) if echo else None

    @property
    def parts(self) -> list[int]:
        """State sizes in training, in their packed order: the front's, the bands of earlier steps, then each cell's."""
        context = self.settings.context * self.settings.stack * self.front.bands.shape[1]
        return [self.front.state_size, context, *(cell.state_size for cell in self.cells)]

    @property
    def parameters_trained(self) -> int:
        """Of what a model file has."""
        return sum(p.numel() for name, p in self.named_parameters() if not name.startswith(SIDE_HEADS))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one step, over all phases."""
        return self.settings.phases * (
            self.front.stack * self.front.bands.numel()
            + sum(cell.macs for cell in self.cells)
            + sum(P.numel() for P in map(self.projection, range(len(self.cells))) if P is not None)
            + self.head.weight.numel()
        )

    def start(self, batch: int) -> Tensor:
        """The state of a stream that begins: zeros."""
        return torch.zeros(batch, sum(self.parts))

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits ``(steps, batch, outputs)`` of ``(steps, batch, stack * numcep)``, and the next state."""
        level, rest = state.split([1, state.shape[1] - 1], dim=1)
        x, level = self.front(features, level)
        x, rest = self.trunk(x, rest)
        return self.head(x), torch.cat([level, rest], dim=1)

    def scores(self, logits: Tensor) -> Tensor:
        """Logits to scores in 0..1, one a keyword and then one a filler."""
        return torch.sigmoid(logits) if self.settings.head == "sigmoid" else torch.softmax(logits, dim=-1)

    def thinned(self) -> Iterator[tuple[nn.Parameter, float]]:
        """The parameters of which the settings keep only a share, with the share."""
        for layer, cell in enumerate(self.cells):
            for name, settings in self.settings.matrices(layer).items():
                if settings.kept < 1:
                    for parameter in form_of(cell, name)[1]:
                        yield parameter, settings.kept

    def projection(self, layer: int) -> Tensor | None:
        """The right factor ``(rank, units)`` through which the layer above reads this one, if it does."""
        return form_of(self.cells[layer], "U")[1][1] if self.settings.projects(layer) else None

    @torch.no_grad()
    def start_from(self, trained: Network, heard: Tensor | None = None) -> None:
        """Take over the weights of a network of the same units, its matrices as near as our forms come.

        A side head that only one of both has is left as it is. Where it has no ghosts and this one has, nothing reads
        them at first, so that both score alike; but for a Toeplitz-like ``U``, which cannot hold such zeros.
        For low rank that is the truncated SVD. Where a layer reads a projection ``P`` of the one below, ``P`` is that
        of the lower ``U``, and the ``A`` of the least squares ``A P = W``, as Prabhavalkar et al. do.

        Args:
            heard: ``(steps, batch, stack * nfilt)``, bands as the trained network's front gives them. Low ranks are
                then nearest in what the matrices make of these (``compression.assign``), which tells far fewer ranks
                from the whole.
        """
        matrices = re.compile(r"cells\.\d+\.(parametrizations\.)?[WU]\b")
        own = self.state_dict()
        others = {
            name: widened(value, own[name].shape[1]) if name.endswith(".weight") else value
            for name, value in trained.state_dict().items()
            if not matrices.match(name) and (name in own or not name.startswith(SIDE_HEADS))
        }
        self.load_state_dict(own | others)
        multiplied = trained.multiplied_with(heard)
        for layer, (cell, source) in enumerate(zip(self.cells, trained.cells, strict=True)):
            of_W, of_U = next(multiplied)
            W, P = trained.of_units(layer, source.W), self.projection(layer - 1) if layer else None
            if P is None:
                assign(cell, "W", W, of_W)
            else:
                assign(cell, "W", widened(W, P.shape[1]) @ torch.linalg.pinv(P))
            assign(cell, "U", source.U, of_U)

    def multiplied_with(self, heard: Tensor | None) -> Iterator[tuple[Tensor | None, Tensor | None]]:
        """Of each layer the vectors ``(vectors, columns)`` that ``W``, as it is to units, and ``U`` met in *heard*."""
        if heard is None:
            yield from [(None, None)] * len(self.cells)
            return
        past, *states = self.start(heard.shape[1])[:, 1:].split(self.parts[1:], dim=1)
        below = x = self.beside(heard, past)[0]
        for layer, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            units, _ = cell(x, state)
            yield below.flatten(0, 1), units[:-1].flatten(0, 1)
            P = self.projection(layer)
            below, x = units, units if P is None else units @ P.T

    def of_units(self, layer: int, W: Tensor) -> Tensor:
        """What the ``W`` of a layer is to the units below it, whether or not it reads a projection of theirs."""
        P = self.projection(layer - 1) if layer else None
        return W if P is None else W @ P

    def beside(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Each step's bands ``(steps, batch, n)`` before those of the ``context`` steps before it, latest first.

        And what of them the next chunk needs. A ``W`` of low rank makes that a convolution over time, its rank being
        the number of filters.
        """
        context = self.settings.context
        if not context:
            return x, past
        steps = torch.cat([past.unflatten(1, (context, -1)).flip(1).transpose(0, 1), x])
        wide = torch.cat([steps[back : back + len(x)] for back in reversed(range(context + 1))], dim=2)
        return wide, wide[-1, :, : past.shape[1]]

    def trunk(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What the heads read, from normalised bands; the state is all but the front's."""
        past, *parts = state.split(self.parts[1:], dim=1)
        x, past = self.beside(x, past)
        states = [past]
        for layer, part in enumerate(parts):
            x, last = self.cells[layer](x, part)
            states.append(last)
            P = self.projection(layer)
            x = x if P is None else x @ P.T
        return x, torch.cat(states, dim=1)


def make_cell(settings: NetworkSettings, layer: int, width: int) -> Cell:
    """The cell of a layer, with *width* inputs."""
    n, memory = settings.hidden, LONGEST_MEMORY / settings.stack
    lines: dict[str, Any] = {"piecewise_linear": settings.piecewise_linear}
    ghosts = {"r": settings.ratio, "phi": settings.phi, "after": settings.phi_activation}
    cell: Cell
    match settings.cell:
        case "RNN":
            cell = RNN(width, n, **lines)
        case "FastRNN":
            cell = FastRNN(width, n, alpha=settings.fastrnn_alpha, **lines)
        case "FastGRNN":
            cell = FastGRNN(width, n, bounded=settings.bounded, **lines)
        case "GhostFastGRNN":
            cell = GhostFastGRNN(width, n, bounded=settings.bounded, **ghosts, **lines)
        case "GRU":
            cell = GRU(width, n, memory=memory, **lines)
        case "LSTM":
            cell = LSTM(width, n, memory=memory, **lines)
        case _:
            cell = GhostRNN(width, n, memory=memory, **ghosts, **lines)
    for name, form in settings.matrices(layer).items():
        compress(cell, name, form, gates=cell.gates)
    return cell


def stacked(frames: Tensor, stack: int) -> Tensor:
    """Frames ``(frames, batch, n)`` side by side as a step takes them, ``(steps, batch, stack * n)``."""
    whole = frames[: len(frames) // stack * stack]
    return whole.unflatten(0, (-1, stack)).transpose(1, 2).flatten(2)


def inverse_dct(mfcc: MfccSettings) -> np.ndarray:
    """The matrix float32 ``(numcep, nfilt)`` that takes cepstra to log-mel bands: orthonormal DCT-II, transposed.

    The lifter is undone with it. With fewer cepstra than bands the bands come out smoothed.
    """
    return (dct(mfcc) / lifter(mfcc)[:, None]).astype(np.float32)
