"""Facts about what the control socket answers; the service behind it has no audio."""

from __future__ import annotations

import getpass
import logging
import os
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kws_app.daemon.control import ControlServer
from kws_app.daemon.meter import Level
from kws_app.daemon.requests import COMMANDS, Request
from kws_app.daemon.status import Status
from kws_app.directories import ControlSettings
from kws_app.errors import ConfigError, Fault
from tests.conftest import ROOT
from tests.daemon.simulated_service import SimulatedService
from tests.daemon.talk import Talk, talking


def test_a_status_is_what_the_service_says_of_itself(talk: Talk, service: SimulatedService) -> None:
    assert talk.ask("status") == {"ok": True, "status": service.status().as_dict()}


def test_a_meter_is_one_look_at_the_level(talk: Talk) -> None:
    level = talk.ask("meter")["level"]

    assert (level["level_dbfs"], level["scores"]) == (-38.2, {"computer": 0.02})


def test_several_requests_at_once_are_answered_in_their_order(talk: Talk) -> None:
    talk.say('{"command": "mute"}', '{"command": "meter"}', '{"command": "unmute"}')

    answers = [talk.hear() for _ in range(3)]

    assert [answer.get("status", {}).get("state") for answer in answers] == ["muted", None, "listening"]


def test_a_mute_says_how_it_is_now_and_until_when(talk: Talk, service: SimulatedService) -> None:
    before = datetime.now(UTC)

    status = talk.ask("mute", seconds=1800, release=True)["status"]

    assert (status["state"], status["mute"]) == ("muted", "released")
    assert service.muted is not None
    assert service.muted[0] is not None
    assert timedelta(0) <= service.muted[0] - before - timedelta(minutes=30) < timedelta(seconds=5)


def test_a_mute_without_a_time_has_no_end(talk: Talk, service: SimulatedService) -> None:
    talk.ask("mute")

    assert service.muted == (None, False)


def test_who_asked_for_a_change_is_in_the_log(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    talk.ask("mute", seconds=60, release=True)
    talk.ask("status")

    me = f"{getpass.getuser()} (uid {os.geteuid()}, pid {os.getpid()})"
    assert [record.getMessage() for record in caplog.records] == [f"{me} asked: mute for 60 s, microphone closed"]


def test_a_refused_reload_names_every_mistake(talk: Talk, service: SimulatedService) -> None:
    faults = [Fault("config.yaml", line, "log", "is wrong") for line in range(1, 2001)]
    service.reload_error = ConfigError(*faults)

    assert talk.ask("reload") == {"ok": False, "error": [str(fault) for fault in faults], "code": 78}


def test_an_error_of_ours_is_in_the_log_and_the_next_request_is_answered(
    talk: Talk, service: SimulatedService, caplog: pytest.LogCaptureFixture
) -> None:
    service.reload_error = ZeroDivisionError("division by zero")

    answer = talk.ask("reload")

    assert (answer["ok"], answer["code"]) == (False, 70)
    assert "ZeroDivisionError: division by zero" in caplog.text
    assert talk.ask("status")["ok"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("status", "request: not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{command: status}", "request: not JSON: Expecting property name enclosed in double quotes"),
        ("[]", "request: must be a mapping (key: value), got a list"),
        ("{}", "request: command: is missing: one of status, meter, events, mute, unmute, reload"),
        ('{"command": "statsu"}', "request: command: unknown value 'statsu'; did you mean 'status'?"),
        ('{"command": "mute", "second": 5}', "request: second: unknown key; did you mean 'seconds'?"),
        ('{"command": "mute", "seconds": "5"}', "request: seconds: must be a number, got '5'"),
        ('{"command": "mute", "seconds": 0}', "request: seconds: must lie between 1 and 31622400, got 0"),
        ('{"command": "status", "command": "unmute"}', "request: command: comes twice"),
        ('{"command": "unmute", "seconds": 5}', "request: seconds and release are for mute alone"),
        ("[" * 60_000, "request: not JSON: "),
    ],
)
def test_what_is_no_request_is_said_and_the_connection_goes_on(talk: Talk, line: str, error: str) -> None:
    talk.say(line)

    answer = talk.hear()

    assert (answer["ok"], answer["code"]) == (False, 64)
    assert answer["error"][0].startswith(error)
    assert talk.ask("status")["ok"]


def test_a_request_that_the_end_overtakes_is_answered(service: SimulatedService, path: Path) -> None:
    service.hang()
    with ControlServer(ControlSettings(socket=path), service), talking(path) as talk:
        talk.say('{"command": "reload"}')

        service.end()

        assert talk.hear() == {"ok": False, "error": ["kws-app is stopping"], "code": 69}


def test_the_reference_explains_every_command_every_detail_and_every_field() -> None:
    text = (ROOT / "docs" / "reference" / "control.md").read_text(encoding="utf-8")

    names = {*COMMANDS, *(field.name for kind in (Request, Status, Level) for field in fields(kind))}

    assert {name for name in names if not re.search(rf'["`]{name}["`]', text)} == set()
