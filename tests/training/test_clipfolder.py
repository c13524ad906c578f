"""Synthetic clips: cut to their speech."""

from __future__ import annotations

import numpy as np
import pytest

from kws_app.arrays import RATE
from kws_app.training.clipfolder import trim


def test_a_clip_is_cut_to_its_speech_and_a_margin() -> None:
    audio = np.zeros(3 * 24_000, np.float32)
    audio[24_000:36_000] = 0.1 * np.sin(np.arange(12_000) / 10)

    clip = trim(audio, 24_000, margin_seconds=0.1)

    assert clip.start == pytest.approx(0.1 * RATE, abs=RATE / 50)
    assert clip.end - clip.start == pytest.approx(0.5 * RATE, abs=RATE / 50)
    assert len(clip.samples) == clip.end + RATE // 10


def test_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="silence"):
        trim(np.zeros(24_000, np.float32), 24_000, margin_seconds=0.1)
