"""The cells: fast forms equal the papers' equations, gradients equal autograd's, sizes are the papers'."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.activations import CHEAP, HARD_SIGMOID, HARD_TANH, SIGMOID, TANH, Activation  # noqa: E402
from kws_app.training.cells import GRU, LSTM, RNN, Cell, FastGRNN, FastRNN  # noqa: E402
from kws_app.training.compression import MatrixSettings, compress  # noqa: E402
from kws_app.training.ghost import GhostFastGRNN, GhostRNN  # noqa: E402
from kws_app.training.products import Diagonals, Factors, Whole, product_of  # noqa: E402
from kws_app.training.sequence import FastGatedSequence, GatedSequence  # noqa: E402

CELLS = {
    "RNN": lambda: RNN(5, 8),
    "FastRNN": lambda: FastRNN(5, 8),
    "FastRNN, an alpha a unit": lambda: FastRNN(5, 8, alpha="vector"),
    "FastGRNN": lambda: FastGRNN(5, 8),
    "FastGRNN, piecewise linear": lambda: FastGRNN(5, 8, piecewise_linear=True),
    "FastGRNN, bounded": lambda: FastGRNN(5, 8, bounded=True),
    "GRU": lambda: GRU(5, 8),
    "GRU, piecewise linear": lambda: GRU(5, 8, piecewise_linear=True),
    "LSTM": lambda: LSTM(5, 8),
    "LSTM, piecewise linear": lambda: LSTM(5, 8, piecewise_linear=True),
    "GhostRNN": lambda: GhostRNN(5, 8),
    "GhostRNN, r = 4": lambda: GhostRNN(5, 8, r=4),
    "GhostRNN, relu": lambda: GhostRNN(5, 8, after="relu"),
    "GhostRNN, linear": lambda: GhostRNN(5, 8, after="linear"),
    "GhostRNN, diagonal": lambda: GhostRNN(5, 8, r=4, phi="diagonal"),
    "GhostRNN, piecewise linear": lambda: GhostRNN(5, 8, piecewise_linear=True),
    "GhostFastGRNN": lambda: GhostFastGRNN(5, 8),
    "GhostFastGRNN, diagonal": lambda: GhostFastGRNN(5, 8, phi="diagonal"),
    "GRU, low rank": lambda: low_rank(GRU(5, 8)),
    "GhostRNN, low rank and diagonal": lambda: low_rank(GhostRNN(5, 8, r=4, phi="diagonal")),
    "FastGRNN, low rank": lambda: low_rank(FastGRNN(5, 8)),
    "GhostFastGRNN, low rank": lambda: low_rank(GhostFastGRNN(5, 8)),
}
ACTIVATIONS = (SIGMOID, HARD_SIGMOID, HARD_TANH, *CHEAP.values())

WITH_EVERY_CELL = pytest.mark.parametrize("name", CELLS)


def low_rank(cell: Cell) -> Cell:
    """*cell*, its ``U`` in factors that all gates share, so few that a loop multiplies by them."""
    compress(cell, "U", MatrixSettings("shared", 1), gates=cell.gates)
    assert product_of(cell, "U")[0] is Factors
    return cell


def made(name: str) -> Cell:
    torch.manual_seed(0)
    cell: Cell = CELLS[name]().double()
    for parameter in cell.parameters():
        parameter.data.copy_(torch.randn_like(parameter) / 2)
    return cell


def stream(cell: Cell, frames: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(frames, 3, 5, dtype=torch.double, requires_grad=True)
    return x, torch.randn(3, cell.state_size, dtype=torch.double, requires_grad=True)


@WITH_EVERY_CELL
def test_many_frames_at_once_equal_one_step_after_another(name: str) -> None:
    cell = made(name)
    x, state = stream(cell)

    y, last = cell(x, state)

    stepped, stepped_last = Cell.forward(cell, x, state)
    torch.testing.assert_close(y, stepped)
    torch.testing.assert_close(last, stepped_last)


@WITH_EVERY_CELL
def test_a_stream_cut_in_two_goes_on_where_it_stopped(name: str) -> None:
    cell = made(name)
    x, state = stream(cell)
    whole, _ = cell(x, state)

    first, carried = cell(x[:3], state)
    second, _ = cell(x[3:], carried)

    torch.testing.assert_close(torch.cat([first, second]), whole)


@WITH_EVERY_CELL
def test_gradients_equal_those_of_the_stepped_equations(name: str) -> None:
    cell = made(name)
    x, state = stream(cell)
    inputs = [x, state, *cell.parameters()]

    y, last = cell(x, state)
    expected_y, expected_last = Cell.forward(cell, x, state)

    weight, last_weight = torch.randn_like(y), torch.randn_like(last)
    actual = torch.autograd.grad((y * weight).sum() + (last * last_weight).sum(), inputs)
    expected = torch.autograd.grad((expected_y * weight).sum() + (expected_last * last_weight).sum(), inputs)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("bounded", [False, True])
def test_the_state_behind_open_gates_grows_with_the_stream_unless_it_is_bounded(bounded: bool) -> None:
    cell = FastGRNN(1, 1, bounded=bounded, piecewise_linear=True)
    loud = torch.full((1000, 1, 1), 100.0)
    cell.W.data.fill_(0.1)

    with torch.no_grad():
        last = cell(loud, torch.zeros(1, 1))[1].item()

    assert last == pytest.approx(1.0 if bounded else 1000 * torch.sigmoid(cell.nu).item(), rel=1e-3)


@pytest.mark.parametrize(
    ("ghosts", "kinds", "stored"),
    [
        (0, (Whole, Whole), lambda rows: [(rows, 3), (0, 3)]),
        (3, (Whole, Whole), lambda rows: [(rows, 6), (3, 3)]),
        (6, (Factors, Diagonals), lambda rows: [(rows, 2), (2, 9), (2, 3)]),
    ],
)
@pytest.mark.parametrize(
    ("sequence", "rows", "vectors"), [(GatedSequence, 9, [(3,)]), (FastGatedSequence, 3, [(3,), (3,), (), (), ()])]
)
def test_the_written_out_backward_pass_is_the_numerical_derivative(
    sequence: Any, rows: int, vectors: list[tuple[int, ...]], ghosts: int, kinds: Any, stored: Any
) -> None:
    """Frames 4, lanes 2, intrinsic units 3; weights are small and all frames weigh alike: nothing is shortened."""
    torch.manual_seed(1)
    shapes = ((4, 2, rows), (2, 3), *vectors, (ghosts,), *stored(rows))
    inputs = [(torch.randn(shape, dtype=torch.double) / 4).requires_grad_() for shape in shapes]
    others = 3 + len(vectors)

    def outputs(*tensors: torch.Tensor) -> torch.Tensor:
        how = (SIGMOID, TANH, TANH), kinds
        return sequence.apply(*tensors[:others], *how, *tensors[others:]).sum((0, 1)).sin()

    assert torch.autograd.gradcheck(outputs, inputs)


@pytest.mark.parametrize("name", ["GhostRNN", "FastGRNN"])
def test_a_gradient_is_shortened_where_it_outgrows_what_the_loss_sent_in(name: str) -> None:
    cell = made(name)
    cell.U.data *= 100
    x, state = stream(cell, frames=50)

    (cell(x, state)[0][-1] * torch.rand(8)).sum().backward()

    assert state.grad is not None
    assert state.grad.norm(dim=1).max() < 100


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.name)
def test_an_activations_slope_follows_from_its_output(activation: Activation) -> None:
    x = torch.linspace(-3, 3, 101, dtype=torch.double, requires_grad=True)

    y = activation.of(x)

    (expected,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(activation.slope(y), expected)


def test_a_loss_that_asks_for_nothing_leaves_no_gradient_that_is_no_number() -> None:
    cell = made("GhostRNN")
    x, state = stream(cell)

    (cell(x, state)[0] * 0).sum().backward()

    assert state.grad is not None
    assert (state.grad == 0).all()


@pytest.mark.parametrize(
    ("d", "n", "gru", "ghost", "quarter", "fast"),
    [
        (13, 64, 14_976, 8_544, 4_560, 5_058),
        (40, 64, 20_160, 11_136, 5_856, 6_786),
        (40, 100, 42_300, 23_700, 12_525, 14_202),
        (10, 154, 76_230, 44_121, None, 25_566),
    ],
)
def test_cells_have_the_papers_parameters(d: int, n: int, gru: int, ghost: int, quarter: int | None, fast: int) -> None:
    """Those count one bias a gate; the reset after the product has another, b_c'."""
    assert count(GRU(d, n)) - n == gru
    assert count(GhostRNN(d, n)) - n // 2 == ghost
    assert quarter is None or count(GhostRNN(d, n, r=4)) - n // 4 == quarter
    assert count(FastGRNN(d, n)) == fast


def count(cell: Cell) -> int:
    return sum(parameter.numel() for parameter in cell.parameters())


def test_the_ghost_ratio_saves_what_the_paper_says() -> None:
    """At r = 2 and d = n the cell has 54 % of a GRU's weights, the whole model about 60 %."""
    n = 64
    ghost = GhostRNN(n, n)
    weights = sum(parameter.numel() for parameter in ghost.parameters() if parameter.dim() == 2)

    assert weights / (3 * n * (n + n)) == pytest.approx(13 / 24)


def test_a_diagonal_phi_stores_one_number_a_ghost() -> None:
    assert count(GhostRNN(5, 8, r=4, phi="diagonal")) == count(GhostRNN(5, 8, r=4)) - 6 * 2 + 6


def test_only_the_intrinsic_half_is_carried() -> None:
    assert GhostRNN(5, 8).state_size == 4
    assert GhostFastGRNN(5, 9, r=3).state_size == 3


def test_an_lstm_carries_its_output_and_its_memory() -> None:
    cell = made("LSTM")
    x, state = stream(cell)

    y, last = cell(x, state)

    assert cell.state_size == 16
    torch.testing.assert_close(last[:, :8], y[-1])


def test_a_ratio_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="8 is no multiple of 3"):
        GhostRNN(5, 8, r=3)
