"""Tells systemd what is true of this process (sd_notify): datagrams to the socket that it names."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping

logger = logging.getLogger(__name__)


class Notifier:
    """Sends assignments such as ``READY=1``; without systemd it does nothing.

    It takes NOTIFY_SOCKET out of *environment*, so that no hook speaks in our name.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", None)

    def __call__(self, *assignments: str) -> None:
        if self._address is None:
            return
        # A leading @ stands for the NUL of Linux's abstract names.
        address = self._address.replace("@", "\0", 1) if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagrams:
                datagrams.sendto("\n".join(assignments).encode(), address)
        except OSError as error:
            logger.debug("systemd was not told %s: %s", assignments, error)
