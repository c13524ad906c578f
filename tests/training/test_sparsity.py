"""Hard thresholding: three stages, and a support that stays."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.training.compression import MatrixSettings, form_of  # noqa: E402
from kws_app.training.network import Network, NetworkSettings  # noqa: E402
from kws_app.training.sparsity import TRIM_LEVEL, HardThreshold, largest  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann")
STEPS = 90
THIRD = STEPS // 3


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    sparse = NetworkSettings(
        cell="FastGRNN", hidden=20, W=MatrixSettings(kept=0.3), U=MatrixSettings("low_rank", 5, kept=0.2)
    )
    return Network(MFCC, sparse, 2)


def stepped(network: Network, threshold: HardThreshold, step: int) -> dict[str, torch.Tensor]:
    """One update of random size; returns where each thinned matrix is not zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    threshold(step, STEPS)
    A, B = form_of(network.cells[0], "U")[1]
    return {name: matrix.detach() != 0 for name, matrix in {"W": network.cells[0].W, "A": A, "B": B}.items()}


@pytest.mark.parametrize("kept", [0.05, 0.3, 0.5, 1.0])
def test_the_largest_entries_are_those_of_the_authors_percentile(kept: float) -> None:
    matrix = torch.randn(13, 17, generator=torch.Generator().manual_seed(0))
    magnitudes = matrix.abs().numpy()

    support = largest(matrix, kept)

    bound = np.percentile(magnitudes, (1 - kept) * 100, method="higher")
    np.testing.assert_array_equal(support.numpy(), magnitudes >= bound)


def test_the_papers_matrices_keep_as_many_entries_as_its_size_counts() -> None:
    """FastGRNN on Google-12: ranks 16 and 25 of 100 units, 30 % of 2112 and 5000 entries."""
    factors = [torch.randn(shape, generator=torch.Generator().manual_seed(0)) for shape in ((132, 16), (200, 25))]

    assert [int(largest(factor, 0.3).sum()) for factor in factors] == [634, 1500]


def test_in_the_first_third_nothing_is_thinned(network: Network) -> None:
    supports = stepped(network, HardThreshold(network), THIRD - 1)

    assert all(support.all() for support in supports.values())


def test_in_the_second_third_every_matrix_keeps_its_share(network: Network) -> None:
    supports = stepped(network, HardThreshold(network), THIRD)

    shares = {name: support.float().mean().item() for name, support in supports.items()}
    assert shares == pytest.approx({"W": 0.3, "A": 0.2, "B": 0.2}, abs=0.01)


def test_between_projections_the_support_stays_and_then_it_moves(network: Network) -> None:
    threshold = HardThreshold(network)
    first = stepped(network, threshold, THIRD)

    between = stepped(network, threshold, THIRD + 1)
    later = stepped(network, threshold, THIRD + TRIM_LEVEL)

    assert torch.equal(between["W"], first["W"])
    assert not torch.equal(later["W"], first["W"])


def test_in_the_last_third_the_support_stays(network: Network) -> None:
    threshold = HardThreshold(network)
    first = stepped(network, threshold, THIRD)

    for step in range(2 * THIRD, STEPS):
        last = stepped(network, threshold, step)

    assert all(torch.equal(last[name], support) for name, support in first.items())


def test_a_training_that_goes_on_in_the_last_third_keeps_the_support_it_had(network: Network) -> None:
    first = stepped(network, HardThreshold(network), THIRD)

    resumed = stepped(network, HardThreshold(network), 2 * THIRD + 1)

    assert torch.equal(resumed["W"], first["W"])


def test_an_average_is_thinned_as_the_network_is(network: Network) -> None:
    threshold, average = HardThreshold(network), copy.deepcopy(network)
    first = stepped(network, threshold, THIRD)

    threshold.mask(average)

    assert torch.equal(average.cells[0].W != 0, first["W"])
