"""What forms of a matrix cost, Toeplitz-like ones in two ways, phases and a pause: ``python -m benchmarks.forms``."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import microseconds
from kws_app.features.mfcc import MfccSettings
from kws_app.model.stepper import Model
from kws_app.training.card import make_card
from kws_app.training.cells import Cell
from kws_app.training.compression import MatrixSettings, compress, from_displacement
from kws_app.training.export import step_graph
from kws_app.training.ghost import GhostRNN, Ghosts
from kws_app.training.network import Network, NetworkSettings
from kws_app.training.products import Whole
from kws_app.training.recipe import KeywordRecipe, Recipe
from kws_app.training.size import size_of

RANK = 4
STEP, CHUNK = 1, 64 * 10
"""Rows at once: a frame of one stream, and ten of 64."""
LANES, CHUNK_STEPS = 64, 50
BANDS = MfccSettings(winlen=0.025, winstep=0.01, numcep=32, nfilt=32, appendEnergy=False)


class Spectra:
    """Products with ``M = 1/2 sum Z_1(g) Z_{-1}(J h)`` by FFT, the spectra of the generators made beforehand."""

    def __init__(self, G: Tensor, H: Tensor) -> None:
        self.turn = torch.exp(1j * math.pi / G.shape[1] * torch.arange(G.shape[1]))
        self.left, self.right = torch.fft.fft(G) / 2, torch.fft.fft(H.flip(1) * self.turn)

    def times(self, x: Tensor) -> Tensor:
        """Of ``(rows, size)``."""
        skew = torch.fft.ifft(self.right * torch.fft.fft(x * self.turn)[:, None]) * self.turn.conj()
        return torch.fft.ifft((self.left * torch.fft.fft(skew.real)).sum(1)).real


@torch.no_grad()
def products() -> None:
    """Time a square Toeplitz-like matrix against rows, expanded and by FFT."""
    print(f"{'size':>5} {'rows':>5} {'expanded':>9} {'expanding':>9} {'by FFT':>9}   us")
    for size in (32, 100, 160, 256):
        G, H = torch.randn(2, RANK, size)
        spectra, M = Spectra(G, H), from_displacement((G.T @ H)[None])[0]
        for rows in (STEP, CHUNK):
            x = torch.randn(rows, size)
            torch.testing.assert_close(spectra.times(x), x @ M.T, atol=1e-2, rtol=1e-3)
            costs = microseconds(
                lambda x=x, M=M: x @ M.T,
                lambda G=G, H=H: from_displacement((G.T @ H)[None]),
                lambda x=x, spectra=spectra: spectra.times(x),
            )
            print(f"{size:5} {rows:5} {costs[0]:9.1f} {costs[1]:9.1f} {costs[2]:9.1f}")


def files() -> None:
    """Write, load and step networks of every form, then the shipped model's in one and two phases and with a pause."""
    print(f"{'cell':9} {'form':9} {'rank':>4} {'numbers':>8} {'macs':>7} {'bytes':>7} {'load ms':>8} {'step us':>8}")
    found = []
    for cell in ("GRU", "GhostRNN", "FastGRNN", "LSTM"):
        for form, rank in (("dense", 0), ("low_rank", 16), ("shared", 16), ("toeplitz", 4)):
            matrix = MatrixSettings(form, rank)
            row, step = _loaded(NetworkSettings(cell=cell, hidden=100, W=matrix, U=matrix))
            found.append((f"{cell:9} {form:9} {rank:4} {row}", step))
    for phases, bonus, after in ((1, 0.0, ""), (2, 0.0, ""), (2, 1.0, ", pause")):
        U = MatrixSettings("shared", 64)
        row, step = _loaded(NetworkSettings(hidden=352, phi="diagonal", U=U, stack=2, phases=phases, pause_bonus=bonus))
        found.append((f"GhostRNN  {phases} of 2 phases{after:7}  {row}", step))
    costs = microseconds(*(step for _, step in found))
    for (row, _), cost in zip(found, costs, strict=True):
        print(f"{row} {cost:8.1f}")


def _loaded(settings: NetworkSettings) -> tuple[str, Callable[[], object]]:
    """What a file of such a network has and how long it takes to load, and a step of it."""
    network = Network(BANDS, settings, 1).eval()
    recipe = Recipe(name="form", keywords={"word": KeywordRecipe()}, features=BANDS, network=settings)
    card = make_card(recipe, network, corpus={"hours": 0, "speakers": 0}, measured={})
    graph = step_graph(network, card)
    begin = time.perf_counter()
    model = Model(Path("form.onnx"), graph)
    load, size = 1000 * (time.perf_counter() - begin), size_of(network)
    stepper, frame = model.stepper(), np.zeros((1, model.coefficients), np.float32)
    row = f"{size.parameters:8} {size.macs:7} {len(graph):7} {load:8.1f}"
    return row, lambda: stepper.step(frame)


def learning() -> None:
    """Learn from chunks of 64 lanes, multiplying by the whole matrices and by what is stored of them."""
    print(f"{'units':>5} {'rank':>4} {'whole':>9} {'as stored':>9}   us a step, forward and back")
    for units, rank in ((96, 16), (208, 40), (352, 64)):
        cell = GhostRNN(2 * BANDS.numcep, units, phi="diagonal")
        compress(cell, "U", MatrixSettings("shared", rank), gates=cell.gates)
        x = torch.randn(CHUNK_STEPS, LANES, 2 * BANDS.numcep)
        costs = microseconds(lambda cell=cell, x=x: _learn_whole(cell, x), lambda cell=cell, x=x: _learn(cell, x))
        print(f"{units:5} {rank:4} {costs[0] / CHUNK_STEPS:9.1f} {costs[1] / CHUNK_STEPS:9.1f}")


def _learn(cell: Cell, x: Tensor) -> None:
    cell(x, torch.zeros(LANES, cell.state_size))[0].sum().backward()


def _learn_whole(cell: Ghosts, x: Tensor) -> None:
    U, Phi = (Whole, (cell.U,)), (Whole, (cell.Phi,))
    with mock.patch("kws_app.training.cells.product_of", return_value=U):
        cell.sequence(x, torch.zeros(LANES, cell.state_size), Phi, cell.b_phi, cell.phi).sum().backward()


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    products()
    print()
    learning()
    print()
    files()
