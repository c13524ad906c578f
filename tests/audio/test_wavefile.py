"""Recordings: every format, rate and channel count, in constant memory; and what is no recording says so."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from kws_app.arrays import RATE, Samples
from kws_app.audio.wavefile import WaveFile
from kws_app.errors import RecordingError
from tests.conftest import bytes_at_peak


def tone(rate: int, seconds: float = 2.0) -> npt.NDArray[np.float64]:
    """440 Hz at a third of full scale."""
    return np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate) / 3


def read(path: Path) -> Samples:
    with WaveFile(path) as source:
        return np.concatenate([np.empty(0, np.int16), *(block.samples for block in source.blocks())])


@pytest.mark.parametrize(
    ("name", "subtype", "rate", "channels", "error"),
    [
        ("tone.wav", "PCM_U8", 16_000, 1, 260),
        ("tone.wav", "PCM_16", 16_000, 1, 1),
        ("tone.wav", "PCM_16", 44_100, 2, 2),
        ("tone.wav", "PCM_24", 48_000, 2, 2),
        ("tone.wav", "PCM_32", 48_000, 6, 2),
        ("tone.wav", "FLOAT", 22_050, 1, 2),
        ("tone.wav", "DOUBLE", 96_000, 1, 2),
        ("tone.wav", "ULAW", 8_000, 1, 500),
        ("tone.flac", "PCM_16", 44_100, 2, 2),
        ("tone.flac", "PCM_24", 16_000, 1, 2),
        ("tone.ogg", "VORBIS", 44_100, 2, 300),
        ("tone.ogg", "OPUS", 48_000, 1, 300),
    ],
)
def test_every_format_gives_the_same_sound(
    tmp_path: Path, name: str, subtype: str, rate: int, channels: int, error: int
) -> None:
    path = tmp_path / name
    soundfile.write(path, np.repeat(tone(rate)[:, np.newaxis], channels, axis=1), rate, subtype=subtype)

    samples = read(path)

    middle = slice(4000, 28_000)
    assert len(samples) == 2 * RATE
    assert np.abs(samples[middle] - 32768 * tone(RATE)[middle]).max() <= error


def test_an_mp3_gives_the_same_tone_though_its_coder_shifts_and_pads_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.mp3", tone(44_100), 44_100)

    samples = read(tmp_path / "tone.mp3")

    second = np.fft.rfft(samples[4000 : 4000 + RATE])
    assert np.abs(second).argmax() == 440
    assert 2 * np.abs(second).max() / RATE == pytest.approx(32768 / 3, rel=0.1)


def test_blocks_are_of_the_length_asked_for_and_nothing_is_missing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(RATE), RATE)

    with WaveFile(tmp_path / "tone.wav", block_seconds=0.3) as source:
        lengths = [len(block.samples) for block in source.blocks()]

    assert lengths == [4800] * 6 + [3200]


def test_a_paced_recording_is_delivered_as_it_would_be_spoken(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(RATE), RATE)
    clock = 100.0

    def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    with WaveFile(tmp_path / "tone.wav", paced=True, now=lambda: clock, sleep=sleep) as source:
        spoken, lateness = 0, []
        for block in source.blocks():
            spoken += len(block.samples)
            lateness.append(clock - 100 - spoken / RATE)

    assert spoken == 2 * RATE
    assert max(map(abs, lateness)) < 1e-6


def test_a_slow_reader_of_a_paced_recording_is_not_kept_waiting(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(RATE), RATE)
    clock, slept = 0.0, []

    with WaveFile(tmp_path / "tone.wav", paced=True, now=lambda: clock, sleep=slept.append) as source:
        for _ in source.blocks():
            clock += 1

    assert slept[1:] == [0.0] * len(slept[1:])


def test_an_hour_needs_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    minute = np.zeros(60 * 8000, np.int16)
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(60):
            file.write(minute)

    lengths = []

    def listen() -> None:
        with WaveFile(path) as source:
            lengths.extend(len(block.samples) for block in source.blocks())

    assert bytes_at_peak(listen) < 2_000_000
    assert sum(lengths) == 3600 * RATE


def test_an_empty_recording_gives_no_audio_and_is_no_fault(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.empty(0), 44_100)

    assert not len(read(tmp_path / "empty.wav"))


def test_values_that_are_no_numbers_are_taken_as_silence_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = tone(48_000)
    values[1000:1100] = np.nan
    values[2000] = np.inf
    soundfile.write(tmp_path / "wild.wav", values, 48_000, subtype="FLOAT")

    with caplog.at_level(logging.WARNING):
        samples = read(tmp_path / "wild.wav")

    assert len(samples) == 2 * RATE
    assert np.abs(samples[1000:-1000] - 32768 * tone(RATE)[1000:-1000]).max() <= 2
    assert "101 values are no numbers" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.wav", None, "missing.wav: No such file or directory"),
        ("nothing.wav", b"", "nothing.wav: no recording; expected wav, flac, ogg, mp3"),
        ("notes.txt", b"hello " * 500, "notes.txt: no recording; expected wav, flac, ogg, mp3"),
        ("samples.raw", b"\0" * 500, "samples.raw: no recording; expected wav, flac, ogg, mp3"),
        ("header.wav", b"RIFF\xff\xff\xff\xffWAVEfmt ", "header.wav: no recording; expected wav, flac, ogg, mp3"),
    ],
)
def test_what_is_no_recording_is_named_with_what_was_expected(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(RecordingError, match=message):
        read(tmp_path / name)


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize(("rate", "channels"), [(0xFFFF_FFF0, 1), (0, 1), (16_000, 1000)])
def test_a_header_with_an_absurd_rate_or_channel_count_is_refused(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "hostile.wav"
    soundfile.write(path, tone(RATE), RATE)
    content = bytearray(path.read_bytes())
    content[22:24] = channels.to_bytes(2, "little")
    content[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(content)

    with pytest.raises(RecordingError, match=r"damaged, or no recording|no recording; expected"):
        read(path)


@pytest.mark.parametrize("name", ["tone.wav", "tone.flac", "tone.ogg", "tone.mp3"])
def test_a_recording_cut_off_in_the_middle_is_read_so_far_or_called_damaged(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, np.random.default_rng(5).normal(scale=0.1, size=5 * 44_100), 44_100)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])

    with WaveFile(tmp_path / name) as source:
        read_so_far = 0
        try:
            for block in source.blocks():
                read_so_far += len(block.samples)
        except RecordingError as error:
            assert "damaged after" in str(error)  # noqa: PT017 - either end is right

    assert 0 < read_so_far < 4 * RATE


def test_a_block_of_many_channels_at_a_high_rate_needs_no_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "wide.flac"
    soundfile.write(path, np.zeros((655_350, 8), np.int16), 655_350)

    assert bytes_at_peak(lambda: read(path)) < 50_000_000
