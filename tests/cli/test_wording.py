"""Facts about times, durations and counts as people write and read them."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

import pytest

from kws_app.cli.wording import clock, count, lasting, moment, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061)]
)
def test_a_time_is_a_number_with_its_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "30 m", "30min", "-5m", "m30", "30m1h", "1.5h", "soon"])
def test_what_is_no_time_is_said_with_examples(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"such as 90s, 30m, 1h30m or 2d, got {text}$"):
        seconds_of(text)


def test_a_bare_number_is_asked_for_its_unit() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"got 30; did you mean 30m\?$"):
        seconds_of("30")


@pytest.mark.parametrize("text", ["0s", "367d"])
def test_a_time_that_is_none_or_longer_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"must lie between 1s and 366d, got {text}$"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.4, "0 s"),
        (0.4, "0 s"),
        (45.0, "45 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (7980.0, "2 h 13 min"),
        (273_600.0, "3 d 4 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_another_days_time_is_told_with_its_date() -> None:
    now = datetime.now().astimezone()

    assert clock(now) == f"{now:%H:%M:%S}"
    assert clock(now - timedelta(days=1)).startswith(f"{now - timedelta(days=1):%Y-%m-%d }")


def test_a_moment_is_told_in_the_readers_time_zone() -> None:
    assert moment("2026-03-01T12:00:00Z").utcoffset() == datetime(2026, 3, 1, 12).astimezone().utcoffset()


def test_one_is_not_several() -> None:
    assert [count(number, "near miss", "es") for number in range(3)] == [
        "0 near misses",
        "1 near miss",
        "2 near misses",
    ]
