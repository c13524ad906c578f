"""Facts about config.yaml: what it may say, where it is found, and that code, file and reference agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import kws_app.configfile
from kws_app.config import Config, LoadedConfig, load_config
from kws_app.errors import ConfigError, NoPermissionError
from kws_app.events import Event
from kws_app.hooks import Kinds
from kws_app.pipeline import KeywordSettings
from kws_app.schema import read
from tests.conftest import ROOT, nobody

SHIPPED = ROOT / "config.yaml"


def written(path: Path, text: str) -> LoadedConfig:
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_an_empty_file_listens_for_computer(config_file: Path) -> None:
    assert load_config(config_file).values == Config()
    assert Config().keywords == {"computer": KeywordSettings()}


def test_the_shipped_file_says_what_the_code_defaults_to() -> None:
    assert load_config(SHIPPED).values == Config()


def test_the_shipped_file_has_every_setting() -> None:
    assert set(paths(Config())) <= set(load_config(SHIPPED).lines)


def test_the_hooks_in_the_shipped_file_are_valid_once_their_comment_signs_are_gone() -> None:
    text = re.sub(r"^  # (- |  )", r"  \1", SHIPPED.read_text(encoding="utf-8"), flags=re.MULTILINE)

    hooks = read(text, Config, file="").value.hooks

    assert [hook.kind for hook in hooks] == [*Kinds()]


def test_the_shipped_file_and_the_reference_are_what_the_code_says() -> None:
    script = ROOT / "scripts" / "make_config_reference.py"

    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert (result.stdout, result.returncode) == ("", 0)


def test_the_reference_explains_every_event_and_field() -> None:
    text = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")

    kinds = {kind.kind for kind in Event.__subclasses__()}
    names = {field.name for kind in Event.__subclasses__() for field in fields(kind)}

    assert kinds == set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_a_file_with_ten_mistakes_names_ten(tmp_path: Path) -> None:
    text = """\
audio:
  devcie: ReSpeaker
  block_ms: 5000
  give_up_after_seconds: soon
modle: {}
keywords:
  computer: {sensitivity: balancd, threshold: 80}
hooks:
  - comand: [lamp]
  - command: [lamp]
    timeout_second: 5
    on: [detecton]
log: loud
"""

    with pytest.raises(ConfigError) as caught:
        written(tmp_path / "config.yaml", text)

    file = tmp_path / "config.yaml"
    assert str(caught.value).splitlines() == [
        f"{file}:2: audio.devcie: unknown key; did you mean 'device'?",
        f"{file}:3: audio.block_ms: must lie between 5 and 500, got 5000",
        f"{file}:4: audio.give_up_after_seconds: must be a number, got 'soon'",
        f"{file}:5: modle: unknown key; did you mean 'model'?",
        f"{file}:7: keywords.computer.sensitivity: unknown value 'balancd'; did you mean 'balanced'?",
        f"{file}:7: keywords.computer.threshold: must lie between 0 and 1, got 80",
        f"{file}:9: hooks[0].comand: unknown kind; did you mean 'command'?",
        f"{file}:11: hooks[1].timeout_second: unknown key; did you mean 'timeout_seconds'?",
        f"{file}:12: hooks[1].on[0]: unknown value 'detecton'; did you mean 'detection'?",
        f"{file}:13: log: must be a mapping (key: value), got 'loud'",
    ]
    assert caught.value.exit_code == 78


def test_a_word_may_stand_bare_or_with_settings(tmp_path: Path) -> None:
    config = written(tmp_path / "config.yaml", "keywords:\n  jarvis:\n  alexa: {}\n  computer: {threshold: 0.8}\n")

    assert config.values.keywords == {
        "jarvis": KeywordSettings(),
        "alexa": KeywordSettings(),
        "computer": KeywordSettings(threshold=0.8),
    }


def test_a_model_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "my.onnx").write_bytes(b"")

    assert written(tmp_path / "config.yaml", "model: {path: my.onnx}").model_path == tmp_path / "my.onnx"


def test_a_file_named_without_a_folder_has_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert written(Path("config.yaml"), "").folder == tmp_path


def test_the_current_folders_file_counts_before_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, system = tmp_path / "config.yaml", tmp_path / "etc.yaml"
    monkeypatch.setattr(kws_app.configfile, "PLACES", (here, system))

    assert load_config(None) == LoadedConfig(Config(), None, {})
    written(system, "log: {level: debug}")
    assert load_config(None).file == system
    written(here, "log: {level: error}")
    assert load_config(None).values.log.level == "error"


def test_every_value_knows_its_line_or_that_it_is_the_default(tmp_path: Path) -> None:
    config = written(tmp_path / "config.yaml", "\naudio:\n  block_ms: 20\n")

    assert config.origin("audio.block_ms") == f"{tmp_path}/config.yaml:3"
    assert config.origin("audio.device") == "default"


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file or directory$"):
        load_config(tmp_path / "none.yaml")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory$"):
        load_config(tmp_path)


def test_what_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"log: \xff\xfe")

    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 5\)$"):
        load_config(tmp_path / "config.yaml")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbflog: {level: debug}\r\n")

    assert load_config(tmp_path / "config.yaml").values.log.level == "debug"


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="at most 65536 characters are read"):
        load_config(Path("/dev/zero"))


def test_a_file_that_this_user_may_not_read_is_a_sentence_of_its_own(config_file: Path) -> None:
    config_file.chmod(0)

    with nobody(), pytest.raises(NoPermissionError, match=r"this user may not read it$"):
        load_config(config_file)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user to give up being root")
def test_a_model_in_a_folder_that_this_user_may_not_enter_is_not_replaced_by_another(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir(mode=0o700)
    (tmp_path / "config.yaml").write_text("", encoding="utf-8")
    config = load_config(tmp_path / "config.yaml")

    with nobody():
        assert config.model_path == tmp_path / "models" / "wakewords-en.onnx"


def paths(section: Any, path: str = "") -> Iterator[str]:
    """The path of every setting."""
    pairs = (
        section.items()
        if isinstance(section, Mapping)
        else ((f.name, getattr(section, f.name)) for f in fields(section))
    )
    for name, value in pairs:
        here = f"{path}.{name}" if path else name
        yield here
        if is_dataclass(value) or isinstance(value, Mapping):
            yield from paths(value, here)
