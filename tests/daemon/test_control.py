"""Facts about the control socket: sockets, threads and permissions are real; the service behind it has no audio."""

from __future__ import annotations

import getpass
import json
import logging
import os
import re
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_app.daemon.control import ControlServer
from kws_app.daemon.meter import Level
from kws_app.daemon.requests import COMMANDS, Request
from kws_app.daemon.status import Status
from kws_app.directories import ControlSettings
from kws_app.errors import ConfigError, ControlError, Fault
from kws_app.events import Detection, StateChanged
from tests.conftest import ROOT, bytes_grown, nobody
from tests.daemon.simulated_service import SimulatedService

DETECTION = Detection(time=1.5, keyword="computer", score=0.94, end=24_000, threshold=0.9)


class Talk:
    """A client that speaks the protocol by hand."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self._lines = self.socket.makefile("rb")

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\n" for line in lines).encode())

    def hear(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line.endswith(b"\n"), "the connection was closed"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def ask(self, command: str, **details: Any) -> dict[str, Any]:
        self.say(json.dumps({"command": command, **details}))
        return self.hear()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can come."""
        try:
            return self._lines.readline() == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@pytest.fixture
def service() -> Iterator[SimulatedService]:
    with SimulatedService() as service:
        yield service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def served(service: SimulatedService, path: Path) -> Iterator[Path]:
    """A socket at which the service is served."""
    with ControlServer(ControlSettings(socket=path), service):
        yield path


@pytest.fixture
def talk(served: Path) -> Iterator[Talk]:
    with talking(served) as talk:
        yield talk


@contextmanager
def talking(path: Path) -> Iterator[Talk]:
    talk = Talk(path)
    try:
        yield talk
    finally:
        talk.close()


def listening(path: Path, stack: ExitStack) -> Talk:
    """A client to which events are told, as long as *stack* is open."""
    talk = stack.enter_context(talking(path))
    assert talk.ask("events") == {"ok": True}
    return talk


def heard(talk: Talk) -> dict[str, Any]:
    """The next event, without the time of day."""
    event = talk.hear()
    assert event.pop("at")
    return event


def test_a_status_is_what_the_service_says_of_itself(talk: Talk, service: SimulatedService) -> None:
    assert talk.ask("status") == {"ok": True, "status": service.status().as_dict()}


def test_a_meter_is_one_look_at_the_level(talk: Talk) -> None:
    level = talk.ask("meter")["level"]

    assert (level["level_dbfs"], level["scores"]) == (-38.2, {"computer": 0.02})


def test_several_requests_at_once_are_answered_in_their_order(talk: Talk) -> None:
    talk.say('{"command": "mute"}', '{"command": "meter"}', '{"command": "unmute"}')

    answers = [talk.hear() for _ in range(3)]

    assert [answer.get("status", {}).get("state") for answer in answers] == ["muted", None, "listening"]


def test_a_request_may_come_in_pieces(talk: Talk) -> None:
    for byte in b'{"command": "meter"}\n':
        talk.socket.send(bytes([byte]))

    assert talk.hear()["ok"]


def test_whoever_says_all_that_they_have_to_say_is_still_answered(talk: Talk) -> None:
    talk.socket.sendall(b'{"command": "meter"}\n{"command": "status"}')
    talk.socket.shutdown(socket.SHUT_WR)

    assert [talk.hear()["ok"], talk.hear()["ok"]] == [True, True]
    assert talk.is_closed


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


def test_a_line_longer_than_64_kilobytes_is_refused_and_its_sender_dropped(
    talk: Talk, served: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConnectionError):  # noqa: PT012  as soon as it is closed
        while True:
            talk.socket.sendall(b"x" * 10_000)

    assert "more than 65536 bytes were sent at once" in caplog.text
    with talking(served) as other:
        assert other.ask("status")["ok"]


@given(blobs=st.lists(st.binary(max_size=300), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_one_client_sends_the_next_one_is_answered(served: Path, blobs: list[bytes]) -> None:
    with talking(served) as strange:
        for blob in blobs:
            strange.socket.sendall(blob)

    with talking(served) as talk:
        assert talk.ask("meter")["ok"]


def test_every_listener_is_told_every_event(served: Path, service: SimulatedService) -> None:
    with ExitStack() as stack:
        talks = [listening(served, stack) for _ in range(3)]

        service.publish(DETECTION)

        assert [heard(talk) for talk in talks] == [DETECTION.as_dict()] * 3


def test_who_did_not_ask_is_told_no_events(talk: Talk, service: SimulatedService) -> None:
    service.publish(DETECTION)

    assert "status" in talk.ask("status")


def test_the_last_event_is_told_before_the_end(service: SimulatedService, path: Path) -> None:
    last = StateChanged(time=9.0, state="stopping")
    with ExitStack() as stack:
        with ControlServer(ControlSettings(socket=path), service):
            talk = listening(path, stack)
            service.publish(last)

        assert heard(talk) == last.as_dict()
        assert talk.is_closed


def test_a_listener_that_does_not_read_is_dropped_and_the_others_are_told_everything(
    served: Path, service: SimulatedService, caplog: pytest.LogCaptureFixture
) -> None:
    long = StateChanged(time=1.0, state="deaf", reason="x" * 30_000)
    with ExitStack() as stack:
        slow, quick = listening(served, stack), listening(served, stack)

        for _ in range(60):
            service.publish(long)
            assert heard(quick) == long.as_dict()

        assert "what was sent is not read" in caplog.text
        for _ in range(60):
            try:
                slow.hear()
            except (AssertionError, ConnectionError):
                break
        else:
            pytest.fail("it was not dropped")


def test_a_seventeenth_connection_takes_the_place_of_one_that_asks_nothing(
    served: Path, service: SimulatedService
) -> None:
    with ExitStack() as stack:
        listener = listening(served, stack)
        idle, *others = [stack.enter_context(talking(served)) for _ in range(15)]

        newcomer = stack.enter_context(talking(served))

        assert newcomer.ask("status")["ok"]
        assert idle.hear() == {"ok": False, "error": ["more than 16 connections are open"], "code": 69}
        assert idle.is_closed
        assert all(other.ask("meter")["ok"] for other in others)
        service.publish(DETECTION)
        assert heard(listener) == DETECTION.as_dict()


def test_a_seventeenth_connection_is_refused_when_sixteen_listen(served: Path) -> None:
    with ExitStack() as stack:
        for _ in range(16):
            listening(served, stack)

        newcomer = stack.enter_context(talking(served))

        assert newcomer.hear()["error"] == ["more than 16 connections are open"]
        assert newcomer.is_closed


def test_a_listener_that_goes_makes_room(served: Path) -> None:
    for _ in range(40):
        with ExitStack() as stack:
            listening(served, stack)

    with talking(served) as talk:
        assert talk.ask("status")["ok"]


def test_whoever_goes_before_the_answer_harms_nobody(served: Path) -> None:
    for _ in range(40):
        with talking(served) as talk:
            talk.say('{"command": "status"}')

    with talking(served) as talk:
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


def test_the_socket_is_for_its_user_and_group_alone(served: Path) -> None:
    assert stat.S_IMODE(served.stat().st_mode) == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to give a file away")
def test_a_configured_group_gets_the_socket(service: SimulatedService, path: Path) -> None:
    with ControlServer(ControlSettings(socket=path, group="audio"), service):
        assert path.group() == "audio"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user to give up being root")
def test_a_group_that_this_user_is_not_in_is_a_sentence(service: SimulatedService) -> None:
    said = r"this user may not give it to the group audio: it must be a member, and .* --open control-group$"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        server = ControlServer(ControlSettings(socket=Path(folder, "socket"), group="audio"), service)

        with nobody(), pytest.raises(ControlError, match=said), server:
            pass

        assert os.listdir(folder) == []


def test_a_group_that_is_not_there_is_a_sentence(service: SimulatedService, path: Path) -> None:
    with (
        pytest.raises(ControlError, match=r"control socket .*control\.sock: there is no group nobodys$"),
        ControlServer(ControlSettings(socket=path, group="nobodys"), service),
    ):
        pass

    assert [*path.parent.iterdir()] == []


def test_a_socket_that_a_dead_daemon_left_is_replaced(service: SimulatedService, path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()

    with ControlServer(ControlSettings(socket=path), service), talking(path) as talk:
        assert talk.ask("status")["ok"]


def test_a_living_daemons_socket_is_left_to_it(served: Path, service: SimulatedService) -> None:
    with (
        pytest.raises(ControlError, match=r"control\.sock: another kws-app answers there$"),
        ControlServer(ControlSettings(socket=served), service),
    ):
        pass

    with talking(served) as talk:
        assert talk.ask("status")["ok"]


def test_a_second_daemon_without_a_configured_socket_listens_without_one(
    service: SimulatedService, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The usual place is, for a test, the folder that RUNTIME_DIRECTORY names.
    with ControlServer(ControlSettings(), service):
        with ControlServer(ControlSettings(), service):
            pass

        assert f"control socket {path}: another kws-app answers there; so nobody can ask for status" in caplog.text
        with talking(path) as talk:
            assert talk.ask("status")["ok"]


def test_a_file_that_is_no_socket_is_left_alone(service: SimulatedService, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")

    with (
        pytest.raises(ControlError, match=r"file: what is there is no socket$"),
        ControlServer(ControlSettings(socket=tmp_path / "file"), service),
    ):
        pass

    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("place", ["file/control.sock", "x" * 200])
def test_a_place_where_no_socket_can_be_is_a_sentence(service: SimulatedService, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ControlError, match=r"^control socket .*: (File exists|Not a directory|AF_UNIX path too long)$"),
        ControlServer(ControlSettings(socket=tmp_path / place), service),
    ):
        pass


def test_nothing_is_left_behind(service: SimulatedService, path: Path) -> None:
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))

    with ControlServer(ControlSettings(socket=path), service), talking(path) as talk:
        talk.ask("events")

    assert [*path.parent.iterdir()] == []
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, descriptors)
    service.publish(DETECTION)  # to nobody


def test_asking_for_months_leaves_nothing_behind(served: Path) -> None:
    def ask() -> None:
        with talking(served) as talk:
            talk.say('{"command": "meter"}', "nonsense")
            talk.hear()
            talk.hear()

    assert bytes_grown(ask, times=500) < 10_000


def test_another_daemons_socket_is_not_removed_at_the_end(service: SimulatedService, path: Path) -> None:
    with ControlServer(ControlSettings(socket=path), service):
        path.unlink()
        with ControlServer(ControlSettings(socket=path), service):
            pass
        path.touch()

    assert path.exists()
