"""Faults of the microphone itself: gone, suspended, muted, replaced."""

from __future__ import annotations

import time

from tests.system.faults.recovery import GONE, Patient


def test_a_microphone_that_was_unplugged_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.unplug()
    daemon.goes_deaf(*GONE)
    time.sleep(2)

    daemon.microphone.plug_in()

    daemon.hears_again()


def test_a_microphone_with_a_loose_plug_is_heard_again(daemon: Patient) -> None:
    for _ in range(5):
        daemon.microphone.unplug()
        daemon.microphone.plug_in()

    daemon.hears_again()


def test_a_microphone_that_was_suspended_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.control("suspend-source", "mic", "1")
    daemon.goes_deaf("no audio")

    daemon.microphone.control("suspend-source", "mic", "0")

    daemon.hears_again()


def test_a_microphone_that_delivered_nothing_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.feeder.stall()
    daemon.goes_deaf("no audio")

    daemon.microphone.feeder.resume()

    daemon.hears_again()


def test_a_microphone_that_stutters_is_heard_in_between(daemon: Patient) -> None:
    for _ in range(5):
        daemon.microphone.feeder.stall()
        time.sleep(0.3)
        daemon.microphone.feeder.resume()
        time.sleep(0.1)

    daemon.hears()


def test_a_microphone_that_was_muted_at_the_server_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.control("set-source-mute", "mic", "1")
    daemon.goes_deaf("silence")

    daemon.microphone.control("set-source-mute", "mic", "0")

    daemon.hears_again()


def test_a_microphone_whose_volume_was_turned_to_nothing_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.control("set-source-volume", "mic", "0%")
    daemon.goes_deaf("silence")

    daemon.microphone.control("set-source-volume", "mic", "100%")

    daemon.hears_again()


def test_a_microphone_that_becomes_the_default_is_heard(daemon: Patient) -> None:
    with daemon.microphone.another() as other:
        daemon.microphone.control("set-default-source", "other")
        time.sleep(0.5)

        daemon.hears(feeder=other)


def test_a_microphone_that_is_the_default_again_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.control("set-default-source", "mic")
    time.sleep(0.5)

    daemon.hears()
