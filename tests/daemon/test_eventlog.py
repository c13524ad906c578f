"""Facts about what people read of events."""

from __future__ import annotations

import logging

import pytest

from kws_app.daemon.eventlog import EventLog
from kws_app.events import AudioLost, Detection, ModelReset, NearMiss, StateChanged


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_detection_is_one_line(told: pytest.LogCaptureFixture) -> None:
    EventLog().tell(Detection(time=1, keyword="computer", score=0.938, end=16_000, threshold=0.9))

    assert lines(told) == [("INFO", 'heard "computer" (score 0.94)')]


def test_a_near_miss_is_for_those_who_want_to_know_all(told: pytest.LogCaptureFixture) -> None:
    EventLog().tell(NearMiss(time=1, keyword="computer", score=0.7, end=16_000, threshold=0.9))

    assert lines(told) == [("DEBUG", 'almost heard "computer" (score 0.70 of 0.90)')]


def test_losses_are_told_at_once_and_then_counted(told: pytest.LogCaptureFixture) -> None:
    log = EventLog()
    for second in range(50):
        log.tell(AudioLost(time=second, seconds=0.5, reason="fell behind"))

    assert lines(told) == [("WARNING", "lost 0.50 s of audio in 1 gap: fell behind")]


def test_a_model_reset_is_a_warning(told: pytest.LogCaptureFixture) -> None:
    EventLog().tell(ModelReset(time=1, reason="a score was no number"))

    assert lines(told) == [("WARNING", "the model was reset once: a score was no number")]


def test_a_state_is_told_by_the_service_itself(told: pytest.LogCaptureFixture) -> None:
    EventLog().tell(StateChanged(time=1, state="listening"))

    assert lines(told) == []
