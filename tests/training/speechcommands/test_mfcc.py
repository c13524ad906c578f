"""Features of many clips at once: the same as those of a stream."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.features.framing import Framing  # noqa: E402
from kws_app.features.mfcc import Mfcc  # noqa: E402
from kws_app.training.speechcommands.mfcc import BatchMfcc  # noqa: E402
from tests.training.speechcommands.corpus import recipe  # noqa: E402


@pytest.mark.parametrize("level", [0, 3, 3000])
def test_features_equal_those_of_python_speech_features(level: float) -> None:
    """From digital silence to loud noise, row by row, without the frames that it pads with zeros."""
    speech = pytest.importorskip("python_speech_features")
    settings = recipe().features
    samples = np.rint(level * np.random.default_rng(0).standard_normal((2, 16_000))).astype(np.int16)

    batch = BatchMfcc(settings, torch.device("cpu"))
    actual = batch.cepstra(batch.log_bands(torch.from_numpy(samples).float())).numpy()

    assert actual.shape[1] == 1 + (16_000 - settings.frame_length) // settings.frame_step
    for one, clip in zip(actual, samples, strict=True):
        expected = speech.mfcc(
            clip, settings.samplerate, settings.winlen, settings.winstep, settings.numcep, settings.nfilt,
            settings.nfft, settings.lowfreq, settings.highfreq, settings.preemph, settings.ceplifter,
            settings.appendEnergy, np.hanning,
        )  # fmt: skip
        np.testing.assert_allclose(one, expected[: len(one)], atol=2e-3)


def test_features_equal_those_of_the_stream() -> None:
    settings = recipe().features
    samples = (5000 * np.sin(0.05 * np.arange(16_000))).astype(np.int16)

    batch = BatchMfcc(settings, torch.device("cpu"))
    actual = batch.cepstra(batch.log_bands(torch.from_numpy(samples[None]).float()))[0].numpy()

    expected = Mfcc(settings).compute(Framing(settings).push(samples))
    np.testing.assert_allclose(actual, expected, atol=2e-3)
