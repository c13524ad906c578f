"""The synthesizers that are commands."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from kws_app.training.engines import FLITE
from kws_app.training.script import Sheet, deal


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_a_faster_tempo_makes_a_shorter_clip() -> None:
    utterance = next(deal([FLITE], Sheet(("computer",)), voices=1, seed=1))

    slow, _ = FLITE.speak(replace(utterance, tempo=0.8))
    fast, _ = FLITE.speak(replace(utterance, tempo=1.2))

    assert len(fast) < 0.8 * len(slow)
