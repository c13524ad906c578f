"""The cells: fast forms equal the papers' equations, and gradients equal autograd's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.cells import GRU, Cell, FastGRNN  # noqa: E402
from kws_app.training.ghost import GhostRNN  # noqa: E402

CELLS = {"GRU": lambda: GRU(5, 8), "FastGRNN": lambda: FastGRNN(5, 8), "GhostRNN": lambda: GhostRNN(5, 8)}


@pytest.fixture(params=CELLS, ids=str)
def cell(request: pytest.FixtureRequest) -> Cell:
    torch.manual_seed(0)
    made: Cell = CELLS[request.param]().double()
    for parameter in made.parameters():
        parameter.data.copy_(torch.randn_like(parameter) / 2)
    return made


def stream(cell: Cell, frames: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(frames, 3, 5, dtype=torch.double, requires_grad=True)
    return x, torch.randn(3, cell.state_size, dtype=torch.double, requires_grad=True)


def test_many_frames_at_once_equal_one_step_after_another(cell: Cell) -> None:
    x, state = stream(cell)

    y, last = cell(x, state)

    stepped, stepped_last = Cell.forward(cell, x, state)
    torch.testing.assert_close(y, stepped)
    torch.testing.assert_close(last, stepped_last)


def test_a_stream_cut_in_two_goes_on_where_it_stopped(cell: Cell) -> None:
    x, state = stream(cell)
    whole, _ = cell(x, state)

    first, carried = cell(x[:3], state)
    second, _ = cell(x[3:], carried)

    torch.testing.assert_close(torch.cat([first, second]), whole)


def test_gradients_equal_those_of_the_stepped_equations(cell: Cell) -> None:
    x, state = stream(cell)
    inputs = [x, state, *cell.parameters()]

    y, last = cell(x, state)
    expected_y, expected_last = Cell.forward(cell, x, state)

    weight, last_weight = torch.randn_like(y), torch.randn_like(last)
    actual = torch.autograd.grad((y * weight).sum() + (last * last_weight).sum(), inputs)
    expected = torch.autograd.grad((expected_y * weight).sum() + (expected_last * last_weight).sum(), inputs)
    torch.testing.assert_close(actual, expected)


def test_the_ghost_ratio_saves_what_the_paper_says() -> None:
    """At r = 2 and d = n the cell has 54 % of a GRU's weights, the whole model about 60 %."""
    n = 64
    ghost = GhostRNN(n, n)
    weights = sum(parameter.numel() for parameter in ghost.parameters() if parameter.dim() == 2)

    assert weights / (3 * n * (n + n)) == pytest.approx(13 / 24)


def test_only_the_intrinsic_half_is_carried() -> None:
    assert GhostRNN(5, 8).state_size == 4
    assert GhostRNN(5, 9, r=3).state_size == 3


def test_a_ratio_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="8 is no multiple of 3"):
        GhostRNN(5, 8, r=3)
