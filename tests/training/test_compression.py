"""Forms of matrices: what they store, what they can be made of, and the identities behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from torch import Tensor, nn  # noqa: E402

from kws_app.errors import ConfigError  # noqa: E402
from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.schema import read  # noqa: E402
from kws_app.training.cells import GRU, LSTM, Cell, FastGRNN  # noqa: E402
from kws_app.training.compression import (  # noqa: E402
    MatrixSettings,
    compress,
    displacement_of,
    form_of,
    from_displacement,
    macs_of,
    truncated,
)
from kws_app.training.network import Network, NetworkSettings, TopSettings  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann")
WITH_EVERY_FORM = pytest.mark.parametrize(
    ("form", "full"), [("low_rank", 8), ("shared", 10), ("toeplitz", 10)], ids=["low_rank", "shared", "toeplitz"]
)
"""And the rank at which it can hold any 24 x 10 matrix of three gates."""


class Rows(nn.Module):
    """One matrix of three gates."""

    def __init__(self) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(24, 10, dtype=torch.double))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def shift(size: int, corner: float) -> Tensor:
    """``Z_f``: down by one, ``f`` in the top right corner."""
    Z = torch.diag(torch.ones(size - 1, dtype=torch.double), -1)
    Z[0, -1] = corner
    return Z


def krylov(Z: Tensor, v: Tensor) -> Tensor:
    """``[v, Z v, Z^2 v, ...]``."""
    columns = [v]
    while len(columns) < len(v):
        columns.append(Z @ columns[-1])
    return torch.stack(columns, dim=1)


def test_a_displacement_is_what_the_shifts_make_of_a_matrix() -> None:
    M = torch.randn(7, 7, dtype=torch.double)

    torch.testing.assert_close(displacement_of(M), shift(7, 1) @ M - M @ shift(7, -1))


def test_a_matrix_follows_from_its_displacement() -> None:
    M = torch.randn(3, 7, 7, dtype=torch.double)

    torch.testing.assert_close(from_displacement(displacement_of(M)), M)


def test_generators_make_half_the_sum_of_products_of_circulants_and_skew_circulants() -> None:
    """The identity of Sindhwani, Sainath and Kumar (arXiv 1510.01722): M = 1/2 sum Z_1(g) Z_{-1}(J h)."""
    G, H = torch.randn(2, 3, 7, dtype=torch.double)

    M = from_displacement((G.T @ H)[None])[0]

    terms = [krylov(shift(7, 1), g) @ krylov(shift(7, -1), h.flip(0)) for g, h in zip(G, H, strict=True)]
    torch.testing.assert_close(M, sum(terms) / 2)


@pytest.mark.parametrize("inverted", [False, True])
def test_toeplitz_matrices_and_their_inverses_have_displacement_rank_two(inverted: bool) -> None:
    diagonals = torch.randn(15, dtype=torch.double)
    toeplitz = torch.stack([diagonals[8 - row : 16 - row] for row in range(1, 9)])
    M = torch.linalg.inv(toeplitz) if inverted else toeplitz

    left, right = truncated(displacement_of(M), 2)

    torch.testing.assert_close(from_displacement((left @ right)[None])[0], M)


@WITH_EVERY_FORM
def test_a_form_of_full_rank_holds_any_matrix(form: str, full: int) -> None:
    cell, expected = Rows(), Rows().W.detach()
    with pytest.raises(ValueError, match="more than the 240 of the whole matrix"):
        compress(cell, "W", MatrixSettings(form, full), gates=3)

    cell.W = expected

    torch.testing.assert_close(cell.W, expected)


def test_a_low_rank_form_starts_as_the_nearest_matrix_of_that_rank() -> None:
    cell = Rows()
    dense = cell.W.detach().clone()

    compress(cell, "W", MatrixSettings("shared", 4), gates=3)

    values = torch.linalg.svdvals(dense)
    assert (cell.W - dense).norm().item() == pytest.approx(values[4:].norm().item())


def test_generators_come_nearer_to_a_matrix_the_more_there_are() -> None:
    dense = GRU(20, 24).U.detach()
    left = []

    for rank in (1, 2, 4, 8, 12):
        cell = GRU(20, 24)
        cell.U.data.copy_(dense)
        compress(cell, "U", MatrixSettings("toeplitz", rank), gates=3)
        left.append((cell.U - dense).norm().item() / dense.norm().item())

    assert left == sorted(left, reverse=True)
    assert left[0] < 1


def test_a_matrix_that_needs_fewer_generators_than_there_are_is_held_all_the_same() -> None:
    cell = Rows()
    cell.W.data = torch.cat([torch.eye(8, 10), torch.zeros(16, 10)]).double()
    expected = cell.W.detach().clone()

    compress(cell, "W", MatrixSettings("toeplitz", 4), gates=3)

    torch.testing.assert_close(cell.W, expected)


def test_gates_share_one_right_factor_or_have_one_each() -> None:
    shared, each = Rows(), Rows()

    compress(shared, "W", MatrixSettings("shared", 2), gates=3)
    compress(each, "W", MatrixSettings("low_rank", 2), gates=3)

    assert [tuple(factor.shape) for factor in form_of(shared, "W")[1]] == [(24, 2), (2, 10)]
    assert [tuple(factor.shape) for factor in form_of(each, "W")[1]] == [(24, 2), (6, 10)]
    assert (macs_of(shared, "W"), macs_of(each, "W")) == (2 * (24 + 10), 2 * (24 + 3 * 10))


def test_an_lstm_gives_cudnn_no_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU both work: cuDNN refuses weights of other strides than their shape's."""
    cell, lstm, given = LSTM(6, 8), torch.lstm, []
    for name in ("W", "U"):
        compress(cell, name, MatrixSettings("toeplitz", 2), gates=4)
    monkeypatch.setattr(torch, "lstm", lambda *args: (given.extend(args[2]), lstm(*args))[1])

    cell(torch.ones(3, 2, 6), torch.zeros(2, cell.state_size))

    assert len(given) == 4
    assert all(weight.is_contiguous() for weight in given)


def test_a_toeplitz_form_stores_two_vectors_a_gate_and_rank() -> None:
    cell = Rows()

    compress(cell, "W", MatrixSettings("toeplitz", 2), gates=3)

    assert sum(factor.numel() for factor in form_of(cell, "W")[1]) == 3 * 2 * 2 * 10
    assert macs_of(cell, "W") == 240


def test_a_gru_with_shared_factors_has_the_parameters_of_the_formula() -> None:
    """``r_w (d + 3 n) + r_u (n + 3 n) + 3 n`` at d = 40, n = 100, and b_c' of the reset after the product."""
    cell = GRU(40, 100)
    compress(cell, "W", MatrixSettings("shared", 16), gates=3)
    compress(cell, "U", MatrixSettings("shared", 25), gates=3)

    assert sum(parameter.numel() for parameter in cell.parameters()) - 100 == 15_740


@pytest.mark.parametrize(("form", "rank"), [("low_rank", 11), ("shared", 18), ("toeplitz", 11)])
@pytest.mark.parametrize("name", ["W", "U"])
def test_an_update_moves_a_matrix_no_farther_than_if_it_were_stored_whole(form: str, rank: int, name: str) -> None:
    """Adam adds about the rate to every number that is stored, here with a gradient as one frame sends it."""
    rate, cell = 0.004, LSTM(64, 100)
    compress(cell, name, MatrixSettings(form, rank), gates=4)
    stored, before = form_of(cell, name)[1], getattr(cell, name)
    frame = (torch.randn(400, 1) @ torch.rand(1, before.shape[1]) * before).sum()

    for parameter, gradient in zip(stored, torch.autograd.grad(frame, stored), strict=True):
        parameter.data -= rate * gradient.sign()

    moved = (getattr(cell, name) - before).square().mean().sqrt().item()
    assert moved < rate


@WITH_EVERY_FORM
def test_gradients_through_a_form_equal_those_of_the_stepped_equations(form: str, full: int) -> None:  # noqa: ARG001
    cell = GRU(5, 8).double()
    compress(cell, "U", MatrixSettings(form, 1), gates=3)
    x, start = torch.randn(6, 2, 5, dtype=torch.double), torch.randn(2, 8, dtype=torch.double)
    weight, stored = torch.randn(6, 2, 8, dtype=torch.double), list(cell.parameters())

    actual = torch.autograd.grad((cell(x, start)[0] * weight).sum(), stored)

    expected = torch.autograd.grad((Cell.forward(cell, x, start)[0] * weight).sum(), stored)
    torch.testing.assert_close(actual, expected)


def made(**settings: object) -> Network:
    return Network(MFCC, NetworkSettings(**{"cell": "GRU", "hidden": 24, **settings}), 2)


def test_a_compressed_network_starts_from_a_trained_one() -> None:
    trained = made(layers=2)
    nearly_whole = MatrixSettings("shared", 17)

    network = made(layers=2, U=nearly_whole)
    network.start_from(trained)

    left, right = truncated(trained.cells[1].U.detach(), 17)
    torch.testing.assert_close(network.cells[1].U, left @ right)
    torch.testing.assert_close(network.cells[1].W, trained.cells[1].W)
    torch.testing.assert_close(network.head.weight, trained.head.weight)


@pytest.mark.parametrize(
    ("cell", "ghosted", "forms"),
    [
        ("GRU", "GhostRNN", {}),
        ("FastGRNN", "GhostFastGRNN", {}),
        ("GRU", "GhostRNN", {"U": MatrixSettings("shared", 12), "across_layers": True}),
    ],
    ids=["GRU", "FastGRNN", "projected"],
)
def test_a_network_that_is_given_ghosts_scores_as_before(cell: str, ghosted: str, forms: dict[str, Any]) -> None:
    trained = made(cell=cell, hidden=12, layers=2)

    network = made(cell=ghosted, hidden=24, layers=2, phi="diagonal", **forms)
    network.start_from(trained)

    x = torch.randn(40, 3, 20)
    torch.testing.assert_close(network(x, network.start(3))[0], trained(x, trained.start(3))[0], atol=1e-4, rtol=0)


LOW = MatrixSettings("shared", 5)


@pytest.mark.parametrize(
    ("cell", "settings"),
    [
        ("GhostRNN", {"hidden": 48, "phi": "diagonal", "W": LOW, "U": LOW}),
        ("LSTM", {"W": MatrixSettings("low_rank", 5), "U": MatrixSettings("low_rank", 5)}),
        ("GRU", {"layers": 2, "W": LOW, "U": LOW}),
    ],
    ids=["shared, with ghosts", "a factor a gate", "two layers"],
)
def test_low_ranks_made_for_what_is_heard_score_nearer_to_the_trained_network(
    cell: str, settings: dict[str, Any]
) -> None:
    torch.manual_seed(2)
    trained = made(cell={"GhostRNN": "GRU"}.get(cell, cell), layers=settings.get("layers", 1))
    torch.nn.init.normal_(trained.head.weight)
    x, others = torch.randn(2, 50, 8, 6) @ torch.randn(6, MFCC.nfilt)  # bands that go together, as those of speech do

    apart = []
    for heard in (None, x):
        network = made(cell=cell, **settings)
        network.start_from(trained, heard)
        scores = [n.head(n.trunk(others, n.start(8)[:, 1:])[0]) for n in (network, trained)]
        apart.append((scores[0] - scores[1]).abs().mean().item())

    assert apart[1] < apart[0] / 2


@pytest.mark.parametrize("W", [MatrixSettings(), MatrixSettings("shared", 20)], ids=["whole", "low rank"])
def test_a_network_with_more_context_begins_as_the_one_with_less(W: MatrixSettings) -> None:
    trained = made(context=1, W=W)

    network = made(context=3, W=W)
    x = torch.randn(40, 3, 20)
    network.start_from(trained, torch.randn(200, 3, 20))

    torch.testing.assert_close(network(x, network.start(3))[0], trained(x, trained.start(3))[0], atol=1e-3, rtol=0)


def test_a_network_that_read_a_projection_reads_the_units_behind_it() -> None:
    trained = made(layers=2, U=MatrixSettings("shared", 6), across_layers=True)

    network = made(layers=2)
    network.start_from(trained)

    x = torch.randn(40, 3, 20)
    torch.testing.assert_close(network(x, network.start(3))[0], trained(x, trained.start(3))[0], atol=1e-4, rtol=0)


def test_a_layer_that_reads_a_projection_has_the_least_squares_of_the_trained_weights() -> None:
    """Units below that lie in the space of the projection are read as they were."""
    trained = made(layers=2)

    network = made(layers=2, U=MatrixSettings("shared", 4), across_layers=True)
    network.start_from(trained)

    P = network.projection(0)
    units = torch.randn(5, 4) @ P
    assert network.cells[1].W.shape == (72, 4)
    torch.testing.assert_close(units @ P.T @ network.cells[1].W.T, units @ trained.cells[1].W.T, atol=1e-4, rtol=0)


def test_the_hybrid_of_lu_et_al_saves_three_quarters_of_an_lstm() -> None:
    """Toeplitz-like at the bottom, factors shared by gates and layers on top."""
    structured, shared = MatrixSettings("toeplitz", 4), MatrixSettings("shared", 24)
    settings = NetworkSettings(cell="LSTM", hidden=100, layers=3)

    hybrid = replace(settings, W=structured, U=structured, top=TopSettings(shared, shared), across_layers=True)

    dense, small = (Network(MFCC, wanted, 2).parameters_trained for wanted in (settings, hybrid))
    assert [hybrid.projects(layer) for layer in range(3)] == [False, True, False]
    assert 1 - small / dense == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("W: {form: low_rank}", "form low_rank needs a rank of 1 or more, got 0"),
        ("U: {rank: 3}", "form dense needs no rank, got 3"),
        ("U: {form: toplitz, rank: 3}", "unknown value 'toplitz'; did you mean 'toeplitz'?"),
        ("{layers: 2, across_layers: true}", "across_layers needs a layer with another above it"),
        ("{cell: GHostRNN}", "unknown value 'GHostRNN'; did you mean 'GhostRNN'?"),
    ],
)
def test_settings_that_fit_no_network_are_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text, NetworkSettings, file="recipe.yaml")

    assert fault in str(refused.value)


def test_a_rank_that_stores_more_than_the_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"U: low_rank of rank 16 takes 768 numbers, more than the 576"):
        made(cell="FastGRNN", U=MatrixSettings("low_rank", 16))


def test_the_papers_ranks_save_what_it_says() -> None:
    """FastGRNN on Google-12: n = 100, 32 bands, ranks 16 and 25."""
    cell = FastGRNN(32, 100)
    compress(cell, "W", MatrixSettings("low_rank", 16), gates=1)
    compress(cell, "U", MatrixSettings("low_rank", 25), gates=1)

    assert (macs_of(cell, "W"), macs_of(cell, "U")) == (16 * 132, 2 * 100 * 25)
