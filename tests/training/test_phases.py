"""A network that runs in several phases."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.training.network import Network, NetworkSettings  # noqa: E402
from kws_app.training.phases import phase_scores  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann")
ONE = NetworkSettings(cell="GRU", hidden=8, stack=2)


def made(settings: NetworkSettings) -> Network:
    torch.manual_seed(0)
    network = Network(MFCC, settings, 3)
    torch.nn.init.normal_(network.head.weight)
    return network.eval()


def paired(frames: torch.Tensor) -> torch.Tensor:
    """``(frames, batch, coefficients)`` two a step."""
    return torch.cat([frames[0::2], frames[1::2]], dim=2)


def test_the_score_is_the_mean_of_the_stream_and_of_the_same_stream_a_frame_later() -> None:
    torch.manual_seed(1)
    frames = 5 * torch.randn(60, 2, MFCC.numcep)
    later = torch.cat([torch.zeros(1, 2, MFCC.numcep), frames[:-1]])

    with torch.no_grad():
        scores = phase_scores(made(replace(ONE, phases=2)), paired(frames))

        alone = [phase_scores(made(ONE), paired(stream)) for stream in (frames, later)]
    torch.testing.assert_close(scores, torch.stack(alone).mean(dim=0))
    assert not torch.allclose(alone[0], alone[1])


def test_phases_cost_steps_and_no_weights() -> None:
    one, two = made(ONE), made(replace(ONE, phases=2))

    assert two.macs == 2 * one.macs
    assert two.parameters_trained == one.parameters_trained


def test_more_phases_than_places_to_begin_are_refused() -> None:
    with pytest.raises(ValueError, match="phases must be at most stack, 2"):
        replace(ONE, phases=3)
