"""Faults that are there before the daemon is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_app.arrays import RATE
from tests.system.faults.broken_card import broken_card
from tests.system.faults.recovery import GONE, Patient
from tests.system.virtual_microphone import DEVICES, VirtualMicrophone

BOOTED_SECONDS = 5
"""From the start of the process to the state that names the fault."""


@pytest.fixture
def microphone() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone(rate=RATE) as microphone:
        yield microphone


@pytest.fixture
def daemon(tmp_path: Path, microphone: VirtualMicrophone, config: str) -> Patient:
    """It has not been started yet."""
    return Patient(tmp_path, microphone, config)


def test_it_waits_for_a_microphone_that_is_not_there_at_boot(daemon: Patient) -> None:
    daemon.microphone.unplug()
    with daemon:
        daemon.goes_deaf("does not open", within=BOOTED_SECONDS)

        daemon.microphone.plug_in()

        daemon.hears_again()


def test_it_waits_for_an_audio_server_that_is_not_there_at_boot(daemon: Patient) -> None:
    daemon.microphone.kill_server()
    with daemon:
        daemon.goes_deaf("there is no input device", within=BOOTED_SECONDS)

        daemon.microphone.start_server()

        daemon.hears_again()


def test_it_waits_for_an_audio_server_that_hangs_at_boot(daemon: Patient) -> None:
    daemon.microphone.hang_server()
    with daemon:
        daemon.goes_deaf("no audio", within=BOOTED_SECONDS)

        daemon.microphone.wake_server()

        daemon.hears_again()


def test_a_microphone_that_does_not_come_ends_the_process_and_the_next_one_hears(daemon: Patient, config: str) -> None:
    daemon.configure(config.replace("600", "3"))
    daemon.microphone.kill_server()
    with daemon:
        daemon.goes_deaf(*GONE, within=BOOTED_SECONDS)
        assert daemon.ends(within=6) == 69
        daemon.microphone.start_server()

        daemon.start()

        daemon.hears_again()


def test_it_waits_for_the_microphone_that_was_asked_for_though_others_are_there(daemon: Patient, config: str) -> None:
    daemon.configure(config.replace("{give", "{device: ReSpeaker, give"))
    with daemon:
        daemon.goes_deaf('no input device named "ReSpeaker"', within=BOOTED_SECONDS)

        daemon.microphone.list_devices('pcm."ReSpeaker 4 Mic Array" { type pulse }\n' + DEVICES)

        daemon.hears_again()


def test_it_waits_for_a_card_that_another_program_holds_at_boot(
    tmp_path: Path, microphone: VirtualMicrophone, config: str
) -> None:
    card = broken_card(tmp_path)
    card.is_busy = True
    with Patient(tmp_path, microphone, config, environment=card.environment) as daemon:
        daemon.goes_deaf("there is no input device", within=BOOTED_SECONDS)

        card.is_busy = False

        daemon.hears_again()
