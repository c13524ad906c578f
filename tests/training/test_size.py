"""Sizes: FastGRNN's table, recounted."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.training.compression import MatrixSettings  # noqa: E402
from kws_app.training.network import Network, NetworkSettings  # noqa: E402
from kws_app.training.size import Size, size_of  # noqa: E402
from kws_app.training.sparsity import HardThreshold  # noqa: E402

MFCC = MfccSettings(numcep=32, nfilt=32, appendEnergy=False)
KILOBYTE = 1024


def measured(outputs: int, **settings: object) -> Size:
    network = Network(MFCC, NetworkSettings(**settings), outputs)  # type: ignore[arg-type]
    HardThreshold(network)(30, 90)
    return size_of(network)


@pytest.mark.parametrize(
    ("outputs", "cell", "n", "kilobytes"),
    [
        (12, "FastGRNN", 100, 57.1),
        (12, "LSTM", 100, 212.6),
        (30, "LSTM", 100, 219.7),
        (2, "FastGRNN", 32, 8.5),
        (2, "LSTM", 32, 32.8),
    ],
)
def test_dense_rows_have_the_papers_kilobytes(outputs: int, cell: str, n: int, kilobytes: float) -> None:
    """Table 1 of arXiv 1901.02358 and what its sizes recompute to: 32 bands in, the classifier counted."""
    size = measured(outputs, cell=cell, hidden=n)

    assert size.paper_bytes / KILOBYTE == pytest.approx(kilobytes, abs=0.06)


@pytest.mark.parametrize(("outputs", "n", "kilobytes"), [(12, 128, 247.6), (30, 128, 256.6), (2, 32, 24.6)])
def test_the_grus_have_the_papers_kilobytes_but_for_a_bias_inside_the_reset(
    outputs: int, n: int, kilobytes: float
) -> None:
    size = measured(outputs, cell="GRU", hidden=n)

    assert (size.paper_bytes - 4 * n) / KILOBYTE == pytest.approx(kilobytes, abs=0.06)


def test_the_sparse_byte_model_has_the_papers_five_and_a_half_kilobytes() -> None:
    size = measured(
        12,
        cell="FastGRNN",
        hidden=100,
        W=MatrixSettings("low_rank", 16, kept=0.3),
        U=MatrixSettings("low_rank", 25, kept=0.3),
    )

    assert size.paper_bytes / KILOBYTE == pytest.approx(22.2, abs=0.06)
    assert size.paper_bytes_quantized / KILOBYTE == pytest.approx(5.55, abs=0.01)


def test_a_head_for_phones_is_not_counted() -> None:
    settings = NetworkSettings(hidden=8)

    assert size_of(Network(MFCC, settings, 2, phones=40)).parameters == size_of(Network(MFCC, settings, 2)).parameters
