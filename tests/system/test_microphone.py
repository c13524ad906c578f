"""The microphone, on a real audio server: what is spoken arrives bit for bit, and every trouble is a sentence."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.microphone import Microphone
from kws_app.audio.portaudio import PortAudio
from kws_app.audio.resample import DeviceFrames, Resampler
from kws_app.audio.settings import AudioSettings
from kws_app.errors import MicrophoneError
from tests.system.virtual_microphone import VirtualMicrophone

DEVICE_RATE = 44_100


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualMicrophone]:
    """A virtual microphone that this process sees."""
    with VirtualMicrophone(rate=DEVICE_RATE) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


def hear(microphone: Microphone, seconds: float) -> Samples:
    """What comes within *seconds* of audio; nothing of it may be lost."""
    heard = []
    for block in microphone.blocks():
        assert block.lost == 0
        heard.append(block.samples)
        if sum(map(len, heard)) >= seconds * RATE:
            break
    return np.concatenate(heard)


def place_in(fed: Samples, heard: Samples) -> list[int]:
    """The frames of *fed* from which on it converts to exactly *heard*."""
    whole = Resampler(DEVICE_RATE, 1).push(fed[:, np.newaxis])
    size = len(whole) + len(heard)
    likeness = np.fft.irfft(np.fft.rfft(whole, size) * np.fft.rfft(heard, size).conj(), size)
    about = round(int(likeness[: len(whole)].argmax()) * DEVICE_RATE / RATE)
    return [
        start
        for start in range(max(0, about - 5), about + 6)
        if np.array_equal(Resampler(DEVICE_RATE, 1).push(fed[start:, np.newaxis])[: len(heard)], heard)
    ]


def test_what_is_spoken_arrives_bit_for_bit_and_nothing_is_missing(server: VirtualMicrophone) -> None:
    noise = np.random.default_rng(6).normal(scale=3000, size=2 * DEVICE_RATE).astype(np.int16)

    with Microphone(AudioSettings()) as microphone:
        server.feeder.speak(noise)
        heard = hear(microphone, 3)

    assert heard.std() > 1000
    assert len(place_in(server.feeder.fed[:, 0], heard)) == 1


@pytest.mark.parametrize("device", [None, 0, 1, "Virtual Microphone", "virtual mic", "default"])
@pytest.mark.usefixtures("server")
def test_a_device_is_opened_by_default_by_index_and_by_a_part_of_its_name(device: str | int | None) -> None:
    with Microphone(AudioSettings(device=device)) as microphone:
        heard = hear(microphone, 0.1)

    expected = "Virtual Microphone" if device in (0, "Virtual Microphone", "virtual mic") else "default"
    assert microphone.description == f"{expected}, 44100 Hz, 1 channel, int16"
    assert len(heard)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("Virtaul Micro", 'no input device named "Virtaul Micro"; nearest is "Virtual Microphone"'),
        ("defualt", 'no input device named "defualt"; nearest is "default"'),
        (99, "no input device with index 99; there are 0, 1"),
        (-1, "no input device with index -1; there are 0, 1"),
    ],
)
@pytest.mark.usefixtures("server")
def test_a_device_that_is_not_there_is_answered_with_what_is(device: str | int, message: str) -> None:
    with pytest.raises(MicrophoneError) as raised, Microphone(AudioSettings(device=device)):
        pass

    assert str(raised.value) == f"microphone: {message} (see: kws-app devices)"


def test_without_an_audio_server_it_says_that_there_is_no_device(server: VirtualMicrophone) -> None:
    server.kill_server()

    with pytest.raises(MicrophoneError, match="there is no input device"), Microphone(AudioSettings()):
        pass


def test_a_device_that_is_listed_but_does_not_open_says_why(server: VirtualMicrophone) -> None:
    server.unplug()

    with pytest.raises(MicrophoneError, match=r'"default" does not open: .+ \(-9999\)'), Microphone(AudioSettings()):
        pass


def test_a_stalled_device_gives_empty_blocks(server: VirtualMicrophone) -> None:
    with Microphone(AudioSettings()) as microphone:
        hear(microphone, 0.1)
        server.feeder.stall()
        begin = time.monotonic()

        empty = list(itertools.islice((block for block in microphone.blocks() if not len(block.samples)), 3))

    assert [block.lost for block in empty] == [0, 0, 0]
    assert 0.7 < time.monotonic() - begin < 2


def test_a_device_that_delivers_again_is_heard_again(server: VirtualMicrophone) -> None:
    with Microphone(AudioSettings()) as microphone:
        hear(microphone, 0.1)
        server.feeder.stall()
        next(block for block in microphone.blocks() if not len(block.samples))

        server.feeder.resume()

        assert next(len(block.samples) for block in microphone.blocks() if len(block.samples))


def test_a_stall_that_the_audio_server_tells_nobody_of_is_told_as_a_loss(server: VirtualMicrophone) -> None:
    with Microphone(AudioSettings()) as microphone:
        hear(microphone, 1)

        server.feeder.stall()
        time.sleep(1)
        server.feeder.resume()
        lost = next(block.lost for block in microphone.blocks() if block.lost)

    assert 0.8 < lost / RATE < 1.3


def test_an_audio_server_that_dies_is_noticed(server: VirtualMicrophone) -> None:
    with Microphone(AudioSettings()) as microphone:
        hear(microphone, 0.1)
        server.kill_server()

        with pytest.raises(MicrophoneError, match="is gone"):
            for _ in microphone.blocks():
                pass


@pytest.mark.usefixtures("server")
def test_closing_ends_the_blocks_and_may_be_done_twice() -> None:
    with Microphone(AudioSettings()) as microphone:
        closer = threading.Timer(0.2, microphone.close)
        closer.start()

        blocks = sum(1 for _ in microphone.blocks())

        closer.join()
        microphone.close()

    assert blocks > 0


@pytest.mark.usefixtures("server")
def test_pre_roll_is_what_was_heard() -> None:
    with Microphone(AudioSettings()) as microphone:
        heard = hear(microphone, 0.5)

        assert np.array_equal(microphone.history(1000, len(heard)), heard[1000:])


@pytest.mark.usefixtures("server")
def test_a_fault_in_the_audio_thread_is_kept_and_the_device_goes_on() -> None:
    calls: SimpleQueue[bool] = SimpleQueue()

    def fail(_frames: DeviceFrames, *, overflowed: bool) -> None:
        calls.put(overflowed)
        raise ValueError("our own bug")

    portaudio = PortAudio()
    stream = portaudio.open(portaudio.find(None), block_ms=20)
    stream.start(fail)
    for _ in range(3):
        calls.get(timeout=5)

    assert stream.is_active
    assert str(stream.fault) == "our own bug"
    stream.close()
    portaudio.close()


def test_nothing_is_printed_and_no_recording_library_is_loaded(server: VirtualMicrophone) -> None:
    script = (
        "import sys\n"
        "from kws_app.audio.microphone import Microphone\n"
        "from kws_app.audio.settings import AudioSettings\n"
        "with Microphone(AudioSettings()) as microphone:\n"
        "    block = next(microphone.blocks())\n"
        "assert not {'soundfile', 'scipy', 'onnxruntime'} & set(sys.modules)\n"
    )

    ended = subprocess.run([sys.executable, "-c", script], env=server.environment(), capture_output=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
