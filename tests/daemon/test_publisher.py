"""Facts about who is told of events."""

from __future__ import annotations

import pytest

from kws_app.daemon.publisher import Publisher
from kws_app.events import AudioLost, Event

LOST = AudioLost(time=1, seconds=1, reason="test")


def test_all_listeners_are_told_with_the_time_of_day() -> None:
    first: list[Event] = []
    second: list[Event] = []
    publisher = Publisher(first.append)
    publisher.subscribe(second.append)

    publisher.publish(LOST)

    assert first == second == [LOST.stamped(at)] if (at := first[0].at) else pytest.fail("no time of day")


def test_who_has_unsubscribed_is_told_no_more() -> None:
    told: list[Event] = []
    publisher = Publisher()
    unsubscribe = publisher.subscribe(told.append)

    unsubscribe()
    unsubscribe()
    publisher.publish(LOST)

    assert told == []


def test_a_listener_that_fails_is_logged_once_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    publisher = Publisher(lambda _: 1 // 0, told.append)  # type: ignore[arg-type, return-value]

    publisher.publish(LOST)
    publisher.publish(LOST)

    assert len(told) == 2
    assert caplog.text.count("ZeroDivisionError") == 1
