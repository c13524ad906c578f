"""The shipped command models: what their pages promise of their sizes and words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

onnx = pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.cli.main import main  # noqa: E402
from kws_app.detector import Detector  # noqa: E402
from kws_app.model.stepper import load_model  # noqa: E402
from tests.conftest import ROOT  # noqa: E402

MODELS = [ROOT / "models" / "commands.onnx", ROOT / "models" / "commands-tiny.onnx"]
WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_command_model_hears_the_ten_words_at_thresholds_that_were_measured(path: Path) -> None:
    card = load_model(path).card

    assert card.keyword_ids == WORDS
    assert all(
        card.measured[word]["threshold"] == card.keywords[n].thresholds["balanced"] for n, word in enumerate(WORDS)
    )


@pytest.mark.parametrize(("path", "missed"), [(MODELS[0], []), (MODELS[1], ["right"])], ids=["commands", "tiny"])
def test_a_command_model_hears_ten_strangers_say_one_word_each(path: Path, missed: list[str]) -> None:
    """The tiny one takes one of them for a near miss, as its page says it takes every seventh word."""
    said, _ = soundfile.read(ROOT / "examples" / "commands.flac", dtype="int16")

    heard = Detector(WORDS, model=path).push(said)

    assert [detection.keyword for detection in heard] == [word for word in WORDS if word not in missed]


def test_the_command_model_has_no_more_than_48_kilobytes() -> None:
    assert MODELS[0].stat().st_size <= 48_000


def test_the_tiny_command_model_keeps_a_third_of_its_factors() -> None:
    """The four sparse factors are the only int8 matrices but those of the DCT and the head.

    Six kilobytes as FastGRNN's tables count: two bytes an entry that is left, one a number of all else.
    """
    graph = onnx.load(MODELS[1]).graph
    matrices = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type == 3]

    shares = sorted(np.count_nonzero(matrix) / matrix.size for matrix in matrices)

    assert len(shares) == 6
    assert shares[3] <= 0.31
    sparse = [m for m in matrices if np.count_nonzero(m) <= 0.31 * m.size]
    others = load_model(MODELS[1]).card.architecture["parameters"] - sum(factor.size for factor in sparse)
    assert 2 * sum(np.count_nonzero(factor) for factor in sparse) + others <= 6 * 1024


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_command_model_is_chosen_in_the_configuration_with_words_that_yaml_takes_for_truth(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    words = "".join(f"  {word}: {{}}\n" for word in WORDS)
    config.write_text(f"model:\n  path: {path}\nkeywords:\n{words}", encoding="utf-8")

    assert main(["check", "-c", str(config)]) == 0

    assert "all is well" in capsys.readouterr().out
