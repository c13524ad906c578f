"""Facts about those who connect to the control socket: slow ones, many, gone ones, and some who send anything."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_app.daemon.control import ControlServer
from kws_app.directories import ControlSettings
from kws_app.events import StateChanged
from tests.conftest import bytes_grown
from tests.daemon.simulated_service import DETECTION, SimulatedService
from tests.daemon.talk import Talk, heard, listening, talking


def test_a_request_may_come_in_pieces(talk: Talk) -> None:
    for byte in b'{"command": "meter"}\n':
        talk.socket.send(bytes([byte]))

    assert talk.hear()["ok"]


def test_whoever_says_all_that_they_have_to_say_is_still_answered(talk: Talk) -> None:
    talk.socket.sendall(b'{"command": "meter"}\n{"command": "status"}')
    talk.socket.shutdown(socket.SHUT_WR)

    assert [talk.hear()["ok"], talk.hear()["ok"]] == [True, True]
    assert talk.is_closed


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


def test_asking_for_months_leaves_nothing_behind(served: Path) -> None:
    def ask() -> None:
        with talking(served) as talk:
            talk.say('{"command": "meter"}', "nonsense")
            talk.hear()
            talk.hear()

    assert bytes_grown(ask, times=500) < 10_000
