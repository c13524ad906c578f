"""One soak: the daemon in the room, what it was to hear, and what it heard."""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from pathlib import Path

from benchmarks.soak.card import SimulatedCard
from benchmarks.soak.growth import Look
from benchmarks.soak.room import Room, Scene
from kws_app.arrays import RATE
from kws_app.daemon.clock import Clock
from kws_app.daemon.service import Service
from kws_app.events import AudioLost, Detection, Event, StateChanged

HEARD_SECONDS = 4.0
"""From the end of a word's scene, which may be cut in half by a reload, to its detection at the latest."""

CONFIG = """
model: {{path: {model}}}
keywords: {{{keywords}}}
audio: {{give_up_after_seconds: 600}}
hooks: [{{callback: "soaked:take", on: [detection, near_miss, audio_lost, model_reset, state]}}]
"""

CALLBACK = "def take(event):\n    pass\n"


class Soak:
    """A daemon that lives through a room.

    Args:
        folder: an empty one, for the configuration.
        room: what happens.
        model: which hears.
        look_seconds: how often to look at what the process takes.

    Attributes:
        counts: what happened, and how often.
        missed: words that were not heard.
        unexpected: detections of what was not said.
    """

    def __init__(self, folder: Path, room: Room, model: Path, *, look_seconds: float) -> None:
        self._room, self._file, self._look_seconds = room, folder / "config.yaml", look_seconds
        keywords = ", ".join(f"{keyword}: {{}}" for keyword in room.keywords)
        self._config = CONFIG.format(model=model, keywords=keywords)
        self._file.write_text(self._config, encoding="utf-8")
        (folder / "soaked.py").write_text(CALLBACK, encoding="utf-8")
        self._service = Service(
            self._file,
            microphone=lambda settings, _name: SimulatedCard(room, settings),
            clock=lambda: Clock(room.now, room.now, room.now, room.sleep),
        )
        self._awaited: deque[tuple[str, float]] = deque()
        self.counts: Counter[str] = Counter()
        self.missed: list[str] = []
        self.unexpected: list[str] = []
        self.looks: list[Look] = []

    def run(self) -> None:
        """From the room's beginning to its end."""
        self._service.subscribe(self._on_event)
        self._room.on_scene = self._on_scene
        self._service.run()
        self._stop_waiting(float("inf"))

    def _on_scene(self, scene: Scene) -> None:
        now = self._room.now()
        self._stop_waiting(now)
        if scene.word is not None:
            self.counts["word"] += 1
            self._awaited.append((scene.word, now + len(scene.sound) / RATE + HEARD_SECONDS))
        if scene.wish is not None:
            self.counts[scene.wish] += 1
            self._ask(scene.wish)
        if now >= len(self.looks) * self._look_seconds:
            self.looks.append(Look.at(now / 3600))

    def _stop_waiting(self, now: float) -> None:
        while self._awaited and self._awaited[0][1] < now:
            keyword, until = self._awaited.popleft()
            self.missed.append(f"{keyword} before {until:.1f} s")

    def _on_event(self, event: Event) -> None:
        match event:
            case Detection() if self._awaited and self._awaited[0][0] == event.keyword:
                self._awaited.popleft()
            case Detection():
                self.unexpected.append(f"{event.keyword} at {self._room.now():.1f} s")
            case AudioLost():
                self.counts["loss"] += 1
            case StateChanged(state="deaf"):
                self.counts["deaf"] += 1

    def _ask(self, wish: str) -> None:
        service = self._service
        match wish:
            case "reload" | "spoil":
                self._file.write_text(self._config if wish == "reload" else "modle: {}", encoding="utf-8")
                os.kill(os.getpid(), signal.SIGHUP)
            case "stop":
                os.kill(os.getpid(), signal.SIGTERM)
            case "mute" | "release":
                service.ask(lambda: service.mute(None, release=wish == "release"))
            case "unmute":
                service.ask(service.unmute)
            case "status":
                service.ask(service.status)
