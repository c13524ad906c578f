"""Facts about the hook that runs a program: real programs are run."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kws_app.errors import ConfigError, HookError
from kws_app.events import Detection, StateChanged
from kws_app.hooks.command import CommandHook, Settings
from kws_app.hooks.runner import HookFailedError, HookTimeoutError
from kws_app.schema import read
from tests.conftest import nobody

HEARD = Detection(
    time=12.34,
    keyword="computer",
    score=0.94,
    end=197_440,
    threshold=0.9,
    at=datetime(2026, 3, 1, 12, 41, 7, tzinfo=UTC),
)


def hook(*command: str | Path, folder: Path = Path("/"), timeout_seconds: float = 10.0) -> CommandHook:
    return Settings(command=tuple(map(str, command)), timeout_seconds=timeout_seconds).open(folder)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_event_comes_as_one_line_of_json_on_stdin(tmp_path: Path) -> None:
    hook("cp", "/dev/stdin", "event.json", folder=tmp_path).run(HEARD)

    text = (tmp_path / "event.json").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert json.loads(text) == HEARD.as_dict()


def test_keyword_score_and_time_are_in_the_environment(tmp_path: Path) -> None:
    hook("sh", "-c", 'echo "$KWS_EVENT $KWS_KEYWORD $KWS_SCORE $KWS_TIME $KWS_AT" > said', folder=tmp_path).run(HEARD)

    assert (tmp_path / "said").read_text(encoding="utf-8") == "detection computer 0.94 12.34 2026-03-01T12:41:07.000Z\n"


def test_an_event_without_a_keyword_sets_none(tmp_path: Path) -> None:
    hook("sh", "-c", 'echo "${KWS_KEYWORD-none} $KWS_STATE" > said', folder=tmp_path).run(
        StateChanged(time=0, state="listening")
    )

    assert (tmp_path / "said").read_text(encoding="utf-8") == "none listening\n"


def test_arguments_reach_the_program_untouched_by_any_shell(tmp_path: Path) -> None:
    program = script(tmp_path / "say", 'printf "%s\\n" "$@" > said')

    hook(program, "$HOME; rm -rf *", "a b", "*", folder=tmp_path).run(HEARD)

    assert (tmp_path / "said").read_text(encoding="utf-8") == "$HOME; rm -rf *\na b\n*\n"


def test_a_relative_program_is_found_beside_the_configuration_and_runs_there(tmp_path: Path) -> None:
    script(tmp_path / "lamp.sh", "pwd > here")

    hook("./lamp.sh", folder=tmp_path).run(HEARD)

    assert (tmp_path / "here").read_text(encoding="utf-8").strip() == str(tmp_path)


def test_what_the_program_prints_goes_where_ours_goes(capfd: pytest.CaptureFixture[str]) -> None:
    hook("sh", "-c", "echo out; echo err >&2").run(HEARD)

    assert capfd.readouterr() == ("out\n", "err\n")


def test_a_program_that_does_not_read_its_stdin_is_no_failure() -> None:
    hook("true").run(HEARD)


def test_a_failing_program_is_told_with_its_status_and_time() -> None:
    with pytest.raises(HookFailedError, match=r"^command ended with status 3 after \d+ ms$"):
        hook("sh", "-c", "exit 3").run(HEARD)


def test_a_program_that_dies_of_a_signal_is_told_with_its_name() -> None:
    with pytest.raises(HookFailedError, match=r"^command was killed by SIGTERM after \d+ ms$"):
        hook("sh", "-c", "kill -TERM $$").run(HEARD)


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    began = time.monotonic()

    with pytest.raises(HookTimeoutError, match=r"^command killed after 0\.3 s$"):
        hook("sh", "-c", "sleep 60 & echo $! > child; wait", folder=tmp_path, timeout_seconds=0.3).run(HEARD)

    assert time.monotonic() - began < 5
    assert is_gone(int((tmp_path / "child").read_text(encoding="utf-8")))


def test_a_run_is_cancelled_from_another_thread() -> None:
    slow = hook("sleep", "60")
    threading.Timer(0.2, slow.cancel).start()

    with pytest.raises(HookFailedError, match="SIGKILL"):
        slow.run(HEARD)


def test_cancelling_what_does_not_run_does_nothing() -> None:
    idle = hook("true")
    idle.cancel()
    idle.run(HEARD)
    idle.cancel()


def test_cancelling_a_program_that_ends_at_that_moment_does_nothing() -> None:
    quick = hook("true")

    def run() -> None:
        for _ in range(10):
            with suppress(HookFailedError):  # it was killed in time
                quick.run(HEARD)

    runs = threading.Thread(target=run)
    runs.start()
    while runs.is_alive():
        quick.cancel()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_a_program_that_became_another_users_is_left_to_end_by_itself(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "end")
    as_somebody = ("setpriv", "--reuid=12345", "--clear-groups", "sh", "-c", "echo > begun; read line < end")
    (tmp_path / "begun").touch()
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o777)
    lamp = hook(*as_somebody, folder=tmp_path)
    run = threading.Thread(target=lamp.run, args=[HEARD])
    run.start()
    while not (tmp_path / "begun").read_text(encoding="utf-8"):
        os.sched_yield()

    with nobody():
        lamp.cancel()

    assert run.is_alive()
    (tmp_path / "end").write_text("now\n", encoding="utf-8")
    run.join()


def test_a_command_that_is_nowhere_in_path_is_a_clear_sentence_before_anything_is_heard() -> None:
    with pytest.raises(HookError, match=r"^no command 'lmap' in PATH; a path has a slash \(\./lmap\)$"):
        hook("lmap")


def test_a_path_that_is_not_there_is_a_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=rf"^{tmp_path}/lamp\.sh: no such file$"):
        hook("./lamp.sh", folder=tmp_path)


def test_a_file_that_cannot_be_executed_is_answered_with_what_would_do(tmp_path: Path) -> None:
    (tmp_path / "lamp.sh").write_text("", encoding="utf-8")

    with pytest.raises(HookError, match=r"cannot be executed \(chmod \+x .*lamp\.sh\)$"):
        hook("./lamp.sh", folder=tmp_path)


def test_a_program_that_vanished_after_the_start_is_a_failed_run(tmp_path: Path) -> None:
    program = script(tmp_path / "lamp.sh", "true")
    lamp = hook(program)
    program.unlink()

    with pytest.raises(HookFailedError, match=r"cannot be started: .*lamp\.sh: No such file or directory$"):
        lamp.run(HEARD)


def test_a_command_without_a_program_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="command: must name a program"):
        read("command: []", Settings, file="config.yaml")


def test_a_command_written_as_one_text_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:1: command: must be a list, got 'aplay beep\.wav'"):
        read("command: aplay beep.wav", Settings, file="config.yaml")


def test_the_hook_is_called_by_its_programs_name() -> None:
    assert hook(sys.executable).name == Path(sys.executable).name


def is_gone(pid: int) -> bool:
    """Whether the process ended; a zombie that nobody has waited for yet counts."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        os.sched_yield()
    return False


def test_a_program_that_dies_of_a_signal_without_a_name_is_told_with_its_number() -> None:
    with pytest.raises(HookFailedError, match=r"^command was killed by signal 35 after"):
        hook("bash", "-c", "kill -35 $$").run(HEARD)


def test_a_path_that_cannot_be_looked_at_is_a_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"xxx: File name too long$"):
        hook(f"./{'x' * 300}", folder=tmp_path)


def test_a_file_name_that_is_no_text_reaches_the_program(tmp_path: Path) -> None:
    stopped = StateChanged(time=0, state="stopping", reason=os.fsdecode(b"caf\xe9.wav: No such file"))

    hook("cp", "/dev/stdin", "event.json", folder=tmp_path).run(stopped)

    assert json.loads((tmp_path / "event.json").read_text(encoding="utf-8")) == stopped.as_dict()
