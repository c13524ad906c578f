"""One step of every cell as ONNX nodes, its matrices as they are stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from kws_app.training.activations import Activation
from kws_app.training.cells import GRU, LSTM, RNN, Cell, FastGRNN, FastRNN
from kws_app.training.compression import Diagonal, LowRank, Toeplitz, form_of
from kws_app.training.ghost import Ghosts
from kws_app.training.graph import Graph

Whole = Callable[[str], str]
"""What the cell gives, of the state that it carries."""


def cell_step(graph: Graph, cell: Cell, x: str, state: str) -> tuple[str, str]:
    """Output and next state of one cell."""
    whole = _ghosts(graph, cell) if isinstance(cell, Ghosts) else lambda state: state
    match cell:
        case LSTM():
            return _lstm(graph, cell, x, state)
        case GRU():
            state = _gru(graph, cell, x, state, whole)
        case FastGRNN():
            state = _fast_grnn(graph, cell, x, state, whole)
        case RNN() | FastRNN():
            state = _rnn(graph, cell, x, state)
        case _:
            return cell.nodes(graph, x, state)
    return whole(state), state


def _ghosts(graph: Graph, cell: Ghosts) -> Whole:
    form, (Phi, *_) = form_of(cell, "Phi")
    matrix, bias = graph.matrix(Phi), graph.constant(cell.b_phi.detach().numpy())
    factors = graph.reshape(matrix, 1, -1) if isinstance(form, Diagonal) else ""

    def whole(s: str) -> str:
        if factors:
            copies = graph.add("Concat", *[s] * len(Phi), axis=1)
            ghosts = graph.add("Add", graph.add("Mul", copies, factors), bias)
        else:
            ghosts = graph.add("Gemm", s, matrix, bias, transB=1)
        return str(graph.add("Concat", s, activated(graph, cell.phi, ghosts), axis=1))

    return whole


def _rnn(graph: Graph, cell: RNN | FastRNN, x: str, h: str) -> str:
    Wx, Uh = product(graph, x, cell, "W", cell.b), product(graph, h, cell, "U")
    candidate = activated(graph, cell.tanh, graph.add("Add", Wx, Uh))
    if isinstance(cell, RNN):
        return candidate
    alpha, beta = (graph.constant(torch.sigmoid(logit).detach().numpy()) for logit in (cell.alpha, cell.beta))
    return str(graph.add("Add", graph.add("Mul", alpha, candidate), graph.add("Mul", beta, h)))


def _fast_grnn(graph: Graph, cell: FastGRNN, x: str, h: str, whole: Whole) -> str:
    a = graph.add("Add", product(graph, x, cell, "W"), product(graph, whole(h), cell, "U"))
    z = activated(graph, cell.sigmoid, graph.add("Add", a, graph.constant(cell.b_z.detach().numpy())))
    candidate = activated(graph, cell.tanh, graph.add("Add", a, graph.constant(cell.b_h.detach().numpy())))
    zeta, nu, kept = (share.item() for share in cell.shares())
    # zeta (1 - z) + nu  =  (zeta + nu) - zeta z
    share = graph.add("Sub", graph.constant([zeta + nu]), graph.add("Mul", graph.constant([zeta]), z))
    carried = graph.add("Mul", graph.add("Mul", graph.constant([kept]), z) if cell.bounded else z, h)
    return str(graph.add("Add", graph.add("Mul", share, candidate), carried))


def _gru(graph: Graph, cell: GRU, x: str, h: str, whole: Whole) -> str:
    m = cell.state_size
    reset_bias = torch.cat([torch.zeros(2 * m), cell.b_c.detach()])
    W_gates, W_c = graph.split(product(graph, x, cell, "W", cell.b), [2 * m, m])
    U_gates, U_c = graph.split(product(graph, whole(h), cell, "U", reset_bias), [2 * m, m])
    gates = activated(graph, cell.sigmoid, graph.add("Add", W_gates, U_gates))
    z, rho = graph.split(gates, [m, m])
    candidate = activated(graph, cell.tanh, graph.add("Add", W_c, graph.add("Mul", rho, U_c)))
    return str(graph.add("Add", candidate, graph.add("Mul", z, graph.add("Sub", h, candidate))))


def _lstm(graph: Graph, cell: LSTM, x: str, state: str) -> tuple[str, str]:
    n = cell.outputs
    h, c = graph.split(state, [n, n])
    a = graph.add("Add", product(graph, x, cell, "W", cell.b), product(graph, h, cell, "U"))
    i, f, g, o = graph.split(a, [n] * 4)
    i, f, o = (activated(graph, cell.sigmoid, gate) for gate in (i, f, o))
    kept, new = graph.add("Mul", f, c), graph.add("Mul", i, activated(graph, cell.tanh, g))
    c = graph.add("Add", kept, new)
    h = graph.add("Mul", o, activated(graph, cell.tanh, c))
    return h, graph.add("Concat", h, c, axis=1)


def activated(graph: Graph, activation: Activation, x: str) -> str:
    """An activation of *x*."""
    match activation.name:
        case "sigmoid":
            return str(graph.add("Sigmoid", x))
        case "tanh":
            return str(graph.add("Tanh", x))
        case "relu":
            return str(graph.add("Relu", x))
        case "hard sigmoid":
            return str(graph.add("HardSigmoid", x, alpha=0.5, beta=0.5))
        case "hard tanh":
            return str(graph.add("Clip", x, graph.constant(-1.0), graph.constant(1.0)))
    return x


def product(graph: Graph, x: str, cell: Cell, name: str, bias: Tensor | None = None) -> str:
    """The matrix *name* of a cell times *x*, and a bias added."""
    form, stored = form_of(cell, name)
    match form:
        case LowRank():
            return _low_rank(graph, x, form, stored[0], stored[1], bias)
        case Toeplitz():
            return graph.product(x, _toeplitz(graph, form, stored[0], stored[1]), bias)
    return graph.linear(x, stored[0], bias)


def _low_rank(graph: Graph, x: str, form: LowRank, A: Tensor, B: Tensor, bias: Tensor | None) -> str:
    """Factor by factor."""
    projected = graph.split(graph.linear(x, B), [form.rank] * form.groups)
    biases = [None] * form.groups if bias is None else bias.chunk(form.groups)
    rows = zip(projected, A.chunk(form.groups), biases, strict=True)
    gates = [graph.linear(Bx, factor, share) for Bx, factor, share in rows]
    return gates[0] if len(gates) == 1 else str(graph.add("Concat", *gates, axis=1))


def _toeplitz(graph: Graph, form: Toeplitz, G: Tensor, H: Tensor) -> str:
    """The whole matrix, ``(columns, rows)``, of its generators: ``from_displacement`` for all gates at once.

    All of it is constant, so that ONNX Runtime computes it once, when it loads the file. The places on a diagonal stand
    in reverse at first, since ``_rolled`` turns rows only to the right.
    """
    gates, rank, size = form.groups, form.rank, form.size
    G3, H3 = (graph.reshape(graph.matrix(factor), gates, rank, size) for factor in (G, H.flip(1)))
    stored = graph.add("MatMul", graph.add("Transpose", H3, perm=[0, 2, 1]), G3)
    displacement = graph.add("Div", stored, graph.constant(float(size)))
    along = _rolled(graph, displacement, gates, size)  # (gates, place on a diagonal, diagonal)
    axis = graph.constant([1], np.int64)
    start = graph.add("Mul", graph.add("ReduceSum", along, axis, keepdims=1), graph.constant(0.5))
    diagonals = graph.add("Sub", start, graph.add("CumSum", along, axis, exclusive=1, reverse=1))
    backwards = (graph.constant(numbers, np.int64) for numbers in ([-1], [-size - 1], [1], [-1]))
    square = _rolled(graph, graph.add("Slice", diagonals, *backwards), gates, size)  # (gates, columns, rows)
    blocks = graph.slice(square, [0, 0], [form.columns, form.rows], axis=1)
    return graph.reshape(graph.add("Transpose", blocks, perm=[1, 0, 2]), form.columns, gates * form.rows)


def _rolled(graph: Graph, x: str, gates: int, size: int) -> str:
    """Square matrices, row ``i`` rolled to the right by ``i``: cut out of twice the numbers, rows are one too short."""
    twice = graph.reshape(graph.add("Concat", x, x, axis=2), gates, 2 * size**2)
    rows = graph.reshape(graph.slice(twice, [size], [2 * size**2], axis=1), gates, size, 2 * size - 1)
    return graph.slice(rows, [0], [size], axis=2)
