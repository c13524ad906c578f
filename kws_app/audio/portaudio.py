"""What PortAudio offers: its devices and their streams, without its chatter and its traps. PyAudio's only importer."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import Protocol

import numpy as np

from kws_app.audio.holder import held_cards, holder
from kws_app.audio.resample import DeviceFrames
from kws_app.errors import MicrophoneError
from kws_app.stderr import silenced

try:
    import pyaudio
except ImportError as error:
    raise MicrophoneError(
        f"microphone: PyAudio does not load ({error}); on Debian: apt install libportaudio2"
    ) from error

logger = logging.getLogger(__name__)

_debug = partial(logger.debug, "PortAudio: %s")
"""What ALSA and JACK print while they look for what is not there: a hundred lines."""

FORMATS = {"int16": pyaudio.paInt16, "int32": pyaudio.paInt32, "float32": pyaudio.paFloat32}
"""Sample formats in the order they are tried; 24 bits arrive as int32."""

MOST_CHANNELS = 8
"""A device that offers more is no card but a mixer (PulseAudio: 32, ALSA's plug: 128) that makes as many as one asks
for: it is asked for one, which it mixes from the card's own."""


CARD_NUMBER = re.compile(r" \(hw:\d+,\d+\)$")


class Taker(Protocol):
    """Called by PortAudio's thread with frames ``(n, channels)`` and whether audio was lost just before them."""

    def __call__(self, frames: DeviceFrames, *, overflowed: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Device:
    """One input device."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: int


class PortAudio:
    """One look at the devices: PortAudio reads their list when it starts and never again.

    Raises:
        MicrophoneError: from any method; it names the device and what would do.
    """

    def __init__(self) -> None:
        with silenced(_debug):
            self._api = pyaudio.PyAudio()

    def close(self) -> None:
        """Give everything back, once its streams are closed. Twice does no harm."""
        self._api.terminate()

    def devices(self) -> list[Device]:
        """The devices that can record, in PortAudio's order."""
        found = (self._device(self._api.get_device_info_by_index(at)) for at in range(self._api.get_device_count()))
        return [device for device in found if device.channels > 0]

    def find(self, wanted: str | int | None) -> Device:
        """The device of this index, or the first with this text in its name, or the system's default one."""
        devices = self.devices()
        if not devices:
            advice = _held() or "; is one plugged in, and is this user in group audio?"
            raise MicrophoneError(f"microphone: there is no input device{advice}")
        if wanted in (None, ""):
            return self._default()
        if isinstance(wanted, int):
            matches = [device for device in devices if device.index == wanted]
        else:
            matches = [device for device in devices if wanted.lower() in device.name.lower()]
        if matches:
            return matches[0]
        raise MicrophoneError(f"microphone: {_no_such_device(wanted, devices)}{_held()} (see: kws-app devices)")

    def find_again(self, name: str) -> Device:
        """The device that was open under *name*; if its card came back under another number, that."""
        devices = self.devices()
        for device in devices:
            if device.name == name:
                return device
        for device in devices:
            if lasting(device.name) == lasting(name):
                return device
        raise MicrophoneError(f'microphone: "{lasting(name)}" is gone{_held() or "; is it plugged in?"}')

    def opens(self, device: Device, rate: int) -> bool:
        """Whether the device, or what lies before it, says that it records at *rate*."""
        with silenced(_debug):
            try:
                return self._api.is_format_supported(
                    rate, input_device=device.index, input_channels=_channels(device), input_format=pyaudio.paInt16
                )
            except ValueError:
                return False

    def open(self, device: Device, *, block_ms: int) -> Stream:
        """A stream at the device's own rate and channel count, in the first sample format that it takes."""
        for sample_format in FORMATS:
            try:
                with silenced(_debug):
                    return Stream(self._api, device, sample_format=sample_format, block_ms=block_ms)
            except OSError as error:
                if error.errno != pyaudio.paSampleFormatNotSupported:
                    raise MicrophoneError(_does_not_open(device, error)) from error
        raise MicrophoneError(f'microphone: "{device.name}" gives none of {", ".join(FORMATS)}')

    def _default(self) -> Device:
        try:
            return self._device(self._api.get_default_input_device_info())
        except OSError as error:
            raise MicrophoneError(
                "microphone: the system has no default input device; choose one: audio.device (see: kws-app devices)"
            ) from error

    def _device(self, facts: Mapping[str, str | int | float]) -> Device:
        return Device(
            index=int(facts["index"]),
            name=str(facts["name"]),
            host_api=str(self._api.get_host_api_info_by_index(int(facts["hostApi"]))["name"]),
            channels=int(facts["maxInputChannels"]),
            default_rate=round(float(facts["defaultSampleRate"])),
        )


class Stream:
    """One device recording. It is silent until ``start``; ``close`` ends it, once and for all.

    Attributes:
        fault: what the taker raised, if it did; the stream goes on.
    """

    def __init__(self, api: pyaudio.PyAudio, device: Device, *, sample_format: str, block_ms: int) -> None:
        self.rate, self.channels, self.sample_format = device.default_rate, _channels(device), sample_format
        self.description = (
            f"{device.name}, {self.rate} Hz, {self.channels} channel{'s' * (self.channels > 1)}, {sample_format}"
        )
        self.fault: Exception | None = None
        self._device = device
        self._take: Taker | None = None
        self._stream = api.open(
            rate=self.rate,
            channels=self.channels,
            format=FORMATS[sample_format],
            input=True,
            input_device_index=device.index,  # from PyAudio's own list: any other number would crash the process
            frames_per_buffer=max(1, self.rate * block_ms // 1000),
            start=False,
            stream_callback=self._on_audio,
        )

    @property
    def is_active(self) -> bool:
        """False once the device's server is gone; a device that is only unplugged stays active for ever."""
        return self._stream.is_active()

    def start(self, take: Taker) -> None:
        """Begin to call *take*."""
        self._take = take
        try:
            self._stream.start_stream()
        except OSError as error:
            raise MicrophoneError(_does_not_open(self._device, error)) from error

    def close(self) -> None:
        """Stop and give the device back. (``stop_stream`` first would wait for audio, for ever if none comes.)"""
        self._stream.close()

    def _on_audio(
        self, audio: bytes | None, count: int, _times: Mapping[str, float], status: int
    ) -> tuple[bytes | None, int]:
        try:
            frames = np.frombuffer(audio or b"", self.sample_format).reshape(count, self.channels)
            assert self._take is not None, "PortAudio called before start"
            self._take(frames, overflowed=bool(status & pyaudio.paInputOverflow))
        except Exception as error:  # noqa: BLE001 - PortAudio would end the stream and nobody would know
            self.fault = error
        return None, pyaudio.paContinue


def lasting(name: str) -> str:
    """A device's name without the number of its card, which is another one after another order of plugging in."""
    return CARD_NUMBER.sub("", name)


def _channels(device: Device) -> int:
    return device.channels if device.channels <= MOST_CHANNELS else 1


def _does_not_open(device: Device, error: OSError) -> str:
    if error.errno != pyaudio.paDeviceUnavailable:
        return f'microphone: "{device.name}" does not open: {error.strerror} ({error.errno})'
    return f'microphone: "{device.name}" does not open: {holder(device.name) or "another program"} holds it'


def _held() -> str:
    """The end of a sentence about a device that is not there: cards that are, and do not show."""
    return "".join(f"; {held}" for held in held_cards())


def _no_such_device(wanted: str | int, devices: Sequence[Device]) -> str:
    if isinstance(wanted, int):
        there = ", ".join(str(device.index) for device in devices)
        return f"no input device with index {wanted}; there are {there}"
    nearest = max(devices, key=lambda device: _likeness(wanted, device.name))
    return f'no input device named "{wanted}"; nearest is "{nearest.name}"'


def _likeness(wanted: str, name: str) -> float:
    """How well *wanted* fits somewhere into *name*: what people type is a part of the long names that cards have."""
    matcher = SequenceMatcher(b=wanted.lower())
    ratios = []
    for start in range(max(1, len(name) - len(wanted) + 1)):
        matcher.set_seq1(name.lower()[start : start + len(wanted)])
        ratios.append(matcher.ratio())
    return max(ratios)
