"""A microphone without a sound card: a private PulseAudio server whose source reads what a thread feeds it.

Nothing outside a temporary directory is touched, and a client reaches it by environment variables alone, so any number
of them can run beside each other. The thread feeds 10 ms at a time at the pace of a real card: faint noise, or what
the test wants said.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pytest

Audio = npt.NDArray[np.int16]

DEVICES = """\
pcm."Virtual Microphone" { type pulse }
pcm.!default { type pulse }
ctl.!default { type pulse }
"""
"""All of ALSA's configuration, in place of the system's. PortAudio finds 44100 Hz and 32 channels at such a device."""

CHUNKS_PER_SECOND = 100
UP_WITHIN_SECONDS = 10


class VirtualMicrophone:
    """Clients with its ``environment`` see two input devices, "Virtual Microphone" and "default": both are this one.

    Args:
        rate: frames a second of what is fed. Whatever a client opens, the server converts; at 44100 Hz, which is what
            PortAudio takes for the device's own rate, it passes on what was fed, bit for bit.
        channels: of what is fed.
    """

    def __init__(self, *, rate: int = 16_000, channels: int = 1) -> None:
        self.rate, self.channels = rate, channels
        self._directory = Path(tempfile.mkdtemp(prefix="virtual-microphone-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._feeder = threading.Thread(target=self._feed, name="virtual microphone")
        self._ended, self._stalled, self._all_said = threading.Event(), threading.Event(), threading.Event()
        self._to_say: deque[Audio] = deque()
        self._fed: list[Audio] = []

    def __enter__(self) -> Self:
        if shutil.which("pulseaudio") is None:
            pytest.skip("needs pulseaudio and libasound2-plugins")
        (self._directory / "asound.conf").write_text(DEVICES, encoding="utf-8")
        self.start_server()
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._feeder.join()
        self.kill_server()
        shutil.rmtree(self._directory, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """What a client process needs in place of this one's environment."""
        place = str(self._directory)
        private = {
            "HOME": place,
            "XDG_RUNTIME_DIR": place,
            "XDG_CONFIG_HOME": f"{place}/config",
            "PULSE_RUNTIME_PATH": f"{place}/runtime",
            "PULSE_STATE_PATH": f"{place}/state",
            "PULSE_SERVER": f"unix:{place}/native",
            "ALSA_CONFIG_PATH": f"{place}/asound.conf",
            "JACK_NO_START_SERVER": "1",
        }
        return {**os.environ, **private, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}

    def speak(self, samples: Audio) -> None:
        """Say *samples*, ``(n,)`` or ``(n, channels)`` at the microphone's own rate, as soon as all before is said."""
        frames = np.asarray(samples, np.int16)
        self._all_said.clear()
        self._to_say.append(np.broadcast_to(frames.reshape(len(frames), -1), (len(frames), self.channels)))

    def wait_until_said(self, timeout: float = 60) -> None:
        """Return when the server has taken all that was to be said."""
        if not self._all_said.wait(timeout):
            raise TimeoutError(f"the virtual microphone did not say everything within {timeout} s")

    @property
    def fed(self) -> Audio:
        """All that the server has taken so far, ``(n, channels)``."""
        return np.concatenate([*self._fed, np.empty((0, self.channels), np.int16)])

    def stall(self) -> None:
        """Deliver nothing, as a card that hangs, until ``resume``."""
        self._stalled.set()

    def resume(self) -> None:
        """Deliver again; what was not delivered meanwhile never happened."""
        self._stalled.clear()

    def unplug(self) -> None:
        """Take the microphone away; the audio server stays."""
        command = ["pactl", "unload-module", "module-pipe-source"]
        subprocess.run(command, env=self.environment(), check=True)

    def start_server(self) -> None:
        """Bring the audio server up and wait until clients can connect."""
        fifo = self._fifo
        fifo.unlink(missing_ok=True)  # left over from a server that was killed, it would keep the source away
        source = f"source_name=mic file={fifo} format=s16le rate={self.rate} channels={self.channels}"
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
                *("--disable-shm=yes", "--realtime=no", "--high-priority=no"),
                *("-L", f"module-pipe-source {source}"),
                # Last: a client that can connect must find the source.
                *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}"),
            ],
            env=self.environment(),
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pulseaudio did not come up (status {self._server.poll()})")
            time.sleep(0.005)

    def kill_server(self) -> None:
        """Let the audio server die without a farewell."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    @property
    def _fifo(self) -> Path:
        return self._directory / "microphone.fifo"

    @property
    def _socket(self) -> Path:
        return self._directory / "native"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self._socket)) == 0

    def _feed(self) -> None:
        rng = np.random.default_rng(0)
        count = self.rate // CHUNKS_PER_SECOND
        begin, chunks = time.monotonic(), 0
        descriptor = -1
        while not self._ended.wait(max(0.0, begin + chunks / CHUNKS_PER_SECOND - time.monotonic())):
            chunks += 1
            if self._stalled.is_set():
                continue
            chunk = self._next_chunk(rng.integers(-1, 2, (count, self.channels), np.int16))
            try:
                if descriptor < 0:
                    descriptor = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(descriptor, chunk.tobytes())
                self._fed.append(chunk)
            except BlockingIOError:
                pass  # the server does not read: a card would drop this, too
            except OSError:  # no server, or another one
                descriptor = _closed(descriptor)
        _closed(descriptor)

    def _next_chunk(self, noise: Audio) -> Audio:
        """Speech as far as there is any, over *noise* for the rest."""
        wanted = len(noise)
        if not self._to_say:
            self._all_said.set()
            return noise
        said = self._to_say.popleft()
        if len(said) > wanted:
            self._to_say.appendleft(said[wanted:])
        return np.concatenate([said[:wanted], noise[len(said) :]])


def _closed(descriptor: int) -> int:
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return -1
