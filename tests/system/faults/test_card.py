"""Faults that only a real card and a real clock have: both are broken within the daemon's process."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_app.arrays import RATE
from tests.system.faults.broken_card import BrokenCard, broken_card
from tests.system.faults.recovery import GONE, Patient
from tests.system.virtual_microphone import DEVICES, VirtualMicrophone

BEFORE = 'pcm."Another Card" { type pulse }\npcm."Yet Another" { type pulse }\n'
"""Cards that push ours to another index."""

OURS = 'pcm."Virtual Microphone" { type pulse }\n'


@pytest.fixture
def card(tmp_path: Path) -> BrokenCard:
    return broken_card(tmp_path)


@pytest.fixture
def daemon(tmp_path: Path, config: str, card: BrokenCard) -> Iterator[Patient]:
    """It listens to one card of several, by its name."""
    named = config.replace("{give", "{device: Virtual Microphone, give")
    with (
        VirtualMicrophone(rate=RATE) as microphone,
        Patient(tmp_path, microphone, named, environment=card.environment) as daemon,
    ):
        daemon.wait_until_ready()
        yield daemon


def test_a_card_that_comes_back_under_another_index_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.microphone.list_devices(BEFORE + DEVICES)

    daemon.microphone.start_server()

    daemon.hears_again()
    assert '"Virtual Microphone' in daemon.asked("status", "--json")


def test_a_card_that_is_away_is_waited_for_though_others_are_there(daemon: Patient) -> None:
    daemon.microphone.list_devices(BEFORE + DEVICES.replace(OURS, ""))
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.microphone.start_server()
    time.sleep(3)

    daemon.microphone.list_devices(BEFORE + DEVICES)

    daemon.hears_again()


def test_a_card_that_another_program_takes_meanwhile_is_waited_for(daemon: Patient, card: BrokenCard) -> None:
    card.is_busy = True
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.microphone.start_server()
    time.sleep(2)

    card.is_busy = False

    daemon.hears_again()


def test_a_card_that_loses_audio_all_the_time_is_named_and_heard_again(daemon: Patient, card: BrokenCard) -> None:
    card.overflows = 20
    daemon.goes_deaf("rate", "no audio", within=5)

    card.overflows = 0

    daemon.hears_again()


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_is_set_changes_nothing(daemon: Patient, card: BrokenCard, seconds: int) -> None:
    card.clock_seconds = seconds

    daemon.hears()

    card.clock_seconds = 0
    daemon.hears()


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_mute_lasts_as_long_as_was_asked_for_though_the_clock_is_set(
    daemon: Patient, card: BrokenCard, seconds: int
) -> None:
    daemon.asked("mute", "--for", "4s")
    daemon.next("state", state="muted", within=2)

    card.clock_seconds = seconds

    assert daemon.next("state", within=2)["state"] == "muted"
    daemon.hears_again()
    card.clock_seconds = 0


def test_a_card_that_never_closes_ends_the_process_and_the_next_one_hears(daemon: Patient, card: BrokenCard) -> None:
    card.close_hangs = True
    daemon.microphone.feeder.stall()
    daemon.goes_deaf("no audio")
    assert daemon.ends(within=10) == 70
    card.close_hangs = False
    daemon.microphone.feeder.resume()

    daemon.start()

    daemon.hears_again()


def test_a_card_that_never_closes_does_not_keep_it_from_stopping(daemon: Patient, card: BrokenCard) -> None:
    card.close_hangs = True
    daemon.send(signal.SIGTERM)
    daemon.ends(within=2.5)
    card.close_hangs = False

    daemon.start()

    daemon.hears_again()


def test_a_card_that_never_opens_does_not_keep_a_reload_from_being_stopped(
    daemon: Patient, card: BrokenCard, config: str
) -> None:
    daemon.configure(config)  # another device: the system's default
    card.open_hangs = True
    daemon.send(signal.SIGHUP)
    while not card.is_hanging:
        time.sleep(0.02)
    daemon.send(signal.SIGTERM)
    assert daemon.ends(within=2.5) == 0
    card.open_hangs = False

    daemon.start()

    daemon.hears_again()
