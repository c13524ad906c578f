"""Kokoro's voices: stock, swapped and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws_app.errors import ConfigError
from kws_app.training.kokoro import HELD_OUT, Kokoro


@pytest.fixture
def kokoro(tmp_path: Path) -> Kokoro:
    """The held-out and two other voices, whose styles are random numbers; there is no model."""
    (tmp_path / "voices").mkdir()
    rng = np.random.default_rng(1)
    for voice in (*HELD_OUT, "af_heart", "bm_lewis"):
        rng.standard_normal((510, 256), np.float32).tofile(tmp_path / "voices" / f"{voice}.bin")
    return Kokoro(tmp_path)


def test_a_kokoro_folder_without_its_model_is_refused_by_name(kokoro: Kokoro) -> None:
    with pytest.raises(ConfigError, match=r"kokoro\.onnx: is missing"):
        kokoro.require()


def test_held_out_kokoro_voices_are_mixed_with_each_other_only(kokoro: Kokoro) -> None:
    rng = np.random.default_rng(1)

    drawn = [kokoro.draw_voice(rng, held_out=True) for _ in range(50)]

    assert {name for voice in drawn for name in voice.split("+")} <= HELD_OUT


def test_a_swapped_kokoro_voice_has_the_timbre_of_one_and_the_prosody_of_the_other(kokoro: Kokoro) -> None:
    style = kokoro.style("af_heart+bm_lewis", 9)

    np.testing.assert_array_equal(kokoro.style("af_heart", 9)[:128], style[:128])
    np.testing.assert_array_equal(kokoro.style("bm_lewis", 9)[128:], style[128:])


def test_a_kokoro_voice_out_of_the_span_is_the_same_whenever_it_speaks(kokoro: Kokoro) -> None:
    np.testing.assert_array_equal(kokoro.style("span-17", 9), kokoro.style("span-17", 9))
    assert not np.array_equal(kokoro.style("span-17", 9), kokoro.style("span-18", 9))
