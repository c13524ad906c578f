"""What a score gains after a pause."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from torch import Tensor  # noqa: E402

from kws_app.features.mfcc import MfccSettings  # noqa: E402
from kws_app.training.network import Network, NetworkSettings  # noqa: E402
from kws_app.training.pause import BUSY, QUIET, pause_bonus  # noqa: E402
from kws_app.training.phases import phase_scores  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann", ceplifter=0)
SETTINGS = NetworkSettings(cell="GRU", hidden=8, stack=2, pause_bonus=1.5)
A_SECOND = 25
"""Steps."""


def made(settings: NetworkSettings = SETTINGS) -> Network:
    torch.manual_seed(0)
    network = Network(MFCC, settings, 3)
    torch.nn.init.normal_(network.head.weight)
    return network.eval()


def sound(*levels: tuple[float, float]) -> Tensor:
    """Features ``(steps, 1, 2 * coefficients)`` of a stream that has each log energy for so many seconds."""
    energies = torch.cat([torch.full((round(2 * A_SECOND * seconds),), energy) for energy, seconds in levels])
    frames = torch.zeros(len(energies), 1, MFCC.numcep)
    frames[:, 0, 0] = energies * MFCC.nfilt**0.5  # all bands alike, through an orthonormal DCT
    return torch.cat([frames[0::2], frames[1::2]], dim=2)


def bonus(*levels: tuple[float, float]) -> float:
    """What a word gains that ends with these levels."""
    return float(pause_bonus(made(), sound(*levels))[-1])


TALK = [(14.0, 0.4), (9.0, 0.2)] * 6


@pytest.mark.parametrize("background", [4.0, 10.0])
def test_a_word_after_a_pause_gains_all_of_it_in_a_quiet_room_and_in_a_loud_one(background: float) -> None:
    assert bonus((background, 4.0), (14.0, 0.6)) == pytest.approx(1.5)


def test_a_word_amid_talk_gains_nothing() -> None:
    assert bonus(*TALK, (14.0, 0.4)) == 0


def test_a_pause_is_over_three_seconds_after_it() -> None:
    assert bonus((4.0, 4.0), *TALK) == 0


def test_a_steady_noise_is_a_pause_however_it_wavers() -> None:
    assert bonus(*[(10.0, 0.4), (10.08, 1.2)] * 3) == pytest.approx(1.5)


def test_a_moment_in_which_the_noise_stops_is_not_the_quiet_that_a_word_is_measured_by() -> None:
    assert bonus((10.0, 2.4), (4.0, 0.04), (10.0, 0.6), (14.0, 0.6)) > 0.9


def test_between_quiet_and_busy_it_is_a_straight_line() -> None:
    spoken = 28 / A_SECOND  # an average spreads it over more steps, and adds nothing
    share = (BUSY - spoken / 3) / (BUSY - QUIET)

    assert bonus((4.0, 4.0), (14.0, spoken), (4.0, 0.6)) == pytest.approx(1.5 * share, abs=1e-3)


def test_it_is_added_to_the_logits_of_every_phase() -> None:
    stream, two = sound((4.0, 4.0), *TALK), replace(SETTINGS, phases=2)

    with torch.no_grad():
        with_bonus, without = (phase_scores(made(settings), stream) for settings in (two, replace(two, pause_bonus=0)))

    gained = torch.logit(with_bonus) - torch.logit(without)
    assert 0.5 < gained[4 * A_SECOND - 1].min() <= gained.max() <= 1.5 + 1e-4
    assert gained[-1].abs().max() == pytest.approx(0, abs=1e-4)


def test_scores_that_share_a_whole_gain_nothing() -> None:
    with pytest.raises(ValueError, match="pause_bonus needs head: sigmoid"):
        replace(SETTINGS, head="softmax")
