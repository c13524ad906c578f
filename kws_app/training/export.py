"""Write a network as the one-frame ONNX step graph that the daemon runs, its card inside.

``features [batch, coefficients]`` and ``state [batch, state size]`` go in, ``scores [batch, keywords]`` and
``next_state`` come out; from a softmax ``fillers`` too, which only those read who judge a model. Nothing is written if
the file's scores differ from the network's over a long stream.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper

from kws_app.errors import ModelError
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.stepper import Model
from kws_app.training.cells import Cell
from kws_app.training.cellsteps import cell_step
from kws_app.training.graph import Graph
from kws_app.training.network import CLAMP, Front, Network
from kws_app.training.pause import BUSY, LEAST_RANGE, QUIET, Windows
from kws_app.training.phases import phase_scores
from kws_app.training.quantize import quantized
from kws_app.wholefile import whole

OPSET = 18
IR_VERSION = 9
# The same numbers in another order: 1e-7 apart at first, but a trained recurrence stretches that for some frames.
SAME_WEIGHTS_TOLERANCE = 0.02  # largest difference of a score; an error in the graph makes tenths
INT8_TOLERANCE = 0.02  # mean absolute difference of scores, int8 against float weights


def step_graph(network: Network, card: Card, *, int8: bool = True) -> bytes:
    """The network's step as a serialised ONNX model with *card* in its metadata."""
    graph, phases, coefficients = Graph(int8=int8), network.settings.phases, network.front.bands.shape[0]
    if phases == 1:
        logits, carried = _step(graph, network, "features", "state")
        graph.add("Concat", *carried, name="next_state", axis=1)
    else:
        logits = _in_phases(graph, network)
    _scores(graph, network, logits)
    size = (phases - 1) * coefficients + phases * sum(_parts(network))
    fillers = {"fillers": network.fillers} if network.fillers else {}
    outputs = {"scores": network.head.out_features - network.fillers, "next_state": size, **fillers}
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "step",
            [_value("features", network.front.stack * coefficients), _value("state", size)],
            [_value(name, width) for name, width in outputs.items()],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="kws-train",
    )
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _parts(network: Network) -> list[int]:
    """State sizes of one phase in their packed order: the network's, but after the front's what a pause is told by."""
    front, *rest = network.parts
    return [size for size in (front, *_pause_parts(network), *rest) if size]


def _pause_parts(network: Network) -> tuple[int, ...]:
    """Of how many frames the loudness is carried, and how many averages of it."""
    windows = Windows.of(network)
    return ((windows.smoothed - 1) * network.front.stack, windows.heard - 1) if network.settings.pause_bonus else ()


def _step(graph: Graph, network: Network, features: str, state: str) -> tuple[str, list[str]]:
    """The logits of a step, and what is carried to the next."""
    before, *states = graph.split(state, _parts(network))
    x, after, means = _front(graph, network.front, features, before)
    carried, bonus = [after], ""
    if network.settings.pause_bonus:
        bonus, heard = _pause_bonus(graph, network, means, [states.pop(0), states.pop(0)])
        carried += heard
    if network.settings.context:
        x = graph.add("Concat", x, states.pop(0), axis=1)
        carried.append(graph.slice(x, [0], [network.parts[1]], axis=1))
    for layer, (cell, units) in enumerate(zip(network.cells, states, strict=True)):
        assert isinstance(cell, Cell)
        x, last = cell_step(graph, cell, x, units)
        carried.append(last)
        P = network.projection(layer)
        x = x if P is None else graph.linear(x, P)
    logits = graph.linear(x, network.head.weight, network.head.bias)
    return graph.add("Add", logits, bonus) if bonus else logits, carried


def _in_phases(graph: Graph, network: Network) -> str:
    """The logits of all phases, each a row of the batch, so that a weight is read from memory once.

    The state is the frames that the later phases have yet to hear, then every phase's own.
    """
    phases, stack, coefficients = network.settings.phases, network.front.stack, network.front.bands.shape[0]
    waiting, size = (phases - 1) * coefficients, sum(_parts(network))
    earlier, states = graph.split("state", [waiting, phases * size])
    frames = graph.add("Concat", earlier, "features", axis=1)
    heard = [
        graph.slice(frames, [first * coefficients], [(first + stack) * coefficients], axis=1)
        for first in reversed(range(phases))
    ]
    features = graph.reshape(graph.add("Concat", *heard, axis=1), -1, stack * coefficients)
    logits, carried = _step(graph, network, features, graph.reshape(states, -1, size))
    left = graph.slice(frames, [stack * coefficients], [stack * coefficients + waiting], axis=1)
    after = graph.reshape(graph.add("Concat", *carried, axis=1), -1, phases * size)
    graph.add("Concat", left, after, name="next_state", axis=1)
    return logits


def _scores(graph: Graph, network: Network, logits: str) -> None:
    """``scores``, and ``fillers`` if there are."""
    keywords, phases = network.head.out_features - network.fillers, network.settings.phases
    name = "" if network.fillers else "scores"
    operator, attributes = ("Softmax", {"axis": 1}) if network.fillers else ("Sigmoid", {})
    if phases == 1:
        shares = graph.add(operator, logits, name=name, **attributes)
    else:
        each = graph.reshape(graph.add(operator, logits, **attributes), -1, phases, network.head.out_features)
        shares = graph.add("ReduceMean", each, graph.constant([1], np.int64), keepdims=0, name=name)
    if network.fillers:
        graph.slice(shares, [0], [keywords], axis=1, name="scores")
        graph.slice(shares, [keywords], [keywords + network.fillers], axis=1, name="fillers")


def _value(name: str, size: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])


def _front(graph: Graph, front: Front, features: str, level: str) -> tuple[str, str, list[str]]:
    """:class:`Front`: bands above the floor and the bottom, less the level that follows them, scaled and clamped.

    And that level, and of each frame the mean of its bands.
    """
    matrix, floor = graph.matrix(front.bands), graph.constant([-front.floor])
    depth, above_bottom = graph.constant([front.depth]), []
    means: list[str] = []
    for frame in graph.split(features, [front.bands.shape[0]] * front.stack):
        bands = graph.add("Softplus", graph.add("Gemm", frame, matrix, floor))
        means.append(graph.add("ReduceMean", bands, graph.constant([1], np.int64), keepdims=1))
        level = _followed(graph, front, means[-1], level)
        bottom = graph.add("Sub", level, depth)
        above_bottom.append(graph.add("Softplus", graph.add("Sub", bands, bottom)))
    x = above_bottom[0] if front.stack == 1 else graph.add("Concat", *above_bottom, axis=1)
    scale, shift = 1 / front.deviation.numpy(), -(front.mean.numpy() + front.depth) / front.deviation.numpy()
    scaled = graph.add("Mul", x, graph.constant(np.tile(scale, front.stack)))
    shifted = graph.add("Add", scaled, graph.constant(np.tile(shift, front.stack)))
    limits = (graph.constant(-CLAMP), graph.constant(CLAMP))
    return graph.add("Clip", shifted, *limits), level, means


def _followed(graph: Graph, front: Front, mean: str, level: str) -> str:
    """The level after bands of this mean."""
    difference = graph.add("Sub", mean, level)
    rises = graph.add("Greater", difference, graph.constant([0.0]))
    speed = graph.add("Where", rises, graph.constant([front.rise]), graph.constant([front.fall]))
    return str(graph.add("Add", level, graph.add("Mul", speed, difference)))


def _pause_bonus(graph: Graph, network: Network, frames: Sequence[str], before: Sequence[str]) -> tuple[str, list[str]]:
    """:func:`pause_bonus` of a step whose frames are this loud, and what of it and of *before* the next step needs."""
    bonus, one = network.settings.pause_bonus, graph.constant([1], np.int64)
    loudness = graph.add("Concat", before[0], *frames, axis=1)
    smoothed = graph.add("Concat", before[1], graph.add("ReduceMean", loudness, one, keepdims=1), axis=1)
    mean, lowest, highest = (graph.add(f"Reduce{of}", smoothed, one, keepdims=1) for of in ("Mean", "Min", "Max"))
    span = graph.add("Max", graph.add("Sub", highest, lowest), graph.constant(LEAST_RANGE))
    activity = graph.add("Div", graph.add("Sub", mean, lowest), span)
    fallen = graph.add("Mul", activity, graph.constant(-bonus / (BUSY - QUIET)))
    risen = graph.add("Add", fallen, graph.constant(bonus * BUSY / (BUSY - QUIET)))
    carried = [
        graph.slice(history, [new], [new + size], axis=1)
        for history, new, size in zip((loudness, smoothed), (len(frames), 1), _pause_parts(network), strict=True)
    ]
    return graph.add("Clip", risen, graph.constant(0.0), graph.constant(bonus)), carried


def stream_scores(model: Model, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores ``(steps, keywords)`` of *features* ``(steps, stack * coefficients)``, stepped as the daemon does."""
    stepper = model.stepper()
    return np.stack([stepper.step(frame[None])[0].copy() for frame in features])


def network_scores(network: Network, features: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The same of the torch network, unrolled, in the precision of *features*."""
    with torch.no_grad():
        scores = phase_scores(network, torch.from_numpy(features)[:, None])[:, 0]
        scores = scores[:, : scores.shape[1] - network.fillers]
    return np.asarray(scores.numpy())


def export(network: Network, card: Card, path: Path, features: npt.NDArray[np.float32]) -> bytes:
    """Write *path* if the file is the network; returns its bytes.

    Args:
        features: float32 ``(steps, stack * coefficients)``, a long stream of real features to compare over.

    Raises:
        ModelError: the graph differs from the network it was made from, or int8 changes the scores too much.
        OutputError: it cannot be written.
    """
    graph = step_graph(network, card)
    stepped, rounded = stream_scores(Model(path, graph), features), quantized(network)
    same = float(np.abs(stepped - network_scores(rounded, features)).max())
    if not same <= SAME_WEIGHTS_TOLERANCE:
        raise ModelError(
            f"{path}: not written: graph and network differ by {same:.2g} over {len(features)} steps; "
            + _whose_fault(rounded, features)
        )
    cost = float(np.abs(stepped - network_scores(network, features)).mean())
    if not cost <= INT8_TOLERANCE:
        raise ModelError(f"{path}: not written: int8 weights change the scores by {cost:.2g} on average")
    with whole(path) as file:
        file.write(graph)
    return graph


def _whose_fault(network: Network, features: npt.NDArray[np.float32]) -> str:
    """Why a graph may differ from *network*: it is not the same, or the network does not even repeat itself."""
    in_double = network_scores(copy.deepcopy(network).double(), features.astype(np.float64))
    apart = float(np.abs(in_double - network_scores(network, features)).max())
    if apart <= SAME_WEIGHTS_TOLERANCE:
        return f"in float64 the network's own scores change by {apart:.2g}, so the graph is wrong: please report it"
    return (
        f"in float64 the network's own scores change by {apart:.2g}: its recurrence lets every rounding grow, "
        "as that of a network that has not learnt does; judge the network, and train it at a lower rate"
    )
