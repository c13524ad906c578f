"""A microphone without a sound card: a private PulseAudio server whose source reads what a thread feeds it.

Nothing outside a temporary directory is touched, and a client reaches it by environment variables alone, so any number
of them can run beside each other.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.system.feeder import Feeder

DEVICES = """\
pcm."Virtual Microphone" { type pulse }
pcm.!default { type pulse }
ctl.!default { type pulse }
"""
"""All of ALSA's configuration, in place of the system's. PortAudio finds 44100 Hz and 32 channels at such a device."""

UP_WITHIN_SECONDS = 10


class VirtualMicrophone:
    """Clients with its ``environment`` see two input devices, "Virtual Microphone" and "default": both are this one.

    Args:
        rate: frames a second of what is fed. Whatever a client opens, the server converts; at 44100 Hz, which is what
            PortAudio takes for the device's own rate, it passes on what was fed, bit for bit.
        channels: of what is fed.
        devices: ALSA's configuration, in place of one that lists these two.

    Attributes:
        feeder: what it hears.
    """

    def __init__(self, *, rate: int = 16_000, channels: int = 1, devices: str = DEVICES) -> None:
        self.rate, self.channels = rate, channels
        self._directory = Path(tempfile.mkdtemp(prefix="virtual-microphone-"))
        self._devices = devices
        self._server: subprocess.Popen[bytes] | None = None
        self.feeder = self._new_feeder("mic")

    def __enter__(self) -> Self:
        if shutil.which("pulseaudio") is None:
            pytest.skip("needs pulseaudio and libasound2-plugins")
        self.list_devices(self._devices)
        self.start_server()
        self.feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feeder.stop()
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
            "PULSE_SERVER": f"unix:{self.socket}",
            "ALSA_CONFIG_PATH": f"{place}/asound.conf",
            "JACK_NO_START_SERVER": "1",
        }
        return {**os.environ, **private, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}

    def list_devices(self, devices: str) -> None:
        """Give clients that look from now on this configuration of ALSA."""
        (self._directory / "asound.conf").write_text(devices, encoding="utf-8")

    def unplug(self) -> None:
        """Take every microphone away; the audio server stays."""
        self.control("unload-module", "module-pipe-source")

    def plug_in(self, source: str = "mic") -> None:
        """Bring the microphone (back), or another one."""
        self._fifo(source).unlink(missing_ok=True)
        self.control("load-module", "module-pipe-source", *self._arguments(source))

    @contextmanager
    def another(self) -> Iterator[Feeder]:
        """A second microphone, "other", on the same server; what it hears."""
        feeder = self._new_feeder("other")
        self.plug_in("other")
        feeder.start()
        try:
            yield feeder
        finally:
            feeder.stop()

    def control(self, *words: str) -> None:
        """Ask the server for something (pactl)."""
        subprocess.run(
            ["pactl", *words], env=self.environment(), check=True, timeout=UP_WITHIN_SECONDS, stdout=subprocess.DEVNULL
        )

    def recorders(self) -> list[str]:
        """Who records from the server."""
        command = ["pactl", "list", "short", "source-outputs"]
        return subprocess.check_output(command, env=self.environment(), text=True).splitlines()

    def start_server(self, *, plugged_in: bool = True) -> None:
        """Bring the audio server up, with its microphone or without, and wait until clients can connect."""
        self._fifo("mic").unlink(missing_ok=True)  # left over from a server that was killed, it keeps the source away
        source = ["-L", " ".join(["module-pipe-source", *self._arguments("mic")])]
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
                *("--disable-shm=yes", "--realtime=no", "--high-priority=no"),
                *(source if plugged_in else []),
                # Last: a client that can connect must find the source.
                *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}"),
            ],
            env=self.environment(),
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pulseaudio did not come up (status {self._server.poll()})")
            time.sleep(0.005)

    def kill_server(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Let the audio server die: without a farewell, or by another signal."""
        assert self._server is not None
        self._server.send_signal(number)
        self._server.wait()

    def hang_server(self) -> None:
        """Let the audio server stand still and answer nobody, until ``wake_server``."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def wake_server(self) -> None:
        """Let it go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    @property
    def socket(self) -> Path:
        """Where clients reach the server."""
        return self._directory / "native"

    def _new_feeder(self, source: str) -> Feeder:
        return Feeder(self._fifo(source), rate=self.rate, channels=self.channels)

    def _arguments(self, source: str) -> list[str]:
        shape = f"format=s16le rate={self.rate} channels={self.channels}"
        return [f"source_name={source}", f"file={self._fifo(source)}", *shape.split()]

    def _fifo(self, source: str) -> Path:
        return self._directory / f"{source}.fifo"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0
