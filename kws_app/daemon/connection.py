"""One client of the control socket: lines that came, lines that it has not taken yet, both bounded."""

from __future__ import annotations

import json
import pwd
import socket
import struct
from collections.abc import Mapping
from typing import Any

MOST_BYTES = 65_536
"""The longest line that is read, its end included."""

MOST_UNSENT_BYTES = 1_048_576
"""A client that leaves so much lying is dropped. Beyond what the kernel holds, some 200 KB."""

PEER = struct.Struct("3i")  # pid, uid, gid


class DropError(Exception):
    """A connection that asks too much of us; the text says how."""


class Connection:
    """A client, from accepted to closed. Nothing here waits.

    Attributes:
        peer: who it is, for people.
        is_busy: an answer is due, and the next request waits for it.
        is_listener: it asked for events, and asks nothing more.
        has_ended: it sends no more, but may still read.
    """

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self._socket = accepted
        self.peer = _peer(accepted)
        self.is_busy = self.is_listener = self.has_ended = False
        self._received, self._unsent = bytearray(), bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits to be taken."""
        return bool(self._unsent)

    def receive(self) -> None:
        """Take what has come.

        Raises:
            DropError: more than one long line waits.
            OSError: it is gone.
        """
        try:
            chunk = self._socket.recv(MOST_BYTES)
        except BlockingIOError:
            return
        self.has_ended = not chunk
        self._received += chunk
        if len(self._received) > MOST_BYTES:
            raise DropError(f"more than {MOST_BYTES} bytes were sent at once")

    def next_line(self) -> bytes | None:
        """The next line that came, without its end; None if there is no whole one. The last needs no end."""
        end = self._received.find(b"\n")
        if end < 0:
            if not (self.has_ended and self._received):
                return None
            end = len(self._received)
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def send(self, message: Mapping[str, Any]) -> None:
        """Send *message* as a line, now or as soon as it is taken.

        Raises:
            DropError: too much is lying there already.
            OSError: it is gone.
        """
        self._unsent += json.dumps(message).encode() + b"\n"
        self.flush()
        if len(self._unsent) > MOST_UNSENT_BYTES:
            raise DropError("what was sent is not read")

    def flush(self) -> None:
        """Send what was not taken so far."""
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        del self._unsent[:sent]


def _peer(accepted: socket.socket) -> str:
    pid, uid, _ = PEER.unpack(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "somebody"
    return f"{name} (uid {uid}, pid {pid})"
