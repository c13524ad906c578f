"""Facts about ``kws-app config``."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_app.cli.config import flow
from kws_app.cli.main import main
from kws_app.config import Config, load_config
from kws_app.schema import read

TEXT = """\
audio:
  device: "ReSpeaker: 4 Mic"
keywords:
  jarvis:
  computer: {threshold: 0.8}
hooks:
  - command: [sh, -c, "echo '# heard'"]
    keywords: [computer]
"""


def effective(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["config", "-c", str(path)]) == 0
    return capsys.readouterr().out


def test_what_is_printed_reads_back_as_the_same_configuration(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.write_text(TEXT, encoding="utf-8")

    assert read(effective(config_file, capsys), Config, file="").value == load_config(config_file).values


def test_the_defaults_read_back_too(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(effective(config_file, capsys), Config, file="").value == Config()


def test_every_value_says_where_it_came_from(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_file.write_text(TEXT, encoding="utf-8")

    origins = dict(line.split("  # ", 1) for line in effective(config_file, capsys).splitlines() if "  # " in line)

    stripped = {value.strip(): origin for value, origin in origins.items()}
    assert stripped["device: 'ReSpeaker: 4 Mic'"] == f"{config_file}:2"
    assert stripped["threshold: 0.8"] == f"{config_file}:5"
    assert stripped["keywords: [computer]"] == f"{config_file}:8"
    assert stripped["level: info"] == "default"


def test_a_path_of_a_hook_is_printed_as_text() -> None:
    assert flow((Path("a.txt"), "b", 3)) == "[a.txt, b, 3]"
