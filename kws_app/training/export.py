"""Write a network as the one-frame ONNX step graph that the daemon runs, its card inside.

``features [batch, coefficients]`` and ``state [batch, state size]`` go in, ``scores [batch, keywords]`` and
``next_state`` come out. Nothing is written if the file's scores differ from the network's over a long stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from kws_app.errors import ModelError
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.stepper import Model
from kws_app.training.cells import GRU, Cell, FastGRNN, GhostRNN
from kws_app.training.network import CLAMP, Front, Network
from kws_app.training.quantize import quantize_rows, quantized
from kws_app.wholefile import whole

OPSET = 18
IR_VERSION = 9
# The same numbers in another order: 1e-7 apart at first, but a trained recurrence stretches that for some frames.
SAME_WEIGHTS_TOLERANCE = 0.02  # largest difference of a score; an error in the graph makes tenths
INT8_TOLERANCE = 0.02  # mean absolute difference of scores, int8 against float weights


class _Graph:
    """Nodes and initialisers as they are added; every method returns the name of what it made."""

    def __init__(self, *, int8: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._int8 = int8

    def add(self, operator: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> Any:
        base = name or f"{operator.lower()}_{len(self.nodes)}"
        names = [base] if outputs == 1 else [f"{base}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        name = f"constant_{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def matrix(self, weight: torch.Tensor) -> str:
        """A weight matrix, int8 with one scale a row if the graph is an int8 one."""
        values = weight.detach().numpy()
        if not self._int8:
            return self.constant(values)
        compact = quantize_rows(values)
        return str(
            self.add(
                "DequantizeLinear",
                self.constant(compact.values, np.int8),
                self.constant(compact.scales),
                axis=0,
            )
        )

    def linear(self, x: str, weight: torch.Tensor, bias: torch.Tensor) -> str:
        """``x @ weight.T + bias``."""
        return str(self.add("Gemm", x, self.matrix(weight), self.constant(bias.detach().numpy()), transB=1))

    def split(self, x: str, sizes: Sequence[int]) -> list[str]:
        if len(sizes) == 1:
            return [x]
        pieces: list[str] = self.add("Split", x, self.constant(sizes, np.int64), outputs=len(sizes), axis=1)
        return pieces


def step_graph(network: Network, card: Card, *, int8: bool = True) -> bytes:
    """The network's step as a serialised ONNX model with *card* in its metadata."""
    graph = _Graph(int8=int8)
    states = graph.split("state", network.parts)
    x, level = _front(graph, network.front, "features", states[0])
    lasts = [level]
    for cell, state in zip(network.cells, states[1:], strict=True):
        assert isinstance(cell, Cell)
        x, last = _cell(graph, cell, x, state)
        lasts.append(last)
    graph.add("Concat", *lasts, name="next_state", axis=1)
    graph.add("Sigmoid", graph.linear(x, network.head.weight, network.head.bias), name="scores")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "step",
            [
                _value("features", network.front.stack * network.front.bands.shape[0]),
                _value("state", sum(network.parts)),
            ],
            [_value("scores", network.head.out_features), _value("next_state", sum(network.parts))],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="kws-train",
    )
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _value(name: str, size: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])


def _front(graph: _Graph, front: Front, features: str, level: str) -> tuple[str, str]:
    """:class:`Front`: bands above the floor and the bottom, less the level that follows them, scaled and clamped."""
    matrix, floor = graph.matrix(front.bands), graph.constant([-front.floor])
    depth, above_bottom = graph.constant([front.depth]), []
    for frame in graph.split(features, [front.bands.shape[0]] * front.stack):
        bands = graph.add("Softplus", graph.add("Gemm", frame, matrix, floor))
        level = _followed(graph, front, bands, level)
        bottom = graph.add("Sub", level, depth)
        above_bottom.append(graph.add("Softplus", graph.add("Sub", bands, bottom)))
    x = above_bottom[0] if front.stack == 1 else graph.add("Concat", *above_bottom, axis=1)
    scale, shift = 1 / front.deviation.numpy(), -(front.mean.numpy() + front.depth) / front.deviation.numpy()
    scaled = graph.add("Mul", x, graph.constant(np.tile(scale, front.stack)))
    shifted = graph.add("Add", scaled, graph.constant(np.tile(shift, front.stack)))
    limits = (graph.constant(-CLAMP), graph.constant(CLAMP))
    return graph.add("Clip", shifted, *limits), level


def _followed(graph: _Graph, front: Front, bands: str, level: str) -> str:
    """The level after these bands."""
    mean = graph.add("ReduceMean", bands, graph.constant([1], np.int64), keepdims=1)
    difference = graph.add("Sub", mean, level)
    rises = graph.add("Greater", difference, graph.constant([0.0]))
    speed = graph.add("Where", rises, graph.constant([front.rise]), graph.constant([front.fall]))
    return str(graph.add("Add", level, graph.add("Mul", speed, difference)))


def _cell(graph: _Graph, cell: Cell, x: str, state: str) -> tuple[str, str]:
    """Output and next state of one cell."""
    match cell:
        case GhostRNN():
            return _ghost_rnn(graph, cell, x, state)
        case FastGRNN():
            return _fast_grnn(graph, cell, x, state)
        case GRU():
            return _gru(graph, cell, x, state)
    raise TypeError(f"no step graph for {type(cell).__name__}")


def _ghost_rnn(graph: _Graph, cell: GhostRNN, x: str, s: str) -> tuple[str, str]:
    m = cell.state_size
    Phi, b_phi = graph.matrix(cell.Phi), graph.constant(cell.b_phi.detach().numpy())

    def with_ghosts(s: str) -> str:
        ghosts = graph.add("Tanh", graph.add("Gemm", s, Phi, b_phi, transB=1))
        return str(graph.add("Concat", s, ghosts, axis=1))

    reset_bias = torch.cat([torch.zeros(2 * m), cell.b_c.detach()])
    W_gates, W_c = graph.split(graph.linear(x, cell.W, cell.b), [2 * m, m])
    U_gates, U_c = graph.split(graph.linear(with_ghosts(s), cell.U, reset_bias), [2 * m, m])
    z, rho = graph.split(graph.add("Sigmoid", graph.add("Add", W_gates, U_gates)), [m, m])
    candidate = graph.add("Tanh", graph.add("Add", W_c, graph.add("Mul", rho, U_c)))
    s = graph.add("Add", candidate, graph.add("Mul", z, graph.add("Sub", s, candidate)))
    return with_ghosts(s), s


def _fast_grnn(graph: _Graph, cell: FastGRNN, x: str, h: str) -> tuple[str, str]:
    zero = torch.zeros(cell.outputs)
    a = graph.add("Add", graph.linear(x, cell.W, zero), graph.linear(h, cell.U, zero))
    z = graph.add("Sigmoid", graph.add("Add", a, graph.constant(cell.b_z.detach().numpy())))
    candidate = graph.add("Tanh", graph.add("Add", a, graph.constant(cell.b_h.detach().numpy())))
    zeta, nu = torch.sigmoid(cell.zeta).item(), torch.sigmoid(cell.nu).item()
    # zeta (1 - z) + nu  =  (zeta + nu) - zeta z
    share = graph.add("Sub", graph.constant([zeta + nu]), graph.add("Mul", graph.constant([zeta]), z))
    h = graph.add("Add", graph.add("Mul", share, candidate), graph.add("Mul", z, h))
    return h, h


def _gru(graph: _Graph, cell: GRU, x: str, h: str) -> tuple[str, str]:
    n, gru = cell.outputs, cell.gru  # rows in the order r, z, c
    W_gates, W_c = graph.split(graph.linear(x, gru.weight_ih_l0, gru.bias_ih_l0), [2 * n, n])
    U_gates, U_c = graph.split(graph.linear(h, gru.weight_hh_l0, gru.bias_hh_l0), [2 * n, n])
    r, z = graph.split(graph.add("Sigmoid", graph.add("Add", W_gates, U_gates)), [n, n])
    candidate = graph.add("Tanh", graph.add("Add", W_c, graph.add("Mul", r, U_c)))
    h = graph.add("Add", candidate, graph.add("Mul", z, graph.add("Sub", h, candidate)))
    return h, h


def stream_scores(model: Model, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores ``(steps, keywords)`` of *features* ``(steps, stack * coefficients)``, stepped as the daemon does."""
    stepper = model.stepper()
    return np.stack([stepper.step(frame[None])[0].copy() for frame in features])


def network_scores(network: Network, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same of the torch network, unrolled."""
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(features)[:, None], network.start(1))
    return np.asarray(torch.sigmoid(logits)[:, 0].numpy())


def export(network: Network, card: Card, path: Path, features: npt.NDArray[np.float32]) -> bytes:
    """Write *path* if the file is the network; returns its bytes.

    Args:
        features: float32 ``(steps, stack * coefficients)``, a long stream of real features to compare over.

    Raises:
        ModelError: the graph differs from the network it was made from, or int8 changes the scores too much.
        OutputError: it cannot be written.
    """
    graph = step_graph(network, card)
    stepped = stream_scores(Model(path, graph), features)
    same = float(np.abs(stepped - network_scores(quantized(network), features)).max())
    if not same <= SAME_WEIGHTS_TOLERANCE:
        raise ModelError(f"{path}: not written: graph and network differ by {same:.2g} over {len(features)} steps")
    cost = float(np.abs(stepped - network_scores(network, features)).mean())
    if not cost <= INT8_TOLERANCE:
        raise ModelError(f"{path}: not written: int8 weights change the scores by {cost:.2g} on average")
    with whole(path) as file:
        file.write(graph)
    return graph
