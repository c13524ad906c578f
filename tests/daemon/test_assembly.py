"""Facts about what a configuration is held against: the model, its card, and the hooks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kws_app.config import examine_config
from kws_app.daemon.assembly import Assembly, assemble
from kws_app.errors import ConfigError


def assembled(path: Path, text: str) -> Assembly:
    path.write_text(text, encoding="utf-8")
    return assemble(examine_config(path))


def mistakes(path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        assembled(path, text)
    return [line.removeprefix(str(path.parent)) for line in str(caught.value).splitlines()]


def test_a_good_configuration_gives_a_pipeline_and_hooks(tiny_model: Path, config_file: Path) -> None:
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: {{threshold: 0.6}}}}\nhooks: [{{command: ['true']}}]\n"

    assembly = assembled(config_file, text)

    assert assembly.pipeline.thresholds == {"rise": 0.6}
    assert [hook.name for hook in assembly.hooks] == ["true"]


def test_a_socket_whose_path_the_kernel_does_not_take_is_a_mistake(tiny_model: Path, config_file: Path) -> None:
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\ncontrol:\n  socket: /{'a' * 106}\n"

    assert mistakes(config_file, text) == [
        "/config.yaml:4: control.socket: the kernel takes a path of at most 106 bytes"
    ]


def test_a_word_that_the_model_cannot_hear_is_answered_with_line_and_nearest(
    tiny_model: Path, config_file: Path
) -> None:
    text = f"model: {{path: {tiny_model}}}\nkeywords:\n  fall:\n  rize:\n"

    assert mistakes(config_file, text) == [
        "/config.yaml:4: keywords.rize: the model has no such keyword; did you mean 'rise'?"
    ]


def test_the_default_word_is_not_silently_replaced_by_one_that_the_model_has(
    tiny_model: Path, config_file: Path
) -> None:
    assert mistakes(config_file, f"model: {{path: {tiny_model}}}") == [
        "/config.yaml: keywords.computer: the model has no such keyword; there are fall, rise"
    ]


def test_no_word_at_all_is_a_mistake(tiny_model: Path, config_file: Path) -> None:
    assert mistakes(config_file, f"model: {{path: {tiny_model}}}\nkeywords: {{}}\n") == [
        "/config.yaml:2: keywords: names none to listen for; there are fall, rise"
    ]


def test_a_group_that_the_system_does_not_have_is_a_mistake(tiny_model: Path, config_file: Path) -> None:
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\ncontrol: {{group: nobodys}}\n"

    assert mistakes(config_file, text) == ["/config.yaml:3: control.group: there is no group 'nobodys'"]


def test_a_hook_that_would_never_run_is_a_mistake(tiny_model: Path, config_file: Path) -> None:
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\nhooks:\n- command: ['true']\n  on: []\n"

    assert mistakes(config_file, text) == [
        "/config.yaml:5: hooks[0].on: names no event; there are audio_lost, detection, model_reset, near_miss, state"
    ]


def test_a_model_that_is_not_there_and_a_command_that_is_not_there_are_named_together(config_file: Path) -> None:
    text = "hooks:\n- command: [lmap]\nmodel: {path: none.onnx}\n"

    first, second = mistakes(config_file, text)

    assert first == "/config.yaml:2: hooks[0].command: no command 'lmap' in PATH; a path has a slash (./lmap)"
    assert second.startswith("/config.yaml:3: model.path: ")
    assert second.endswith("none.onnx: no such file")


def test_a_hook_for_a_word_that_nobody_listens_for_is_a_mistake(tiny_model: Path, config_file: Path) -> None:
    hook = "- command: ['true']\n  keywords:\n  - rise\n  - fall\n"
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\nhooks:\n{hook}"

    assert mistakes(config_file, text) == [
        "/config.yaml:7: hooks[0].keywords[1]: 'fall' is not listened for; there are rise"
    ]


def test_an_error_inside_the_users_module_is_a_mistake_and_shows_its_traceback(
    tiny_model: Path, config_file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    module = f"broken_{config_file.parent.name}"
    (config_file.parent / f"{module}.py").write_text("import no_such_package\n", encoding="utf-8")
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\nhooks:\n- callback: {module}:lamp\n"

    (mistake,) = mistakes(config_file, text)

    assert mistake.startswith("/config.yaml:4: hooks[0].callback: raised ModuleNotFoundError")
    assert f'{module}.py", line 1, in <module>' in caplog.text


def test_a_module_of_the_users_that_wants_to_end_the_program_is_a_mistake(tiny_model: Path, config_file: Path) -> None:
    (config_file.parent / "exiting_lamp.py").write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    text = f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\nhooks: [{{callback: exiting_lamp:on}}]\n"

    assert mistakes(config_file, text) == ["/config.yaml:3: hooks[0].callback: raised SystemExit(3)"]


def test_mistakes_of_the_text_and_of_what_it_asks_for_are_named_together(tiny_model: Path, config_file: Path) -> None:
    text = (
        f"model: {{path: {tiny_model}}}\n"
        "keywords:\n  rise: {sensitivity: loud}\n  fal:\n"
        "hooks:\n  - command: []\n  - {command: [no-such-program], timeout_second: 2}\n  - callback: nowhere\n"
    )

    assert [mistake.split(": ")[:2] for mistake in mistakes(config_file, text)] == [
        ["/config.yaml:3", "keywords.rise.sensitivity"],
        ["/config.yaml:4", "keywords.fal"],
        ["/config.yaml:6", "hooks[0]"],
        ["/config.yaml:7", "hooks[1].timeout_second"],
        ["/config.yaml:7", "hooks[1].command"],
        ["/config.yaml:8", "hooks[2].callback"],
    ]


def test_no_word_is_held_against_a_model_that_was_not_asked_for(config_file: Path) -> None:
    assert len(mistakes(config_file, "model: {pth: other.onnx}\nkeywords: {lamp: }\n")) == 1
