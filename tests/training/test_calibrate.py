"""``kws-train calibrate``: another card, the same network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

onnx = pytest.importorskip("onnx", reason="the training extra is not installed")
pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.model.stepper import load_model  # noqa: E402
from kws_app.training.cli import main  # noqa: E402
from tests.training.streams import write_streams  # noqa: E402


@pytest.fixture
def measured(tmp_path: Path, tiny_model: Path) -> Path:
    """What an evaluation of the tiny model found."""
    out = tmp_path / "dev.json"
    streams = write_streams(tmp_path)
    assert main(["evaluate", "--stream", str(streams), "--model", str(tiny_model), "--json", str(out)]) == 0
    return out


def calibrate(model: Path, measured: Path, out: Path) -> int:
    return main(["calibrate", str(model), "--measured", str(measured), "--out", str(out)])


def test_the_thresholds_of_an_evaluation_come_onto_the_card(tmp_path: Path, tiny_model: Path, measured: Path) -> None:
    out = tmp_path / "out.onnx"

    assert calibrate(tiny_model, measured, out) == 0

    found, before, after = json.loads(measured.read_text())["keywords"], load_model(tiny_model), load_model(out)
    assert {k.id: k.thresholds for k in after.card.keywords} == {k: found[k]["thresholds"] for k in ("rise", "fall")}
    kept, figures = dict(after.card.measured["rise"]), found["rise"]["figures"]
    by_category = kept.pop("false_alarms")
    assert {name: found["alarms"] for name, found in by_category.items()} == {
        name: found["alarms"] for name, found in figures["false_alarms"].items()
    }
    assert kept.items() <= figures.items()
    assert {"misses", "false_alarms_per_hour"} < kept.keys()
    assert "near_misses" not in kept
    assert after.card.keywords[0].thresholds != before.card.keywords[0].thresholds
    assert after.card.features == before.card.features
    assert onnx.load(out).graph == onnx.load(tiny_model).graph


def test_figures_of_another_file_are_refused(
    tmp_path: Path, tiny_model: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.onnx"
    assert calibrate(tiny_model, measured, out) == 0  # it has another card now, so it is another file

    assert calibrate(out, measured, tmp_path / "again.onnx") == 78

    assert "digest: was measured on another file; run kws-train evaluate on this one" in capsys.readouterr().err
    assert not (tmp_path / "again.onnx").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "test"}, "split: is test: no thresholds were chosen on it"),
        ({"keywords": []}, "keywords.rise.thresholds: is missing"),
        ({"keywords": {"rise": {"thresholds": {}}}}, "keywords.fall.figures: is missing"),
        (
            {"keywords": {word: {"thresholds": {"quiet": 7}, "figures": {}} for word in ("rise", "fall")}},
            "makes no model",
        ),
    ],
)
def test_what_no_card_can_take_leaves_the_model_as_it_was(
    tmp_path: Path,
    tiny_model: Path,
    measured: Path,
    change: dict[str, Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(tiny_model.read_bytes())
    measured.write_text(json.dumps(json.loads(measured.read_text()) | change))

    assert calibrate(model, measured, model) == 78

    assert message in capsys.readouterr().err
    assert model.read_bytes() == tiny_model.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"), [("3", "must hold an object"), ('{"digest": ""}', "keywords: is missing")]
)
def test_what_is_no_evaluation_is_refused(
    tmp_path: Path, tiny_model: Path, content: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dev.json").write_text(content)

    assert calibrate(tiny_model, tmp_path / "dev.json", tmp_path / "out.onnx") == 78

    assert message in capsys.readouterr().err
