"""Facts about what systemd is told: over real datagram sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_app.daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@kws-app-test-{os.getpid()}"


@pytest.fixture
def server(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0"))
        listening.setblocking(False)
        yield listening


def test_assignments_arrive_as_one_datagram(server: socket.socket, address: str) -> None:
    Notifier({"NOTIFY_SOCKET": address})("READY=1", "STATUS=Listening")

    assert server.recv(1000) == b"READY=1\nSTATUS=Listening"


def test_without_systemd_nothing_happens() -> None:
    Notifier({})("READY=1")


def test_a_socket_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})("READY=1")


def test_the_socket_is_not_inherited_by_hooks() -> None:
    environment = {"NOTIFY_SOCKET": "/run/systemd/notify", "HOME": "/"}

    Notifier(environment)

    assert environment == {"HOME": "/"}


def test_a_systemd_that_does_not_read_does_not_hold_up_the_frame_loop(server: socket.socket, address: str) -> None:
    notify = Notifier({"NOTIFY_SOCKET": address})
    for _ in range(10_000):
        notify("WATCHDOG=1")

    assert server.recv(1000) == b"WATCHDOG=1"
