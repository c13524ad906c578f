"""The synthesizers that are commands."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from kws_app.training.engines import ESPEAK, FESTIVAL, FLITE, CommandEngine
from kws_app.training.script import Sheet, Utterance, deal


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_a_faster_tempo_makes_a_shorter_clip() -> None:
    utterance = next(deal([FLITE], Sheet(("computer",)), voices=1, seed=1))

    slow, _ = FLITE.speak(replace(utterance, tempo=0.8))
    fast, _ = FLITE.speak(replace(utterance, tempo=1.2))

    assert len(fast) < 0.8 * len(slow)


@pytest.mark.parametrize("engine", [ESPEAK, FLITE, FESTIVAL], ids=lambda engine: engine.name)
def test_spelled_phones_are_spoken_and_not_read_out(engine: CommandEngine) -> None:
    if shutil.which(engine.name) is None:
        pytest.skip(f"{engine.name} is not installed")
    voice = engine.voices[0]
    spelled = Utterance("near_miss", "snowboy", "/S N OW1 G OY2/.", {}, engine.name, voice, 1.0, 0.0, "train")

    audio, rate = engine.speak(spelled)
    read_out, _ = engine.speak(replace(spelled, text="slash S N O W one G O Y two"))

    assert 0.3 * rate < len(audio) < 0.6 * len(read_out)
