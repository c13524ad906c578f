"""Export: unrolled = stepped = ONNX float = ONNX int8, and a file that is not the network is not written."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
onnx = pytest.importorskip("onnx", reason="the training extra is not installed")

from torch import Tensor  # noqa: E402

from kws_app.errors import ModelError  # noqa: E402
from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.model import runtime  # noqa: E402
from kws_app.model.card import Card  # noqa: E402
from kws_app.model.stepper import Model, load_model  # noqa: E402
from kws_app.training.card import counted, make_card  # noqa: E402
from kws_app.training.cells import RNN  # noqa: E402
from kws_app.training.compression import MatrixSettings  # noqa: E402
from kws_app.training.export import export, network_scores, step_graph, stream_scores  # noqa: E402
from kws_app.training.lanes import steps_of  # noqa: E402
from kws_app.training.network import CELLS, FILLERS, Network, NetworkSettings, TopSettings  # noqa: E402
from kws_app.training.quantize import quantized  # noqa: E402
from kws_app.training.recipe import KeywordRecipe, Recipe  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann")
MINUTE = 3000
TEN_MILLISECONDS = replace(MFCC, winlen=0.025, winstep=0.01)
STEPS_OF_A_MINUTE = 6000

FLOAT_TOLERANCE = 1e-4
"""Float32 sums in another order, over a minute of carried state."""
INT8_TOLERANCE = 0.05
"""Largest change of any score over that minute; weights of random networks, which round worse than trained ones."""


def recipe(cell: str, *, mfcc: MfccSettings = MFCC, **settings: object) -> Recipe:
    return Recipe(
        name="test",
        keywords={"one": KeywordRecipe(), "two_words": KeywordRecipe()},
        features=mfcc,
        network=NetworkSettings(**{"cell": cell, "hidden": 24, **settings}),
    )


def made(cell: str, *, mfcc: MfccSettings = MFCC, **settings: object) -> tuple[Network, Card]:
    torch.manual_seed(3)
    wanted = recipe(cell, mfcc=mfcc, **settings)
    network = Network(mfcc, wanted.network, 2)
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
    assert card.keywords[0].smoothing_frames == 0.2 / (2 * MFCC.winstep)


def test_a_card_leaves_out_what_counted_nothing_and_what_follows_from_its_counts() -> None:
    noise = {"alarms": 1, "hours": 2.0}
    figures = {"false_alarms": {"noise": {**noise, "interval": [0.0, 2.8]}}, "near_misses": {"clips": 0}, "groups": {}}

    assert counted({"threshold": 0.5, **figures}) == {"threshold": 0.5, "false_alarms": {"noise": noise}}


@pytest.mark.parametrize(("seconds", "frames"), [(0.0, 1), (0.05, 3), (0.12, 6)])
def test_a_recipe_says_how_long_scores_are_averaged(seconds: float, frames: int) -> None:
    network, _ = made("GRU")
    wanted = replace(recipe("GRU"), smoothing_seconds=seconds)

    card = make_card(wanted, network, corpus={"hours": 1.0, "speakers": 2}, measured={})

    assert {keyword.smoothing_frames for keyword in card.keywords} == {frames}


def test_a_graph_carries_the_bands_of_earlier_steps() -> None:
    network, card = made("GRU", stack=2, context=3, layers=2)
    pairs = steps_of(features(), 2)

    scores = stream_scores(Model(Path("model.onnx"), step_graph(network, card, int8=False)), pairs)

    np.testing.assert_allclose(scores, network_scores(network, pairs), atol=FLOAT_TOLERANCE)


@pytest.mark.parametrize(("stack", "settings"), [(1, {}), (2, {"context": 2}), (8, {"layers": 2})])
def test_a_graph_tells_a_pause_by_the_loudness_it_carries(stack: int, settings: dict[str, object]) -> None:
    network, card = made("GRU", stack=stack, pause_bonus=3.0, **settings)
    steps = steps_of(features(), stack)

    scores = stream_scores(Model(Path("model.onnx"), step_graph(network, card, int8=False)), steps)

    np.testing.assert_allclose(scores, network_scores(network, steps), atol=FLOAT_TOLERANCE)
    plain, _ = made("GRU", stack=stack, **settings)
    assert np.abs(scores - network_scores(plain, steps)).max() > 100 * FLOAT_TOLERANCE


def test_a_graph_has_every_constant_once() -> None:
    graph = onnx.load_from_string(step_graph(*made("GRU", stack=2, phases=2)))

    constants = [
        (tuple(value.dims), value.data_type, onnx.numpy_helper.to_array(value).tobytes())
        for value in graph.graph.initializer
    ]

    assert len(constants) == len(set(constants))


@pytest.mark.parametrize(
    ("cell", "phases", "settings"),
    [
        ("GhostRNN", 2, {"phi": "diagonal", "U": MatrixSettings("shared", 6)}),
        ("GRU", 2, {"head": "softmax"}),
        ("GhostRNN", 2, {"context": 2, "W": MatrixSettings("shared", 6)}),
        ("GhostRNN", 2, {"context": 1, "pause_bonus": 2.0}),
        ("LSTM", 3, {"layers": 2}),
    ],
)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_graph_in_phases_steps_to_the_mean_of_its_phases(
    cell: str, phases: int, settings: dict[str, object], batch: int
) -> None:
    network, card = made(cell, stack=phases, phases=phases, **settings)
    steps = steps_of(features(), phases)[:500]
    stepper = Model(Path("model.onnx"), step_graph(network, card)).stepper(batch)

    scores = np.stack([stepper.step(np.stack([step] * batch))[-1].copy() for step in steps])

    np.testing.assert_allclose(scores, network_scores(quantized(network), steps), atol=FLOAT_TOLERANCE)


@pytest.mark.parametrize("cell", ["GhostRNN", "FastGRNN", "GRU"])
def test_the_int8_graph_is_the_rounded_network_and_stays_near_the_float_one(cell: str) -> None:
    network, card = made(cell)

    scores = stepped(step_graph(network, card))

    np.testing.assert_allclose(scores, network_scores(quantized(network), features()), atol=FLOAT_TOLERANCE)
    assert np.abs(scores - network_scores(network, features())).max() < INT8_TOLERANCE


FORMS = {"dense": 0, "low_rank": 4, "shared": 4, "toeplitz": 2}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_in_every_form_steps_to_the_networks_scores_over_a_minute(cell: str, form: str) -> None:
    matrix = MatrixSettings(form, FORMS[form])
    network, card = made(cell, mfcc=TEN_MILLISECONDS, W=matrix, U=matrix)
    minute = features(STEPS_OF_A_MINUTE)

    scores, rounded = (
        stream_scores(Model(Path("model.onnx"), step_graph(network, card, int8=int8)), minute) for int8 in (False, True)
    )

    expected = network_scores(network, minute)
    np.testing.assert_allclose(scores, expected, atol=FLOAT_TOLERANCE)
    np.testing.assert_allclose(rounded, network_scores(quantized(network), minute), atol=FLOAT_TOLERANCE)
    assert np.abs(rounded - expected).max() < INT8_TOLERANCE


SHARED, TOEPLITZ = MatrixSettings("shared", 6), MatrixSettings("toeplitz", 2)


@pytest.mark.parametrize(
    ("cell", "settings"),
    [
        ("GhostRNN", {"phi": "diagonal", "ratio": 4}),
        ("GhostRNN", {"phi_activation": "relu"}),
        ("GhostFastGRNN", {"phi_activation": "linear", "phi": "diagonal"}),
        ("FastRNN", {"fastrnn_alpha": "vector"}),
        *((cell, {"piecewise_linear": True}) for cell in CELLS),
        *((cell, {"bounded": True}) for cell in ("FastGRNN", "GhostFastGRNN")),
        ("GRU", {"layers": 2, "U": SHARED, "across_layers": True}),
        (
            "LSTM",
            {"layers": 3, "W": TOEPLITZ, "U": TOEPLITZ, "top": TopSettings(SHARED, SHARED), "across_layers": True},
        ),
        ("FastGRNN", {"W": MatrixSettings("low_rank", 4, kept=0.3), "U": MatrixSettings("toeplitz", 2, kept=0.3)}),
    ],
    ids=str,
)
def test_every_option_is_in_the_graph(cell: str, settings: dict[str, object]) -> None:
    network, card = made(cell, **settings)

    scores = stepped(step_graph(network, card))

    np.testing.assert_allclose(scores, network_scores(quantized(network), features()), atol=FLOAT_TOLERANCE)


def test_a_softmax_gives_the_keywords_scores_and_those_of_the_fillers_apart() -> None:
    network, card = made("GhostRNN", head="softmax")
    graph, few = step_graph(network, card, int8=False), features(5)

    model = Model(Path("model.onnx"), graph)
    scores = stream_scores(model, few)

    session = runtime.session(graph)
    fillers, state = [], np.zeros((1, model.state_size), np.float32)
    for row in few:
        state, filler = session.run(["next_state", "fillers"], {"features": row[None], "state": state})
        fillers.append(filler)
    np.testing.assert_allclose(scores, network_scores(network, few), atol=1e-6)
    assert np.concatenate(fillers).shape == (5, len(FILLERS))
    np.testing.assert_allclose(scores.sum(axis=1) + np.concatenate(fillers).sum(axis=1), 1, atol=1e-6)


def test_factors_and_generators_make_the_file_smaller() -> None:
    sizes = {}
    for form, rank in (("dense", 0), ("low_rank", 8), ("shared", 8), ("toeplitz", 4)):
        matrix = MatrixSettings(form, rank)
        network, card = made("GRU", hidden=96, W=matrix, U=matrix)
        sizes[form] = len(step_graph(network, card))

    assert sizes["shared"] < sizes["low_rank"] < sizes["dense"] / 2
    assert sizes["toeplitz"] < sizes["dense"] / 2


def test_a_ghostrnn_saved_before_matrices_had_forms_exports_to_the_same_graph() -> None:
    mfcc = replace(MFCC, numcep=8, nfilt=8)
    network = Network(mfcc, NetworkSettings(hidden=8, layers=2, stack=2), 2)
    rng = np.random.default_rng(7)
    names = [f"cells.{layer}.{name}" for layer in (0, 1) for name in ("Phi", "U", "W", "b", "b_c", "b_phi")]
    names += ["front.bands", "front.deviation", "front.mean", "head.bias", "head.weight"]
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}

    saved = {name: torch.from_numpy(rng.uniform(0.5, 1.5, shapes[name]).astype(np.float32)) for name in names}
    network.load_state_dict(saved)

    _, card = made("GhostRNN")
    graph = onnx.load_from_string(step_graph(network, card)).graph
    assert (
        hashlib.sha256(graph.SerializeToString()).hexdigest()
        == "ede328371c480ff9b890aa9bbdc90bb49aa402b2f752de64385a9bb8d43e3f1a"
    )


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


def test_a_network_whose_recurrence_lets_rounding_grow_is_said_to_be_at_fault_itself(tmp_path: Path) -> None:
    network, card = made("RNN")
    network.cells[0].U.data.mul_(30)

    with pytest.raises(ModelError, match=r"graph and network differ by .* the network's own scores change by 0\.\d+"):
        export(network, card, tmp_path / "model.onnx", features())

    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_card_names_the_commit_of_the_trainer_not_of_the_folder_it_was_run_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, here = made("GRU")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "mine.txt").write_text("of another project", encoding="utf-8")
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, "commit", "-q", "-m", "Begin"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)

    _, there = made("GRU")

    assert there.training["commit"] == here.training["commit"]


def test_a_card_is_made_on_a_machine_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    _, card = made("GRU")

    assert card.training["commit"] == "unknown"


class Halved(RNN):
    """Not the cell whose nodes a graph gets for it."""

    def updated(self, Wx: Tensor, Uh: Tensor, h: Tensor) -> Tensor:
        return super().updated(Wx, Uh, h) / 2


def test_a_graph_that_is_not_its_network_is_said_to_be_wrong(tmp_path: Path) -> None:
    network, card = made("RNN")
    network.cells[0] = Halved(20, 24)

    with pytest.raises(ModelError, match="so the graph is wrong: please report it"):
        export(network, card, tmp_path / "model.onnx", features())

    assert not list(tmp_path.iterdir())
