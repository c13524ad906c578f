"""Capture: what a device's thread delivers comes out as 16 kHz blocks, and every loss is told."""

from __future__ import annotations

import numpy as np
import pytest

from kws_app.arrays import RATE
from kws_app.audio.capture import Capture
from kws_app.audio.resample import Resampler
from kws_app.audio.source import Block

NOISE = np.random.default_rng(4).normal(scale=3000, size=(20 * 48_000, 1)).astype(np.int16)
BLOCK = 480


def deliver(capture: Capture, start: int, stop: int) -> list[Block]:
    """Deliver NOISE from *start* to *stop* in blocks, each read at once."""
    blocks = []
    for at in range(start, stop, BLOCK):
        capture.write(NOISE[at : at + BLOCK])
        blocks.append(capture.read())
    return blocks


def test_audio_comes_out_whole_and_in_order() -> None:
    capture = Capture(48_000, 1, "int16")

    samples = np.concatenate([block.samples for block in deliver(capture, 0, 96_000)])

    assert np.array_equal(samples, Resampler(48_000, 1).push(NOISE[:96_000])[: len(samples)])
    assert len(samples) > 2 * RATE - 1600
    assert capture.lag_seconds == 0


def test_nothing_new_gives_an_empty_block() -> None:
    capture = Capture(48_000, 1, "int16")

    block = capture.read()

    assert (len(block.samples), block.lost, block.reason) == (0, 0, None)
    assert not len(capture.read().samples)


def test_an_overflow_is_told_as_one_lost_block_at_least_and_counted() -> None:
    capture = Capture(RATE, 1, "int16")
    deliver(capture, 0, 4800)

    capture.write(NOISE[4800 + BLOCK :][:BLOCK], overflowed=True)
    block = capture.read()

    assert (block.lost, block.reason) == (BLOCK, "the device lost audio")
    assert np.array_equal(block.samples, NOISE[4800 + BLOCK :][:BLOCK, 0])
    assert capture.delivery.overflows == 1


def test_what_lies_before_an_overflow_is_still_delivered() -> None:
    capture = Capture(RATE, 1, "int16")
    capture.write(NOISE[:BLOCK])
    capture.write(NOISE[BLOCK:][:BLOCK], overflowed=True)

    assert [(len(block.samples), block.lost) for block in (capture.read(), capture.read())] == [(480, 0), (480, 480)]


def test_a_reader_more_than_a_second_behind_goes_on_with_the_newest_audio() -> None:
    capture = Capture(RATE, 1, "int16")
    deliver(capture, 0, 1600)
    for at in range(1600, 1600 + 3 * RATE, BLOCK):
        capture.write(NOISE[at : at + BLOCK])
    assert capture.lag_seconds == 3

    behind = capture.read()
    capture.write(NOISE[-BLOCK:])
    newest = capture.read()

    assert (len(behind.samples), behind.lost, behind.reason) == (0, 3 * RATE, "fell behind")
    assert np.array_equal(newest.samples, NOISE[-BLOCK:, 0])
    assert capture.lag_seconds == 0


def test_a_reader_less_than_a_second_behind_loses_nothing() -> None:
    capture = Capture(RATE, 1, "int16")
    capture.write(NOISE[:RATE])

    block = capture.read()

    assert (len(block.samples), block.lost) == (RATE, 0)


@pytest.mark.parametrize("rate", [8000, RATE, 44_100, 48_000])
def test_positions_stay_true_to_the_device_through_every_loss(rate: int) -> None:
    capture = Capture(rate, 1, "int16")
    position = delivered = 0

    for at in range(0, 10 * rate, BLOCK):
        overflowed = at % (7 * BLOCK) == 0
        capture.write(NOISE[:BLOCK], overflowed=overflowed)
        delivered += BLOCK * (1 + overflowed)
        block = capture.read()
        position += block.lost + len(block.samples)

    filter_keeps_back = 0.06 * RATE
    assert 0 <= delivered * RATE / rate - position <= filter_keeps_back


def test_pre_roll_is_exactly_what_was_read_with_silence_where_audio_was_lost() -> None:
    capture = Capture(44_100, 1, "int16")
    heard = deliver(capture, 0, 60_000)
    capture.write(NOISE[60_000:][:BLOCK], overflowed=True)
    heard += [capture.read(), *deliver(capture, 70_080, 130_080)]

    whole = np.concatenate([np.append(np.zeros(block.lost, np.int16), block.samples) for block in heard])

    assert np.array_equal(capture.history(0, len(whole)), whole)
    assert np.array_equal(capture.history(20_000, 30_000), whole[20_000:30_000])


def test_pre_roll_reaches_ten_seconds_back_and_no_further() -> None:
    capture = Capture(RATE, 1, "int16")
    deliver(capture, 0, 12 * RATE)

    assert len(capture.history(2 * RATE, 12 * RATE)) == 10 * RATE
    with pytest.raises(LookupError):
        capture.history(2 * RATE - 1, 12 * RATE)
    with pytest.raises(LookupError):
        capture.history(11 * RATE, 12 * RATE + 1)


class Stream:
    """A device at 16 kHz that delivers 10 ms at a time into a capture that is read every tenth of a second."""

    def __init__(self) -> None:
        self.now = self.position = 0.0
        self._capture = Capture(RATE, 1, "int16", now=lambda: self.now)

    def go_on(self, seconds: float, *, delivers: float) -> list[Block]:
        """Let time pass in which *delivers* seconds of audio come, spread evenly; what is read of it."""
        blocks = []
        for tenth in range(round(10 * seconds)):
            self.now += 0.1
            while self.position < (tenth + 1) * delivers / (10 * seconds) * RATE - 1e-6:
                self._capture.write(NOISE[:160])
                self.position += 160
            blocks.append(self._capture.read())
        self.position = 0.0
        return [block for block in blocks if len(block.samples) or block.lost]


def seconds_in(blocks: list[Block]) -> tuple[float, float]:
    """How much was heard and how much lost."""
    return sum(len(block.samples) for block in blocks) / RATE, sum(block.lost for block in blocks) / RATE


def test_audio_that_never_came_is_lost_though_nobody_told() -> None:
    stream = Stream()
    stream.go_on(5, delivers=5)

    stream.go_on(1, delivers=0)
    blocks = stream.go_on(2, delivers=2)

    assert seconds_in(blocks) == (pytest.approx(2), pytest.approx(1, abs=0.06))
    assert (blocks[0].lost > 0, blocks[0].reason) == (True, "the device lost audio")


def test_audio_that_came_late_and_in_one_go_is_not_lost() -> None:
    stream = Stream()
    stream.go_on(5, delivers=5)

    stream.go_on(0.9, delivers=0)
    blocks = stream.go_on(0.1, delivers=1) + stream.go_on(2, delivers=2)

    assert seconds_in(blocks) == (pytest.approx(3), 0)


@pytest.mark.parametrize("pace", [0.97, 1.03])
def test_a_clock_that_is_a_little_off_loses_nothing(pace: float) -> None:
    assert seconds_in(Stream().go_on(100, delivers=100 * pace))[1] == 0
