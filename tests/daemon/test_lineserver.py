"""Facts about the thread behind the control socket: what it does when the fault is ours."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kws_app.daemon.connection import Connection
from kws_app.daemon.lineserver import LineServer
from kws_app.daemon.socketfile import listening


def test_an_error_of_ours_is_logged_closes_the_connections_and_the_next_one_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def on_line(connection: Connection, line: bytes) -> None:
        server.send(connection, {"twice": 2 * int(line)})

    with listening(tmp_path / "socket", None) as listener, LineServer(listener, on_line) as server:
        assert said(tmp_path / "socket", b"four\n") == b""
        assert said(tmp_path / "socket", b"4\n") == b'{"twice": 8}\n'

    assert "control socket: an error of ours; every connection is closed" in caplog.text
    assert "ValueError: invalid literal for int() with base 10: b'four'" in caplog.text


def said(path: Path, line: bytes) -> bytes:
    """What comes back for *line*."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(line)
        return client.recv(100)
