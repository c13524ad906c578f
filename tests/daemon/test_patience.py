"""Facts about trying again and giving up."""

from __future__ import annotations

import pytest

from kws_app.daemon.patience import Patience


def pauses(patience: Patience, *, seconds: int, is_silent: bool = False) -> list[float]:
    """How long it waits between tries, each of which takes no time and fails."""
    waits, tried = [], 0.0
    for tenth in range(10 * seconds):
        now = tenth / 10
        patience.note(now, is_deaf=True, is_silent=is_silent)
        if patience.is_due(now):
            waits.append(now - tried)
            tried = now
            patience.tried(now)
    return [round(wait, 1) for wait in waits]


def test_the_first_try_is_at_once_and_the_pauses_grow_to_three_seconds() -> None:
    assert pauses(Patience(600), seconds=14) == [0, 0.5, 1, 2, 3, 3, 3]


def test_during_digital_silence_they_grow_to_ten_minutes() -> None:
    assert pauses(Patience(600), seconds=2000, is_silent=True)[5:] == [8, 16, 32, 64, 128, 256, 512, 600]


def test_it_is_exhausted_when_nothing_helped_for_so_long() -> None:
    patience = Patience(30)

    pauses(patience, seconds=30)
    assert not patience.is_exhausted
    patience.note(30.0, is_deaf=True, is_silent=False)

    assert patience.is_exhausted


def test_another_fault_after_hours_of_digital_silence_is_not_kept_waiting() -> None:
    patience = Patience(600)
    pauses(patience, seconds=3600, is_silent=True)

    patience.note(3600.0, is_deaf=True, is_silent=False)

    assert patience.is_due(3600.0)


def test_digital_silence_never_exhausts_it() -> None:
    patience = Patience(30)

    pauses(patience, seconds=3600, is_silent=True)

    assert not patience.is_exhausted


@pytest.mark.parametrize(("well_seconds", "is_the_same"), [(5, True), (11, False)])
def test_a_trouble_is_over_after_ten_seconds_of_hearing(well_seconds: int, is_the_same: bool) -> None:
    patience = Patience(30)
    pauses(patience, seconds=20)

    for second in range(well_seconds + 1):
        patience.note(20.0 + second, is_deaf=False, is_silent=False)
    now = 21.0 + well_seconds
    patience.note(now, is_deaf=True, is_silent=False)

    assert (patience.deaf_seconds > 15) == is_the_same


def test_time_in_which_the_process_was_stopped_is_not_counted() -> None:
    patience = Patience(30)
    patience.note(0.0, is_deaf=True, is_silent=False)

    patience.note(3600.0, is_deaf=True, is_silent=False)

    assert patience.deaf_seconds == 1
