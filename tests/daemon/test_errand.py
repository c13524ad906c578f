"""Facts about things that may never return."""

from __future__ import annotations

import threading
import time
import weakref

import pytest

from kws_app.daemon.errand import Errand
from kws_app.errors import HungError, MicrophoneError


def test_what_it_raised_is_kept_for_whoever_waited() -> None:
    errand = Errand("dividing", lambda: 1 / 0, limit_seconds=5)

    errand.wait()

    assert isinstance(errand.error, ZeroDivisionError)
    assert not errand.is_hung


def test_what_it_raised_and_was_raised_again_holds_nothing_of_a_microphone_any_more() -> None:
    class Microphone:
        def open(self) -> None:
            raise MicrophoneError("microphone: it is not there")

    microphone = Microphone()
    gone = weakref.ref(microphone)
    errand = Errand("opening", microphone.open, limit_seconds=5)
    errand.wait()

    with pytest.raises(MicrophoneError, match="not there"):
        errand.raise_error()

    del errand, microphone
    assert gone() is None


def test_the_one_who_waits_can_look_up_ten_times_a_second() -> None:
    errand = Errand("sleeping", lambda: time.sleep(0.35), limit_seconds=5)

    assert 3 <= sum(1 for _ in errand.looks()) <= 4


def test_what_never_returns_is_an_error_at_the_time_limit() -> None:
    forever = threading.Event()
    errand = Errand("closing the microphone", forever.wait, limit_seconds=0.1)

    with pytest.raises(HungError, match=r"closing the microphone has not returned for 0\.1 s"):
        errand.wait()

    assert errand.is_hung
    forever.set()
    errand.join()
