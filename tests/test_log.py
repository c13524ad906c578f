"""Facts about log lines."""

from __future__ import annotations

import logging

import pytest

from kws_app.log import LogSettings, Seldom, set_up

pytestmark = pytest.mark.usefixtures("logging_as_before")


def test_a_line_has_time_level_and_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogSettings())

    logging.getLogger("kws_app.daemon").info("Starting")

    _, level, sentence = capsys.readouterr().err.rstrip().split(" ")
    assert (level, sentence) == ("INFO", "Starting")


def test_what_is_less_grave_than_the_level_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogSettings("warning"))

    logging.getLogger("kws_app").info("Starting")

    assert capsys.readouterr().err == ""


def test_a_second_set_up_changes_the_level_and_tells_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogSettings("error"))
    set_up(LogSettings("debug"))

    logging.getLogger("kws_app").debug("once")

    assert capsys.readouterr().err.count("once") == 1
    assert len(logging.root.handlers) == 1


def test_one_of_many_alike_messages_stands_for_those_of_the_last_minute() -> None:
    seconds = 0.0
    seldom = Seldom(60, now=lambda: seconds)

    counts = []
    for second in range(0, 150, 10):
        seconds = float(second)
        counts.append(seldom.due())

    assert [count for count in counts if count] == [1, 6, 6]
