"""Export: unrolled = stepped = ONNX float = ONNX int8, and a file that is not the network is not written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.errors import ModelError  # noqa: E402
from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.model.card import Card  # noqa: E402
from kws_app.model.stepper import Model, load_model  # noqa: E402
from kws_app.training.card import SMOOTHING_SECONDS, make_card  # noqa: E402
from kws_app.training.export import export, network_scores, step_graph, stream_scores  # noqa: E402
from kws_app.training.lanes import steps_of  # noqa: E402
from kws_app.training.network import Network, NetworkSettings  # noqa: E402
from kws_app.training.quantize import quantized  # noqa: E402
from kws_app.training.recipe import KeywordRecipe, Recipe  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann")
MINUTE = 3000

FLOAT_TOLERANCE = 1e-4
"""Float32 sums in another order, over a minute of carried state."""
INT8_TOLERANCE = 0.05
"""Largest change of any score over that minute; weights of random networks, which round worse than trained ones."""


def recipe(cell: str, *, layers: int = 1, stack: int = 1) -> Recipe:
    return Recipe(
        name="test",
        keywords={"one": KeywordRecipe(), "two_words": KeywordRecipe()},
        features=MFCC,
        network=NetworkSettings(cell=cell, hidden=24, layers=layers, stack=stack),
    )


def made(cell: str, *, layers: int = 1, stack: int = 1) -> tuple[Network, Card]:
    torch.manual_seed(3)
    wanted = recipe(cell, layers=layers, stack=stack)
    network = Network(MFCC, wanted.network, 2)
    network.front.measure(torch.from_numpy(features(200))[:, None])
    torch.nn.init.zeros_(network.head.bias)
    card = make_card(wanted, network, corpus={"hours": 1.0, "speakers": 2}, measured={})
    return network.eval(), card


def features(frames: int = MINUTE) -> np.ndarray:
    """MFCC-like rows whose level wanders as speech does."""
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((frames, MFCC.numcep)) * np.linspace(6, 1, MFCC.numcep)
    rows[:, 0] += 30 + 20 * np.sin(np.arange(frames) / 40)
    return rows.astype(np.float32)


def stepped(graph: bytes) -> np.ndarray:
    return stream_scores(Model(Path("model.onnx"), graph), features())


@pytest.mark.parametrize(("cell", "layers"), [("GhostRNN", 1), ("GhostRNN", 2), ("FastGRNN", 1), ("GRU", 1)])
def test_the_float_graph_steps_to_the_networks_scores(cell: str, layers: int) -> None:
    network, card = made(cell, layers=layers)

    scores = stepped(step_graph(network, card, int8=False))

    np.testing.assert_allclose(scores, network_scores(network, features()), atol=FLOAT_TOLERANCE)


def test_a_graph_that_takes_two_frames_a_step_steps_to_the_networks_scores() -> None:
    network, card = made("GhostRNN", stack=2)
    pairs = steps_of(features(), 2)

    scores = stream_scores(Model(Path("model.onnx"), step_graph(network, card)), pairs)

    np.testing.assert_allclose(scores, network_scores(quantized(network), pairs), atol=FLOAT_TOLERANCE)
    assert (card.frame.stack, card.frame.skip) == (2, 2)
    assert card.keywords[0].smoothing_frames * card.frame.skip * MFCC.winstep >= SMOOTHING_SECONDS


@pytest.mark.parametrize("cell", ["GhostRNN", "FastGRNN", "GRU"])
def test_the_int8_graph_is_the_rounded_network_and_stays_near_the_float_one(cell: str) -> None:
    network, card = made(cell)

    scores = stepped(step_graph(network, card))

    np.testing.assert_allclose(scores, network_scores(quantized(network), features()), atol=FLOAT_TOLERANCE)
    assert np.abs(scores - network_scores(network, features())).max() < INT8_TOLERANCE


def test_int8_weights_make_the_file_a_third() -> None:
    torch.manual_seed(0)
    network = Network(MFCC, NetworkSettings(hidden=160), 2)
    card = make_card(recipe("GhostRNN"), network, corpus={"hours": 1.0, "speakers": 2}, measured={})

    assert len(step_graph(network, card)) < len(step_graph(network, card, int8=False)) / 3


def test_the_written_file_loads_and_reads_its_own_card_back(tmp_path: Path) -> None:
    network, card = made("GhostRNN")

    export(network, card, tmp_path / "model.onnx", features())

    model = load_model(tmp_path / "model.onnx")
    assert model.card == card
    assert model.state_size == 1 + 12


def test_a_network_that_int8_would_spoil_is_not_written(tmp_path: Path) -> None:
    """Two twin units cancel in the output with huge weights, which leave int8 no steps for all others."""
    network, card = made("GRU")
    with torch.no_grad():
        for parameter in (network.cells[0].W, network.cells[0].U, network.cells[0].b):
            gates = parameter.view(3, 24, -1)
            gates[:, 1] = gates[:, 0]
        network.head.weight.mul_(10)
        network.head.weight[:, 0], network.head.weight[:, 1] = 1e4, -1e4

    with pytest.raises(ModelError, match=r"model\.onnx: not written: int8 weights change the scores"):
        export(network, card, tmp_path / "model.onnx", features())

    assert not list(tmp_path.iterdir())
