"""Facts about the mute that holds now: the folder is real, the clocks are simulated."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kws_app.daemon.clock import Clock
from kws_app.daemon.mute import Mute, MuteStore
from kws_app.daemon.silence import Silence

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def clock() -> Clock:
    """Nobody sets it."""
    return Clock()


@pytest.fixture
def setting() -> tuple[Clock, Callable[[float], None]]:
    """A clock, and what sets it by so many seconds."""
    by = [0.0]
    return Clock(wall=lambda: time.time() + by[0]), lambda seconds: by.append(by.pop() + seconds)


def kept(folder: Path) -> Mute | None:
    """What a daemon that starts now would find."""
    return MuteStore(folder).read(datetime.now(UTC))


def test_a_wish_counts_at_once_and_after_a_restart_once_it_is_kept(tmp_path: Path, clock: Clock) -> None:
    silence = Silence(tmp_path, clock)

    silence.take(Mute(release=True))
    assert (silence.is_released, kept(tmp_path)) == (True, None)
    silence.keep()

    assert Silence(tmp_path, clock).is_released


def test_it_is_over_when_its_time_has_come_and_not_before(tmp_path: Path, clock: Clock) -> None:
    silence = Silence(tmp_path, clock)

    silence.take(Mute(datetime.now(UTC) + HALF_AN_HOUR))
    assert not silence.is_over()
    silence.take(Mute(datetime.now(UTC)))

    assert silence.is_over()


def test_one_that_is_over_does_not_begin_anew_on_a_clock_that_is_set_back(tmp_path: Path, clock: Clock) -> None:
    silence = Silence(tmp_path, clock)
    silence.take(Mute(datetime.now(UTC)))
    silence.keep()

    assert silence.is_over()

    assert MuteStore(tmp_path).read(datetime.now(UTC) - HALF_AN_HOUR) is None


@pytest.mark.parametrize("seconds", [-1200, 7200])
def test_it_lasts_as_long_as_was_asked_for_though_the_clock_is_set(
    tmp_path: Path, setting: tuple[Clock, Callable[[float], None]], seconds: float
) -> None:
    clock, set_by = setting
    silence, end = Silence(tmp_path, clock), datetime.now(UTC) + HALF_AN_HOUR
    silence.take(Mute(end))

    set_by(seconds)
    silence.is_over()

    assert silence.mute is not None
    assert silence.mute.until is not None
    assert abs(silence.mute.until - end - timedelta(seconds=seconds)) < timedelta(seconds=1)
    assert kept(tmp_path) == silence.mute


def test_a_clock_that_was_set_before_does_not_count(
    tmp_path: Path, setting: tuple[Clock, Callable[[float], None]]
) -> None:
    clock, set_by = setting
    silence, end = Silence(tmp_path, clock), datetime.now(UTC) + HALF_AN_HOUR

    set_by(7200)
    silence.take(Mute(end))
    silence.is_over()

    assert silence.mute == Mute(end)


def test_one_without_an_end_has_none_whatever_the_clock_says(
    tmp_path: Path, setting: tuple[Clock, Callable[[float], None]]
) -> None:
    clock, set_by = setting
    silence = Silence(tmp_path, clock)
    silence.take(Mute())

    set_by(1e6)

    assert not silence.is_over()


def test_another_folder_has_it_from_then_on_and_the_one_before_has_not(tmp_path: Path, clock: Clock) -> None:
    silence = Silence(tmp_path / "before", clock)
    silence.take(Mute())
    silence.keep()

    silence.keep_in(tmp_path / "after")

    assert (kept(tmp_path / "before"), kept(tmp_path / "after")) == (None, Mute())


def test_a_folder_that_cannot_be_used_is_a_line_in_the_log(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    silence = Silence(tmp_path, clock)
    silence.take(Mute())

    silence.keep_in(tmp_path / "file")

    assert caplog.messages == [f"done, but a restart will forget it: {tmp_path}/file/mute.json: File exists"]
    assert silence.mute == Mute()
