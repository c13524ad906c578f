"""Facts about ``kws-app check``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kws_app.cli.main import main
from kws_app.errors import EX_CONFIG, EX_OK


@pytest.fixture
def good(config_file: Path, tiny_model: Path) -> Path:
    keywords, hooks = "{rise: {threshold: 0.6}, fall: }", "[{command: ['true']}]"
    text = f"model: {{path: {tiny_model}}}\nkeywords: {keywords}\nhooks: {hooks}\n"
    config_file.write_text(text, encoding="utf-8")
    return config_file


def test_a_good_configuration_is_told_in_words(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(good)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["configuration", str(good)]
    assert lines[1].startswith("model          tiny of ")
    assert lines[2:] == [
        "keyword        rise, fires at 0.6",
        "keyword        fall, fires at 0.5",
        "hook           true, on detection",
        "all is well",
    ]


def test_programs_read_the_same_as_json(good: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(good), "--json"]) == 0

    facts = json.loads(capsys.readouterr().out)
    assert facts["valid"] is True
    assert facts["config"] == str(good)
    assert facts["model"]["path"] == str(tiny_model)
    assert facts["keywords"] == {"rise": 0.6, "fall": 0.5}
    assert facts["hooks"] == [{"hook": "true", "on": ["detection"]}]


def test_mistakes_end_with_78(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_file.write_text("modle: {}\n", encoding="utf-8")

    assert main(["check", "-c", str(config_file)]) == 78
    assert capsys.readouterr().err == f"{config_file}:1: modle: unknown key; did you mean 'model'?\n"


def test_programs_read_mistakes_as_json_too(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_file.write_text("modle: {}\n", encoding="utf-8")

    assert main(["check", "-c", str(config_file), "--json"]) == 78

    facts = json.loads(capsys.readouterr().out)
    assert facts["valid"] is False
    assert [fault["path"] for fault in facts["faults"]] == ["modle"]


def test_a_truncated_model_is_a_sentence(
    config_file: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config_file.parent / "half.onnx").write_bytes(tiny_model.read_bytes()[:3000])
    config_file.write_text("model: {path: half.onnx}\n", encoding="utf-8")

    assert main(["check", "-c", str(config_file)]) == 78

    said = capsys.readouterr().err
    assert said.startswith(f"{config_file}:1: model.path: {config_file.parent}/half.onnx: ")
    assert said.count("\n") == 1


def test_a_working_folder_that_was_deleted_does_no_harm(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"rmdir {gone}; exec {sys.executable} -c 'import sys; from kws_app.cli.main import main; sys.exit(main())'"

    result = subprocess.run(
        ["sh", "-c", f"{line} check"],
        cwd=gone,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in result.stderr
    assert result.returncode in (EX_OK, EX_CONFIG)
