"""Daemons that live on a simulated microphone: what happens to one, and what its hook was given."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kws_app.daemon.service import Service
from tests.daemon.simulated import Happening, SimulatedMicrophone


def listen(file: Path, script: Sequence[Happening]) -> SimulatedMicrophone:
    microphone = SimulatedMicrophone(script)
    Service(file, microphone=microphone).run()
    return microphone


def events(file: Path, *, kind: str = "") -> list[dict[str, Any]]:
    """The events that the hook was given."""
    lines = (file.parent / "events").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if kind in ("", event["event"])]


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def asked(service: Service, action: Callable[[], object]) -> Callable[[], None]:
    """Another thread asks the worker, which answers after the next block."""

    def ask() -> None:
        asker = threading.Thread(target=lambda: service.ask(action))
        asker.start()
        asker.join()

    return ask
