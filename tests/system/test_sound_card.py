"""The installed service on a machine with its own kernel: a real USB driver, a plug that is pulled, and sleep.

``scripts/try_sound_card.sh`` runs it. The tests stand in their order on one machine, and each leaves it listening. They
log what they measure: an emulated processor beside other work is far slower than a board.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from kws_app.arrays import Samples
from tests.system.usb_microphone import UsbMicrophone
from tests.system.virtual_machine import VirtualMachine, machine

logger = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(900)

START_SECONDS = 400
SOON_SECONDS = 60
SLEEP_SECONDS = 12


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualMachine]:
    with machine() as board:
        yield board


@pytest.fixture(scope="module")
def microphone(board: VirtualMachine) -> Iterator[UsbMicrophone]:
    """Plugged in, and heard by the service."""
    with UsbMicrophone(board.usb_port) as microphone:
        microphone.plug_in()
        board.answer("until kws-app status; do sleep 1; done >&2", within=START_SECONDS)
        board.run("kws-app events --json &")
        # Started later, it is asked when events are told already: the first of them is its own.
        board.answer("kws-app mute >&2; kws-app unmute >&2", within=SOON_SECONDS)
        board.event("state", state="listening", within=SOON_SECONDS)
        yield microphone


@pytest.fixture
def same_process(board: VirtualMachine, microphone: UsbMicrophone) -> Iterator[None]:  # noqa: ARG001
    """What happens, happens to one process of the service."""
    show = "systemctl show --value --property=MainPID kws-app"
    before = board.answer(show)
    yield
    assert board.answer(show) == before


def hears(board: VirtualMachine, microphone: UsbMicrophone, word: Samples) -> None:
    microphone.feeder.speak(word)
    board.event("detection", keyword="rise", within=SOON_SECONDS)


def changes(board: VirtualMachine, state: str, since: float) -> str:
    """Wait until it says that it is in this state, and log how long that took; returns the reason."""
    at, event = board.event("state", state=state, within=SOON_SECONDS)
    reason = event.get("reason") or ""
    logger.info("%s after %.1f s %s", state, at - since, reason)
    return reason


def test_a_word_is_heard_through_a_usb_microphone(
    board: VirtualMachine, microphone: UsbMicrophone, spoken: Samples
) -> None:
    hears(board, microphone, spoken)

    assert "Simulated Microphone" in board.answer("systemctl show --value --property=StatusText kws-app")


@pytest.mark.usefixtures("same_process")
def test_a_microphone_that_is_pulled_out_is_missed_and_heard_again_when_it_is_back(
    board: VirtualMachine, microphone: UsbMicrophone, spoken: Samples
) -> None:
    microphone.unplug()
    changes(board, "deaf", monotonic())

    sleep(5)
    microphone.plug_in()
    changes(board, "listening", monotonic())

    hears(board, microphone, spoken)


@pytest.mark.usefixtures("same_process")
def test_after_sleep_the_microphone_is_opened_anew_and_hears(
    board: VirtualMachine, microphone: UsbMicrophone, spoken: Samples
) -> None:
    woken = board.sleep(SLEEP_SECONDS)

    reason = changes(board, "deaf", woken)
    assert reason.startswith("the machine slept for ")
    changes(board, "listening", woken)
    hears(board, microphone, spoken)


@pytest.mark.usefixtures("same_process")
def test_a_microphone_that_was_pulled_out_during_sleep_is_heard_when_it_is_back(
    board: VirtualMachine, microphone: UsbMicrophone, spoken: Samples
) -> None:
    woken = board.sleep(SLEEP_SECONDS, meanwhile=microphone.unplug)

    changes(board, "deaf", woken)
    sleep(5)
    microphone.plug_in()
    changes(board, "listening", monotonic())
    hears(board, microphone, spoken)
