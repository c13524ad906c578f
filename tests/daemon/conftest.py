"""What the daemon's tests share: configurations, systemd's end of its socket, and a served control socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kws_app.daemon.control import ControlServer
from kws_app.directories import ControlSettings
from tests.daemon.simulated_service import SimulatedService
from tests.daemon.talk import Talk, talking


@pytest.fixture
def configure(config_file: Path, tiny_model: Path) -> Callable[..., Path]:
    """Writes a configuration with a hook that appends every event to a file."""

    def write(keyword: str = "rise", *, more: str = "") -> Path:
        config_file.write_text(
            f"""
model: {{path: {tiny_model}}}
keywords: {{{keyword}: }}
hooks:
- command: [sh, -c, "cat >> events"]
  on: [detection, audio_lost, state]
  queue: 100
{more}
""",
            encoding="utf-8",
        )
        return config_file

    return write


@pytest.fixture
def notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """What systemd was told since the last look, over a real datagram socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def received() -> list[str]:
            lines = []
            while True:
                try:
                    lines += server.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return lines

        yield received


@pytest.fixture
def service() -> Iterator[SimulatedService]:
    with SimulatedService() as service:
        yield service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def served(service: SimulatedService, path: Path) -> Iterator[Path]:
    """A socket at which the service is served."""
    with ControlServer(ControlSettings(socket=path), service):
        yield path


@pytest.fixture
def talk(served: Path) -> Iterator[Talk]:
    with talking(served) as talk:
        yield talk
