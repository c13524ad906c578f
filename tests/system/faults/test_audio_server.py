"""Faults of the audio server that the microphone hangs on."""

from __future__ import annotations

import signal
import time

import pytest

from tests.system.faults.recovery import GONE, Patient


@pytest.mark.parametrize("farewell", [signal.SIGKILL, signal.SIGTERM])
def test_it_hears_again_when_a_server_that_ended_comes_back(daemon: Patient, farewell: signal.Signals) -> None:
    daemon.microphone.kill_server(farewell)
    daemon.goes_deaf(*GONE)

    daemon.microphone.start_server()

    daemon.hears_again()


def test_it_hears_again_after_many_tries_when_the_server_was_long_away(daemon: Patient) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    time.sleep(8)

    daemon.microphone.start_server()

    daemon.hears_again()


def test_it_hears_again_after_a_server_died_again_and_again(daemon: Patient) -> None:
    for _ in range(5):
        daemon.microphone.kill_server()
        time.sleep(0.3)
        daemon.microphone.start_server()

    daemon.hears_again()


def test_it_hears_again_when_the_server_comes_back_before_its_microphone(daemon: Patient) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.microphone.start_server(plugged_in=False)
    time.sleep(2)

    daemon.microphone.plug_in()

    daemon.hears_again()


def test_it_goes_on_hearing_when_the_servers_socket_is_deleted(daemon: Patient) -> None:
    daemon.microphone.socket.unlink()

    daemon.hears()


def test_it_hears_again_when_a_deleted_socket_comes_back_with_the_next_server(daemon: Patient) -> None:
    daemon.microphone.socket.unlink(missing_ok=True)
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)

    daemon.microphone.start_server()

    daemon.hears_again()


@pytest.mark.parametrize("seconds", [0.3, 1])
def test_it_goes_on_hearing_when_the_server_hung_for_a_moment(daemon: Patient, seconds: float) -> None:
    daemon.microphone.hang_server()
    time.sleep(seconds)
    daemon.microphone.wake_server()

    daemon.hears()


def test_it_hears_again_when_the_server_hung_for_three_seconds(daemon: Patient) -> None:
    daemon.microphone.hang_server()
    began = time.monotonic()
    daemon.goes_deaf("no audio")
    time.sleep(began + 3 - time.monotonic())

    daemon.microphone.wake_server()

    daemon.hears_again()


def test_a_server_that_hangs_for_ten_seconds_ends_the_process_and_the_next_one_hears(daemon: Patient) -> None:
    """It keeps PortAudio from closing its microphone, and nothing but a new process helps."""
    daemon.microphone.hang_server()
    began = time.monotonic()
    daemon.goes_deaf("no audio")
    assert daemon.ends(within=6) == 70
    daemon.start()
    time.sleep(began + 10 - time.monotonic())

    daemon.microphone.wake_server()

    daemon.hears_again()
