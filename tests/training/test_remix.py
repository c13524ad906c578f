"""Remix: scenes sound new in every epoch, and stay what they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.features.mfcc import MfccSettings, dct  # noqa: E402
from kws_app.training.lanes import Lanes  # noqa: E402
from kws_app.training.remix import NEPERS, Remix, RemixSettings, warping  # noqa: E402
from tests.training.bumps import RECIPE, shard  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, nfft=512, ceplifter=0, appendEnergy=False)
LOUD, QUIET = 20.0, 10.0
SCENES, FRAMES = 2, 40


def scenes() -> np.ndarray:
    """A loud one and a quiet one, all bands alike."""
    bands = np.empty((SCENES, FRAMES, MFCC.nfilt))
    bands[0], bands[1] = LOUD, QUIET
    return (bands @ dct(MFCC).T).astype(np.float32)


def remixed(settings: RemixSettings) -> np.ndarray:
    """The bands of the loud scene, changed."""
    remix = Remix(settings, MFCC, torch.from_numpy(scenes()), np.array([1]))
    mix = remix.draw(np.random.default_rng(0), np.array([[0]]))
    frames = torch.arange(FRAMES)[:, None]
    features = torch.from_numpy(scenes()[:1].transpose(1, 0, 2)[:, :, np.newaxis])
    changed = remix.apply(mix, features, np.zeros(FRAMES, int), frames)
    return changed.numpy()[:, 0, 0] @ dct(MFCC)


def test_with_the_defaults_nothing_changes() -> None:
    np.testing.assert_allclose(remixed(RemixSettings()), LOUD, rtol=1e-5)


@pytest.mark.parametrize("snr", [0.0, 10.0])
def test_a_scene_laid_over_another_adds_its_power_at_the_ratio_asked_for(snr: float) -> None:
    bands = remixed(RemixSettings(share=1.0, snr=(snr, snr)))

    np.testing.assert_allclose(bands, LOUD + math.log(1 + math.exp(-snr * NEPERS)), rtol=1e-4)


def test_a_gate_lowers_what_lies_far_below_the_speech_and_leaves_the_speech() -> None:
    speech, rest = slice(0, 20), slice(20, None)
    features = scenes()
    features[0, rest] = features[1, rest]  # 43 dB quieter
    settings = RemixSettings(gated=1.0, gate_below=(20.0, 20.0), gate_depth=(30.0, 30.0))
    remix = Remix(settings, MFCC, torch.from_numpy(features), np.array([1]))

    mix = remix.draw(np.random.default_rng(0), np.array([[0]]))
    given = torch.from_numpy(features[:1].transpose(1, 0, 2)[:, :, np.newaxis])
    changed = remix.apply(mix, given, np.zeros(FRAMES, int), torch.arange(FRAMES)[:, None])

    bands = changed.numpy()[:, 0, 0] @ dct(MFCC)
    np.testing.assert_allclose(bands[speech], LOUD, atol=0.1)
    np.testing.assert_allclose(bands[rest], QUIET - 30 * NEPERS, atol=0.1)


def test_an_equaliser_is_smooth_and_stays_the_same_for_the_whole_scene() -> None:
    bands = remixed(RemixSettings(colour=6.0))

    assert np.abs(bands - LOUD).max() > 3 * NEPERS
    assert np.abs(np.diff(bands, axis=1)).max() < 6 * NEPERS
    np.testing.assert_allclose(bands, np.broadcast_to(bands[0], bands.shape), rtol=1e-5)


@pytest.mark.parametrize(("stretch", "goes"), [(0.8, "down"), (1.0, "nowhere"), (1.25, "up")])
def test_a_longer_throat_moves_every_peak(stretch: float, goes: str) -> None:
    bands = np.zeros(MFCC.nfilt)
    bands[10] = 1.0

    peak = int((bands @ warping(MFCC, stretch)).argmax())

    assert {"down": peak < 10, "nowhere": peak == 10, "up": peak > 10}[goes]


def test_an_epoch_of_lanes_goes_through_it() -> None:
    plain, mixed = (
        torch.cat([chunk.features for chunk in lanes.epoch(np.random.default_rng(1))])
        for lanes in (
            Lanes(RECIPE, shard(), range(8), lanes=4),
            Lanes(RECIPE, shard(), range(8), lanes=4, remix=RemixSettings(colour=6.0)),
        )
    )

    assert plain.shape == mixed.shape
    assert (plain - mixed).abs().mean() > 0.1
