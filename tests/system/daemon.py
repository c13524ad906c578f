"""``kws-app run`` as a process on a virtual microphone, watched by its own hook."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from tests.system.virtual_microphone import VirtualMicrophone

HOOK = """
hooks:
- command: [tee, -a, heard.jsonl]
  on: [detection, audio_lost, state]
  queue: 100
"""
"""What is heard, lost and told goes into a file beside the configuration."""

POLL_SECONDS = 0.02


class Daemon:
    """One daemon from its start to its end.

    Args:
        folder: an empty one, for its configuration, events and log.
        microphone: which audio server it meets.
        config: its configuration, but for the hook that writes its events.
        environment: more variables for the process.

    Attributes:
        process: the one that runs, or ran last.
    """

    def __init__(
        self,
        folder: Path,
        microphone: VirtualMicrophone,
        config: str,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.microphone = folder, microphone
        self._environment = environment or {}
        self._events = folder / "heard.jsonl"
        self._read = 0
        self.log = folder / "log.txt"
        self.configure(config)

    def __enter__(self) -> Self:
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(str(self.folder / "notify"))
        self._notices.settimeout(0.1)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._notices.close()

    def configure(self, config: str, *, more_hooks: str = "") -> None:
        """Write its configuration, which it reads at its start and when it is asked to."""
        (self.folder / "config.yaml").write_text(f"{config}\n{HOOK}{more_hooks}", encoding="utf-8")

    def start(self) -> None:
        """Start a process; the one before, if there was one, has ended, and its events are no longer looked at."""
        self.forget()
        with self.log.open("ab") as log:
            environment = {**self.environment(), "NOTIFY_SOCKET": str(self.folder / "notify")}
            self.process = subprocess.Popen(self.command("run"), env=environment, stdout=log, stderr=subprocess.STDOUT)

    def wait_until_ready(self) -> None:
        """Return when it has told its supervisor that it listens."""
        notices: list[bytes] = []
        while b"READY=1" not in notices:
            assert self.process.poll() is None, f"it ended before it was ready; {self.story()}"
            with contextlib.suppress(TimeoutError):
                notices = self._notices.recv(4096).split(b"\n")

    def forget(self) -> None:
        """Look at no event so far any more."""
        self._read = self._events.stat().st_size if self._events.exists() else 0

    def next(self, kind: str, *, within: float, **fields: str) -> dict[str, Any]:
        """The next event of this kind, with these fields, that the hook was given; those before it are passed over."""
        deadline = time.monotonic() + within
        while True:
            for event in self._new_events():
                if event["event"] == kind and fields.items() <= event.items():
                    return event
            assert time.monotonic() < deadline, f"no {kind} {fields} within {within} s; {self.story()}"
            time.sleep(POLL_SECONDS)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self, *, within: float) -> int:
        """Its exit code; it must end within so many seconds."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {within} s; {self.story()}") from None

    def environment(self) -> dict[str, str]:
        """That of the daemon and of programs that talk to it."""
        folder = str(self.folder)
        systemds = {"RUNTIME_DIRECTORY": folder, "STATE_DIRECTORY": folder}
        return {**self.microphone.environment(), **systemds, **self._environment}

    def command(self, verb: str, *words: str) -> list[str]:
        """``kws-app`` with this verb, and this daemon's configuration."""
        return [sys.executable, "-m", "kws_app", verb, "-c", str(self.folder / "config.yaml"), *words]

    def asked(self, verb: str, *words: str) -> str:
        """What ``kws-app`` prints when this daemon is asked for something."""
        ended = self._ask(verb, *words)
        assert ended.returncode == 0, f"{verb}: {ended.stderr}{self.story()}"
        return ended.stdout

    def refused(self, verb: str, *words: str) -> str:
        """What ``kws-app`` says when this daemon does not do what it is asked for."""
        ended = self._ask(verb, *words)
        assert ended.returncode != 0, f"{verb}: {ended.stdout}"
        return ended.stderr

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)

    def story(self) -> str:
        """What it logged, for the message of a test that fails."""
        return f"the log:\n{self.log.read_text()}"

    def _new_events(self) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError), self._events.open(encoding="utf-8") as events:
            events.seek(self._read)
            while (line := events.readline()).endswith("\n"):
                self._read = events.tell()
                yield json.loads(line)
