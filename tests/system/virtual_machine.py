"""A whole board, emulated: its own kernel, with USB and sleep, on which the service is installed as on any other.

``scripts/try_sound_card.sh`` makes its disk.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

UP_WITHIN_SECONDS = 400
"""Kernel and Python run on a processor that is a program."""

POLL_SECONDS = 0.02

BOARD = (
    *("qemu-system-x86_64", "-accel", "tcg,tb-size=512", "-m", "1024", "-smp", "1", "-no-reboot"),
    *("-cpu", "Nehalem"),  # wider vectors than its are the slowest to emulate
    *("-nodefaults", "-display", "none", "-monitor", "none", "-serial", "file:console.txt"),
    *("-kernel", "{disk}/vmlinuz", "-initrd", "{disk}/initrd.img"),
    *(
        "-append",
        "root=/dev/vda rw console=ttyS0 systemd.show_status=0 systemd.journald.forward_to_console=1",
    ),
    *("-drive", "file={disk}/disk.img,if=virtio,format=raw,snapshot=on"),
    *("-device", "virtio-serial", "-chardev", "socket,id=shell,path=shell,server=on,wait=off"),
    *("-device", "virtserialport,chardev=shell,name=shell"),
    *("-device", "qemu-xhci", "-chardev", "socket,id=usb,path=usb,server=on,wait=off"),
    *("-device", "usb-redir,chardev=usb"),
    *("-qmp", "unix:monitor,server=on,wait=off"),
)


class VirtualMachine:
    """On from ``__enter__`` to ``__exit__``; its disk forgets everything then.

    Args:
        disk: the folder with its disk, kernel and first file system.

    Attributes:
        usb_port: where a microphone is plugged in.
    """

    def __init__(self, disk: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="virtual-machine-"))
        self._command = [word.format(disk=disk) for word in BOARD]
        self.usb_port = self._folder / "usb"
        self._opened = ExitStack()
        self._said: list[str] = []
        self._events: list[tuple[float, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        self._qemu = subprocess.Popen(self._command, cwd=self._folder, stdin=subprocess.DEVNULL)
        self._shell = self._connected("shell")
        self._monitor = self._opened.enter_context(self._connected("monitor").makefile("rwb"))
        self._monitor.readline()  # its greeting
        self.monitor("qmp_capabilities")
        self._listener = threading.Thread(target=self._listen, name="shell of the virtual machine")
        self._listener.start()
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not self._said:
            assert self._qemu.poll() is None, "qemu ended"
            assert time.monotonic() < deadline, f"no shell; its console:\n{self.story()}"
            self.run("echo up")
            time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._qemu.kill()
        self._qemu.wait()
        self._listener.join()
        self._opened.close()
        shutil.rmtree(self._folder)

    def run(self, line: str) -> None:
        """Have its root shell run a line."""
        self._shell.sendall(f"{line}\n".encode())

    def answer(self, line: str, *, within: float = 60) -> str:
        """What a line of shell prints, which is one line."""
        mark = f"answer {time.monotonic_ns()}:"
        self.run(f'echo "{mark} $({line})"')
        self._until(lambda: any(said.startswith(mark) for said in self._said), within=within)
        return next(said for said in self._said if said.startswith(mark)).removeprefix(mark).strip()

    def event(self, kind: str, *, within: float, **fields: str) -> tuple[float, dict[str, Any]]:
        """The next event of this kind, with these fields, that its ``kws-app events --json`` told, and when it came.

        Those before it are passed over.
        """

        def comes() -> bool:
            while self._events:
                self._event = self._events.pop(0)
                if self._event[1]["event"] == kind and fields.items() <= self._event[1].items():
                    return True
            return False

        self._until(comes, within=within)
        return self._event

    def sleep(self, seconds: float, *, meanwhile: Callable[[], object] = lambda: None) -> float:
        """Suspend to memory, and wake it after so long; returns when that was."""
        self.run("echo mem >/sys/power/state")
        while self.monitor("query-status")["status"] != "suspended":
            time.sleep(POLL_SECONDS)
        meanwhile()
        time.sleep(seconds)
        self.monitor("system_wakeup")
        return time.monotonic()

    def monitor(self, command: str) -> dict[str, Any]:
        """Ask QEMU's monitor."""
        self._monitor.write(json.dumps({"execute": command}).encode())
        self._monitor.flush()
        while "return" not in (said := json.loads(self._monitor.readline())):
            assert "error" not in said, said
        answer: dict[str, Any] = said["return"]
        return answer

    def story(self) -> str:
        """The end of its console, for the message of a test that fails."""
        return (self._folder / "console.txt").read_text(errors="replace")[-5000:]

    def _until(self, happened: Callable[[], object], *, within: float) -> None:
        deadline = time.monotonic() + within
        while not happened():
            assert time.monotonic() < deadline, f"not within {within} s; its console:\n{self.story()}"
            time.sleep(POLL_SECONDS)

    def _listen(self) -> None:
        for line in self._shell.makefile(errors="replace"):
            if line.startswith("{"):
                self._events.append((time.monotonic(), json.loads(line)))
            else:
                self._said.append(line)

    def _connected(self, name: str) -> socket.socket:
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while True:
            connection = socket.socket(socket.AF_UNIX)
            if connection.connect_ex(str(self._folder / name)) == 0:
                return self._opened.enter_context(connection)
            connection.close()
            assert self._qemu.poll() is None, "qemu ended"
            assert time.monotonic() < deadline, f"qemu does not open {name}"
            time.sleep(POLL_SECONDS)


def machine() -> VirtualMachine:
    """The one that ``scripts/try_sound_card.sh`` made."""
    disk = os.environ.get("KWS_APP_MACHINE")
    if disk is None:
        pytest.skip("needs a virtual machine: scripts/try_sound_card.sh makes one and runs this on it")
    return VirtualMachine(Path(disk))
