"""The ring: what is read equals what was written, or is counted as lost."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_app.audio.ring import Ring


def frames_at(start: int, count: int) -> npt.NDArray[np.int64]:
    """Frames that carry their own position, in two channels."""
    return np.arange(start, start + count).repeat(2).reshape(count, 2)


def a_ring(capacity: int) -> Ring:
    return Ring(capacity, channels=2, dtype=np.int64)


WRITE = st.tuples(st.just("write"), st.integers(0, 30), st.sampled_from([0, 0, 0, 1, 7, 40]))
READ = st.tuples(st.just("read"), st.integers(1, 30), st.just(0))


@given(capacity=st.integers(1, 20), deeds=st.lists(st.one_of(WRITE, READ)))
def test_what_is_read_equals_what_was_written_or_is_counted_as_lost(
    capacity: int, deeds: list[tuple[str, int, int]]
) -> None:
    ring = a_ring(capacity)
    arrived: set[int] = set()
    position = 0

    for deed, count, lost in [*deeds, *[("read", capacity, 0)] * len(deeds)]:
        if deed == "write":
            arrived.update(range(ring.written + lost, ring.written + lost + count))
            ring.write(frames_at(ring.written + lost, count), lost=lost)
            continue
        oldest = max(0, ring.written - capacity)
        frames, missing = ring.read(count)
        passed_over = set(range(position, position + missing))
        assert not [at for at in passed_over & arrived if at >= oldest]  # nothing is lost that was still there
        assert np.array_equal(frames, frames_at(position + missing, len(frames)))
        assert {int(at) for at in frames[:, 0]} <= arrived
        position += missing + len(frames)

    assert position == ring.position == ring.written


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=1), st.data())
def test_history_gives_any_kept_stretch_with_silence_where_audio_was_lost(
    writes: list[tuple[int, int]], data: st.DataObject
) -> None:
    ring = a_ring(16)
    whole = np.zeros((0, 2), np.int64)
    for count, lost in writes:
        frames = frames_at(len(whole) + lost, count)
        ring.write(frames, lost=lost)
        whole = np.concatenate([whole, np.zeros((lost, 2), np.int64), frames])
    start = data.draw(st.integers(max(0, len(whole) - 16), len(whole)))
    stop = data.draw(st.integers(start, len(whole)))

    assert np.array_equal(ring.history(start, stop), whole[start:stop])


@pytest.mark.parametrize(("start", "stop"), [(3, 8), (10, 21), (-1, 2), (9, 8)])
def test_history_outside_what_is_kept_is_refused_and_says_what_is_kept(start: int, stop: int) -> None:
    ring = a_ring(16)
    ring.write(frames_at(0, 20))

    with pytest.raises(LookupError, match=f"{start} to {stop} are not kept, only 4 to 20"):
        ring.history(start, stop)


def test_reading_does_not_forget() -> None:
    ring = a_ring(16)
    ring.write(frames_at(0, 10))
    ring.read(10)

    assert np.array_equal(ring.history(2, 5), frames_at(2, 3))


def test_a_jump_counts_what_it_passes_over_as_lost() -> None:
    ring = a_ring(16)
    ring.write(frames_at(0, 12))
    ring.jump(9)

    frames, lost = ring.read(16)

    assert (lost, frames[:, 0].tolist()) == (9, [9, 10, 11])


def test_a_jump_never_goes_backwards() -> None:
    ring = a_ring(16)
    ring.write(frames_at(0, 12))
    ring.read(10)
    ring.jump(4)

    frames, lost = ring.read(16)

    assert (lost, frames[:, 0].tolist()) == (0, [10, 11])


def test_a_reader_that_is_overtaken_while_it_copies_never_gets_mixed_audio() -> None:
    capacity = 1 << 16  # so large that numpy lets the other thread run in the middle of a copy
    ring = Ring(capacity, channels=1, dtype=np.int64)
    piece = np.arange(capacity // 4)[:, np.newaxis]
    ended, lost_in_all = threading.Event(), 0

    def write_without_pause() -> None:
        while not ended.is_set():
            ring.write(piece + ring.written)

    writer = threading.Thread(target=write_without_pause)
    writer.start()
    try:
        while lost_in_all < 3000 * capacity:
            frames, lost = ring.read(capacity)
            lost_in_all += lost
            assert np.array_equal(frames[:, 0], np.arange(ring.position - len(frames), ring.position))
    finally:
        ended.set()
        writer.join()


def test_memory_does_not_grow_when_nobody_reads_and_every_block_has_a_gap() -> None:
    ring = a_ring(100)

    for _ in range(1000):
        ring.write(frames_at(0, 10), lost=1)

    assert len(ring._gaps) <= 10
