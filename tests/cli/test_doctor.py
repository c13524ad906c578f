"""Facts about ``kws-app doctor``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws_app.cli.doctor import lines
from kws_app.cli.main import main
from kws_app.doctor.check import ok, warning
from tests.conftest import modules_loaded_by
from tests.daemon.simulated_service import SimulatedService


def test_people_read_a_line_a_check_and_what_to_do_below() -> None:
    assert [*lines(ok("clock", "synchronised"))] == ["ok       clock          synchronised"]
    assert [*lines(warning("unit", "not enabled", "enable it"))] == [
        "warning  unit           not enabled",
        "                        -> enable it",
    ]


@pytest.mark.usefixtures("service")
def test_programs_read_every_check_and_whether_there_is_a_problem(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json", "-c", str(config_file)]) in (0, 1)

    found = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in found["checks"]}
    assert found["healthy"] is not any(check["verdict"] == "problem" for check in found["checks"])
    assert set(checks["python"]) == {"name", "verdict", "seen", "remedy"}
    assert (checks["daemon"]["verdict"], checks["sound"]["verdict"]) == ("ok", "skipped")


def test_a_deaf_daemon_is_a_problem_and_the_exit_code_says_so(
    service: SimulatedService, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.state = "deaf"

    assert main(["doctor", "-c", str(config_file)]) == 1

    out = capsys.readouterr().out
    assert "problem  daemon         deaf" in out
    assert out.splitlines()[-1].startswith("1 problem, ")


def test_a_microphone_that_the_daemon_released_is_looked_at(
    service: SimulatedService, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.mute(None, release=True)

    main(["doctor", "--json", "-c", str(config_file)])

    verdicts = {check["name"]: check["verdict"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert (verdicts["daemon"], verdicts["device"] != "skipped") == ("ok", True)


def test_a_mistake_in_the_configuration_is_a_problem(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_file.write_text("modle: {}\n", encoding="utf-8")

    assert main(["doctor", "-c", str(config_file)]) == 1

    assert (
        f"problem  configuration  {config_file}:1: modle: unknown key; did you mean 'model'?" in capsys.readouterr().out
    )


def test_the_doctor_itself_loads_nothing_that_could_die() -> None:
    loaded = modules_loaded_by("from kws_app.cli.main import main\nmain(['doctor', '--json'])")

    assert "kws_app.doctor" in loaded
    assert not loaded & {"numpy", "onnxruntime", "soxr", "pyaudio", "kws_app.daemon"}
