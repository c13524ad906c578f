"""Recipes: one that is not there is answered with those that are."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.cli import main


def test_a_recipe_that_does_not_exist_ends_with_a_sentence_and_78(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "compter", "--data", "nowhere", "--work", "nowhere"]) == 78

    assert capsys.readouterr().err == (
        "compter: no such recipe; there are computer-tiny, wakewords-en, wakewords-wide, or give a .yaml file\n"
    )


def test_a_recipe_that_is_no_text_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.yaml").write_bytes(b"\xff\xfe")

    assert main(["train", str(tmp_path / "own.yaml"), "--data", "nowhere", "--work", "nowhere"]) == 78
    assert capsys.readouterr().err == f"{tmp_path}/own.yaml: is not UTF-8 text (byte 0)\n"


def test_a_run_that_is_not_there_is_a_sentence_and_66(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "wakewords-en", "--work", str(tmp_path), "--out", str(tmp_path / "model.onnx")]) == 66

    assert capsys.readouterr().err == f"{tmp_path}/checkpoint.pt: No such file or directory\n"


def test_a_run_that_cannot_have_its_folder_is_a_sentence_and_73(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()

    assert main(["train", "wakewords-en", "--data", str(tmp_path), "--work", str(tmp_path / "file")]) == 73
    assert capsys.readouterr().err == f"{tmp_path}/file/scenes: Not a directory\n"
