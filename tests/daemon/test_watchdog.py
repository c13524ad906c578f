"""Facts about feeding systemd's watchdog."""

from __future__ import annotations

import os

from kws_app.daemon.watchdog import Watchdog


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def fed(beats: list[tuple[float, int]], **environment: str) -> list[float]:
    """The times at which WATCHDOG=1 is sent if *beats* come, each a time and a count of frames."""
    clock, sent = Clock(), []
    watchdog = Watchdog(lambda notice: sent.append((clock.seconds, notice)), environment=dict(environment), now=clock)
    for seconds, frames in beats:
        clock.seconds = 100.0 + seconds
        watchdog.beat(frames)
    assert {notice for _, notice in sent} <= {"WATCHDOG=1"}
    return [seconds - 100.0 for seconds, _ in sent]


def test_it_is_fed_every_second() -> None:
    beats = [(second / 2, second * 25) for second in range(7)]

    assert fed(beats, WATCHDOG_USEC="10000000") == [1, 2, 3]


def test_it_is_fed_twice_in_the_time_that_systemd_allows_if_that_is_short() -> None:
    beats = [(second / 4, second * 25) for second in range(7)]

    assert fed(beats, WATCHDOG_USEC="1000000") == [0.5, 1, 1.5]


def test_it_is_not_fed_while_no_frame_advances() -> None:
    beats = [(0.0, 10), *((float(second), 10) for second in range(1, 30)), (30.0, 11)]

    assert fed(beats, WATCHDOG_USEC="4000000") == [1, 30]


def test_frames_that_begin_anew_after_a_reload_count() -> None:
    assert fed([(2.0, 1000), (4.0, 3)], WATCHDOG_USEC="4000000") == [2, 4]


def test_without_a_watchdog_nothing_is_sent() -> None:
    assert fed([(100.0, 1)]) == []


def test_a_watchdog_that_is_meant_for_another_process_is_not_ours() -> None:
    assert fed([(100.0, 1)], WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid() + 1)) == []


def test_a_watchdog_that_is_meant_for_this_process_is_ours() -> None:
    assert fed([(100.0, 1)], WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid())) == [100]
