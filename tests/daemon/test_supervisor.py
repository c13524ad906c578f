"""Facts about a microphone that fails and comes back: simulated, with real threads and short times."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import Block
from kws_app.daemon.clock import Clock
from kws_app.daemon.supervisor import Supervisor
from kws_app.errors import HungError, MicrophoneError
from tests.daemon.simulated import Happening, SimulatedMicrophone

SOUND = Block(np.random.default_rng(0).normal(scale=8, size=640).astype(np.int16))

IMPATIENT = AudioSettings(deaf_after_seconds=0.5, give_up_after_seconds=1)


def fail() -> None:
    raise MicrophoneError("microphone: the cable is loose")


def heard(script: Sequence[Happening], settings: AudioSettings = IMPATIENT) -> tuple[list[Block], list[str | None]]:
    """The blocks that are not empty, and the reasons for being deaf that were seen, one after the other."""
    blocks, reasons = [], []
    with Supervisor(settings, SimulatedMicrophone(script)) as supervisor:
        for block in supervisor.blocks():
            blocks += [block] * bool(len(block.samples))
            if [supervisor.deaf] != reasons[-1:]:
                reasons.append(supervisor.deaf)
    return blocks, reasons


def test_what_the_device_delivers_is_passed_on() -> None:
    assert heard([SOUND] * 3) == ([SOUND] * 3, [None])


def test_a_device_that_fails_is_opened_anew_and_says_why_it_was_deaf() -> None:
    blocks, reasons = heard([SOUND, fail, SOUND, SOUND])

    assert len(blocks) == 3
    assert reasons[0] is None
    assert reasons[-1] is None


def test_the_time_without_a_device_is_lost_before_the_first_block_after_it() -> None:
    began = time.monotonic()
    before, after, then = heard([SOUND, fail, lambda: time.sleep(0.3), SOUND, SOUND])[0]

    assert (before.lost, then.lost) == (0, 0)
    assert after.reason == "the cable is loose"
    assert 0.25 < after.lost / RATE < time.monotonic() - began


def test_a_reader_is_never_kept_waiting_while_a_device_is_absent() -> None:
    absent = AudioSettings(device="absent", give_up_after_seconds=1)
    supervisor = Supervisor(absent, SimulatedMicrophone([]))
    looks = [time.monotonic()]

    with pytest.raises(MicrophoneError, match=r'no input device named "absent"; nothing helped for 1 s'):
        looks.extend(time.monotonic() for _ in supervisor.blocks())

    assert max(np.diff(looks)) < 0.25
    assert supervisor.deaf == 'no input device named "absent"'


def test_a_device_that_delivers_nothing_is_opened_anew_until_patience_ends() -> None:
    def silent() -> Iterator[Happening]:
        while True:
            yield lambda: time.sleep(0.05)

    microphone = SimulatedMicrophone(silent())
    supervisor = Supervisor(IMPATIENT, microphone)

    with pytest.raises(MicrophoneError, match=r"no audio for 0\.5 s; nothing helped for 1 s"):
        for _ in supervisor.blocks():
            pass

    assert len(microphone.opened) >= 2


@pytest.mark.parametrize(
    ("device", "names"),
    [(3, [None, "USB Microphone"]), ("usb", [None, "USB Microphone"]), (None, [None, None]), ("", [None, None])],
    ids=["index", "part of the name", "default", "empty"],
)
def test_a_device_is_found_again_by_the_name_it_had_and_the_default_is_asked_for_anew(
    device: str | int | None, names: list[str | None]
) -> None:
    microphone = SimulatedMicrophone([SOUND, fail, SOUND], called="USB Microphone")

    with Supervisor(AudioSettings(device=device), microphone) as supervisor:
        list(supervisor.blocks())

    assert microphone.asked == names


def test_a_device_that_sleep_interrupted_is_opened_anew() -> None:
    asleep = [0.0]
    clock = Clock(time.monotonic, lambda: time.monotonic() + asleep[0], time.time)
    microphone = SimulatedMicrophone([SOUND, lambda: asleep.append(asleep.pop() + 3600), SOUND, SOUND])

    with Supervisor(IMPATIENT, microphone, clock=clock) as supervisor:
        reasons = [supervisor.deaf for _ in supervisor.blocks()]

    assert "the machine slept for 3600 s" in reasons
    assert reasons[-1] is None
    assert len(microphone.opened) == 2


def test_an_error_of_our_own_in_opening_is_no_deafness() -> None:
    def broken(_settings: AudioSettings, _name: str | None) -> SimulatedMicrophone:
        class Broken(SimulatedMicrophone):
            def __enter__(self) -> Broken:
                raise ZeroDivisionError

        return Broken([])

    with pytest.raises(ZeroDivisionError), Supervisor(IMPATIENT, broken) as supervisor:
        list(supervisor.blocks())


def test_a_close_that_never_returns_is_an_error_at_the_end_of_its_time() -> None:
    microphone = SimulatedMicrophone([SOUND, fail, SOUND], hangs=True)
    supervisor = Supervisor(AudioSettings(), microphone)

    began = time.monotonic()
    with pytest.raises(HungError, match="closing default has not returned for 3 s"):
        list(supervisor.blocks())

    assert 2.9 < time.monotonic() - began < 4
    supervisor.close()  # does not wait for it again
    assert time.monotonic() - began < 4
    microphone.let_go()


def test_pre_roll_is_counted_through_all_openings() -> None:
    class Remembering(SimulatedMicrophone):
        def history(self, start: int, stop: int) -> Samples:
            return np.arange(start, stop, dtype=np.int16)

    with Supervisor(IMPATIENT, Remembering([SOUND, fail, SOUND, SOUND])) as supervisor:
        position = 0
        for block in supervisor.blocks():
            position += block.lost + len(block.samples)
            if position > 2 * 640:
                begin = position - len(block.samples)
                assert supervisor.history(begin, position).tolist()[:2] in ([0, 1], [640, 641])

        with pytest.raises(LookupError):
            supervisor.history(0, 640)


def test_a_device_can_be_opened_at_once_to_know_whether_that_works() -> None:
    with pytest.raises(MicrophoneError, match="absent"):
        Supervisor(AudioSettings(device="absent"), SimulatedMicrophone([])).open()

    microphone = SimulatedMicrophone([SOUND])
    with Supervisor(AudioSettings(device="here"), microphone) as supervisor:
        supervisor.open()
        assert [len(block.samples) for block in supervisor.blocks()] == [640]
    assert microphone.opened == ["here"]
    assert not microphone.is_open
