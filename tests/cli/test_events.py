"""Facts about ``kws-app events``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kws_app.cli.events import text_of
from kws_app.cli.wording import moment
from kws_app.daemon.control import ControlServer
from kws_app.directories import ControlSettings
from kws_app.events import AudioLost, Event, HookEnded, ModelReset, NearMiss, StateChanged
from tests.daemon.simulated_service import DETECTION, SimulatedService

AT = datetime(2026, 3, 1, 12, 41, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (DETECTION, 'heard "computer" (score 0.94 of 0.90)'),
        (
            NearMiss(time=1.5, keyword="computer", score=0.7, end=24_000, threshold=0.9),
            'almost heard "computer" (score 0.70 of 0.90)',
        ),
        (AudioLost(time=1.5, seconds=2.0, reason="fell behind"), "lost 2.00 s of audio: fell behind"),
        (ModelReset(time=1.5, reason="a score was no number"), "model reset: reason a score was no number"),
        (StateChanged(time=1.5, state="listening"), "listening"),
        (StateChanged(time=1.5, state="deaf", reason="digital silence"), "deaf: digital silence"),
        (HookEnded(time=1.5, hook="lamp.sh", outcome="ok", seconds=0.25), 'hook "lamp.sh" ok after 0.25 s'),
        (
            HookEnded(time=1.5, hook="lamp.sh", outcome="failed", seconds=0.25, message="status 1"),
            'hook "lamp.sh" failed after 0.25 s: status 1',
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Event) else "",
)
def test_people_get_one_line_an_event(event: Event, text: str) -> None:
    clock = moment("2026-03-01T12:41:07Z").strftime("%H:%M:%S")

    assert text_of(event.stamped(AT).as_dict()) == f"{clock}  {text}"


def test_an_event_of_a_newer_daemon_is_told_as_it_is() -> None:
    event = {"event": "door_opened", "time": 1.0, "at": "2026-03-01T12:41:07Z", "door": 3, "wide": True}

    assert text_of(event).endswith("  door opened: door 3, wide True")


@pytest.mark.parametrize(("arguments", "end"), [([], '  heard "computer" (score 0.94 of 0.90)'), (["--json"], "}")])
def test_events_come_as_they_happen(service: SimulatedService, arguments: list[str], end: str) -> None:
    service.repeated = DETECTION

    with following(*arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(f"{end}\n")


def test_every_line_of_json_is_the_event(service: SimulatedService) -> None:
    service.repeated = DETECTION

    with following("--json") as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())

    assert event.pop("at")
    assert event == DETECTION.as_dict()


def test_the_end_of_the_daemon_is_said_and_is_69(tmp_path: Path) -> None:
    with SimulatedService() as service, ExitStack() as server:
        server.enter_context(ControlServer(ControlSettings(), service))
        service.repeated = DETECTION
        with following() as process:
            assert process.stdout is not None
            process.stdout.readline()

            server.close()

            assert process.communicate()[1] == f"kws-app has ended ({tmp_path}/run/control.sock)\n"
            assert process.returncode == 69


@contextmanager
def following(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, running."""
    command = [sys.executable, "-m", "kws_app", "events", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
