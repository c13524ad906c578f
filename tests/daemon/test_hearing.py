"""Facts about judging a microphone: time is injected, samples are made."""

from __future__ import annotations

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import Delivery
from kws_app.audio.resample import Resampler
from kws_app.audio.settings import AudioSettings
from kws_app.daemon.clock import Clock
from kws_app.daemon.hearing import Hearing, symptom_of

BLOCK = RATE // 10
NOTHING = np.empty(0, np.int16)


class World:
    """A device that delivers a block every tenth of a second, and the clocks beside it."""

    def __init__(self, settings: AudioSettings | None = None) -> None:
        self.now = self.asleep = self.set_by = 0.0
        self.pace = 1.0
        self.overflows_a_block = 0
        clock = Clock(lambda: self.now, lambda: self.now + self.asleep, lambda: self.now + self.asleep + self.set_by)
        self._hearing = Hearing(settings or AudioSettings(), clock)
        self.reopen()

    def reopen(self) -> None:
        self._delivered, self._overflows = 0.0, 0
        self._hearing.reopened(RATE)

    def hear(self, samples: Samples = NOTHING, *, seconds: float = 0.1) -> str | None:
        """What is judged of these samples, after so many seconds."""
        self.now += seconds
        if len(samples):
            self._delivered += len(samples) * self.pace
            self._overflows += self.overflows_a_block
        return self._hearing.judge(samples, Delivery(round(self._delivered), self.now, self._overflows))

    def noticed(self, samples: Samples = NOTHING, *, within: float = 3.0) -> tuple[str, float]:
        """The reason and the seconds until it is given, if *samples* are all that comes."""
        began = self.now
        while self.now - began < within:
            if fault := self.hear(samples):
                return fault, round(self.now - began, 1)
        pytest.fail(f"nothing was noticed within {within} s")


@pytest.fixture
def world() -> World:
    world = World()
    for _ in range(50):
        assert world.hear(noise()) is None
    return world


def noise(level: int = 8) -> Samples:
    return np.random.default_rng(0).normal(scale=level, size=BLOCK).astype(np.int16)


def all_of(value: int) -> Samples:
    return np.full(BLOCK, value, np.int16)


def alternating(value: int) -> Samples:
    return np.resize(np.array([value, -value], np.int16), BLOCK)


@pytest.mark.parametrize(
    "samples",
    [
        noise(8),
        noise(3000),
        np.random.default_rng(1).integers(-1, 2, BLOCK, np.int16),
        np.random.default_rng(1).integers(0, 2, BLOCK, np.int16),
        noise(2) - 1600,
        noise(9000) * 2,
    ],
    ids=[
        "quiet room",
        "speech",
        "one step around zero",
        "less than one step",
        "an I2S microphone's offset",
        "shouting",
    ],
)
def test_what_a_room_sounds_like_is_plausible(samples: Samples) -> None:
    assert symptom_of(samples) is None


@pytest.mark.parametrize("rate", [RATE, 44_100, 48_000])
@pytest.mark.parametrize("gain", [1000, 100_000])
def test_clipping_is_seen_behind_the_conversion_of_the_rate(rate: int, gain: int) -> None:
    clipped = (gain * np.random.default_rng(0).normal(scale=100, size=(rate, 1))).clip(-32_768, 32_767)

    converted = Resampler(rate, 1).push(clipped.astype(np.int16))

    assert symptom_of(converted[-BLOCK:]) == "clipped input: is the gain too high?"


@pytest.mark.parametrize(
    ("samples", "reason", "seconds"),
    [
        (NOTHING, "no audio for 2 s", 2.0),
        (all_of(0), "digital silence", 2.5),
        (all_of(-7), "a constant value of -7", 2.0),
        (noise() + 12_000, "a DC offset: the input never comes near zero", 2.0),
        (noise() - 12_000, "a DC offset: the input never comes near zero", 2.0),
        (alternating(32_767), "clipped input: is the gain too high?", 2.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sound_is_noticed_within_three_seconds(
    world: World, samples: Samples, reason: str, seconds: float
) -> None:
    assert world.noticed(samples) == (reason, pytest.approx(seconds, abs=0.11))


@pytest.mark.parametrize("samples", [all_of(0), all_of(5), noise() + 12_000, alternating(32_767)])
def test_a_symptom_that_is_over_is_forgotten_after_a_fifth_of_a_second(world: World, samples: Samples) -> None:
    world.noticed(samples)

    assert [world.hear(noise()) is None for _ in range(3)] == [False, True, True]


def test_a_device_that_gives_zeros_again_after_it_was_opened_anew_is_not_believed_meanwhile(world: World) -> None:
    world.noticed(all_of(0))

    world.reopen()

    assert world.hear(np.arange(BLOCK, dtype=np.int16)) == "digital silence"
    assert world.hear(all_of(0)) == "digital silence"


def test_a_microphone_that_gives_zeros_in_a_quiet_room_can_be_given_more_time() -> None:
    world = World(AudioSettings(digital_silence_seconds=60))

    assert world.noticed(all_of(0), within=70)[1] == pytest.approx(60, abs=0.2)


def test_audio_that_comes_late_is_plausible(world: World) -> None:
    assert {world.hear(samples) for samples in [NOTHING, NOTHING, NOTHING, noise(), noise(), noise(), noise()]} == {
        None
    }


def test_a_process_that_was_stopped_gives_the_device_a_chance_first(world: World) -> None:
    assert world.hear(seconds=60) is None
    assert world.noticed()[0] == "no audio for 2 s"


@pytest.mark.parametrize(("pace", "frames"), [(44_100 / 48_000, 14_700), (48_000 / 44_100, 17_415), (3, 48_000)])
def test_a_device_that_has_another_rate_than_it_says_is_noticed_within_three_seconds(
    world: World, pace: float, frames: int
) -> None:
    world.pace = pace

    fault, _ = world.noticed(noise())

    assert fault == f"wrong rate: about {frames} frames a second, not 16000"


@pytest.mark.parametrize("pace", [0.97, 1.03])
def test_a_clock_that_is_a_little_off_is_a_clock(world: World, pace: float) -> None:
    world.pace = pace

    assert {world.hear(noise()) for _ in range(600)} == {None}


def test_a_wrong_rate_is_judged_anew_by_the_first_window_that_is_right(world: World) -> None:
    world.pace = 0.9
    world.noticed(noise())

    world.reopen()
    still = [world.hear(noise()) for _ in range(8)]
    world.pace = 1.0
    world.reopen()
    then = [world.hear(noise()) for _ in range(10)]

    assert still.count(None) == 0
    assert then[-1] is None


def test_audio_that_comes_late_and_all_at_once_is_no_wrong_rate(world: World) -> None:
    verdicts = set()
    for _ in range(20):
        verdicts |= {world.hear() for _ in range(14)}
        verdicts.add(world.hear(np.tile(noise(), 15)))

    assert verdicts == {None}


def test_a_device_that_loses_audio_all_the_time_is_noticed_and_one_that_does_now_and_then_is_not(world: World) -> None:
    for second in range(30):
        world.overflows_a_block = 1
        assert world.hear(noise()) is None, second
        world.overflows_a_block = 0
        assert {world.hear(noise()) for _ in range(9)} == {None}

    world.overflows_a_block = 1

    assert world.noticed(noise())[0] == "an overflow storm: the device lost audio 10 times in 3 s"


def test_sleep_is_noticed_at_once_and_only_until_the_device_was_opened_anew(world: World) -> None:
    world.asleep = 7200

    assert world.hear(noise()) == "the machine slept for 7200 s"
    world.reopen()
    assert world.hear(noise()) is None


@pytest.mark.parametrize("seconds", [86_400.0 * 365, -3600.0])
def test_a_clock_that_is_set_is_a_line_in_the_log_and_nothing_else(
    world: World, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.set_by = seconds

    assert {world.hear(noise()) for _ in range(3)} == {None}
    assert caplog.messages == [f"The clock was set by {seconds:+.0f} s; listening goes on"]
