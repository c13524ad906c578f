"""Facts about the command line as a whole: help, exit codes, and what each command loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_app import __version__
from kws_app.arrays import RATE
from kws_app.cli import main as command_line
from kws_app.cli.main import COMMANDS, main
from tests.conftest import modules_loaded_by


def kws_app(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kws_app", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def modules_loaded_for(*arguments: str) -> set[str]:
    return modules_loaded_by(f"""
from kws_app.cli.main import main
try:
    main({arguments!r})
except SystemExit:
    pass
""")


def test_the_version_is_printed_and_nothing_heavy_is_loaded_for_it() -> None:
    assert kws_app("--version").stdout == f"kws-app {__version__}\n"
    assert not modules_loaded_for("--version") & {"numpy", "yaml", "onnxruntime", "soundfile", "pyaudio"}


def test_every_command_is_in_the_help() -> None:
    text = kws_app("--help").stdout

    assert [command for command in COMMANDS if f"\n    {command} " not in text] == []


def test_a_command_that_there_is_not_is_refused_with_the_nearest() -> None:
    result = kws_app("statsu")

    assert (result.returncode, result.stderr.splitlines()[-1]) == (
        2,
        "kws-app: error: argument COMMAND: there is no 'statsu'; did you mean 'status'?",
    )


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["status", "--jsn"], "kws-app status: error: unrecognized arguments: --jsn; did you mean '--json'?"),
        (["mute", "--form=30m"], "kws-app mute: error: unrecognized arguments: --form=30m; did you mean '--for'?"),
        (["mute", "30m"], "kws-app mute: error: unrecognized arguments: 30m"),
    ],
)
def test_what_a_command_does_not_take_is_refused_beside_its_usage(arguments: list[str], refusal: str) -> None:
    result = kws_app(*arguments)

    assert (result.returncode, result.stderr.splitlines()[-1]) == (2, refusal)
    assert result.stderr.startswith(f"usage: kws-app {arguments[0]} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert f"  kws-app {command}" in capsys.readouterr().out.partition("example")[2].replace(": kws", "  kws")


@pytest.mark.parametrize("command", COMMANDS)
def test_reading_a_command_loads_no_other_and_nothing_heavy(command: str) -> None:
    loaded = modules_loaded_for(command, "--help")

    assert {name for name in COMMANDS if f"kws_app.cli.{name}" in loaded} == {command}
    assert not loaded & {"numpy", "yaml", "onnxruntime", "soundfile", "pyaudio"}


@pytest.mark.parametrize("arguments", [[], ["rnu"], ["run", "--sourc"], ["run", "--no-such"], ["-x"]])
def test_a_wrong_command_line_ends_with_2_and_the_usage(arguments: list[str]) -> None:
    result = kws_app(*arguments)

    assert result.returncode == 2
    assert result.stderr.startswith("usage: kws-app")


def test_what_a_user_can_cause_is_a_sentence_and_its_exit_code(tmp_path: Path) -> None:
    result = kws_app("run", "-c", tmp_path / "none.yaml")

    assert result.returncode == 78
    assert result.stderr == f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n"


def test_an_error_of_ours_is_a_traceback_and_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A command that is broken: the parser of one that is there, with an error of ours behind it.
    monkeypatch.setattr("kws_app.cli.config.run", lambda _: 1 / 0)

    assert main(["config"]) == 70
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_a_reader_that_has_had_enough_is_no_error(config_file: Path) -> None:
    command = [sys.executable, "-m", "kws_app", "config", "-c", config_file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_numpys_linear_algebra_starts_no_threads(config_file: Path) -> None:
    program = f"""
from kws_app.cli.main import main
main(["config", "-c", {str(config_file)!r}])
import numpy, os
print(len(os.listdir("/proc/self/task")))
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )

    assert result.stdout.splitlines()[-1] == "1"


def test_every_command_is_a_module_beside_the_main_one() -> None:
    folder = Path(command_line.__file__).parent

    assert [command for command in COMMANDS if not (folder / f"{command}.py").is_file()] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_a_full_disk_does_not_take_is_a_sentence_and_73(config_file: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "kws_app", "config", "-c", config_file]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert result.returncode == 73
    assert result.stderr == "standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(closed: str, config_file: Path, tiny_model: Path, tmp_path: Path) -> None:
    config_file.write_text(f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\n", encoding="utf-8")
    soundfile.write(tmp_path / "moment.wav", np.zeros(1600, np.int16), RATE)
    line = f"{sys.executable} -m kws_app run -c {config_file} --source {tmp_path}/moment.wav {closed}"

    assert subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode == 0
