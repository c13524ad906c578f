"""Facts about ``kws-app status``."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from kws_app.cli.main import main
from kws_app.cli.status import table
from kws_app.cli.wording import moment
from tests.conftest import modules_loaded_by
from tests.daemon.simulated_service import SINCE, SimulatedService


def shown(service: SimulatedService, **changes: Any) -> str:
    return table(service.status().as_dict() | changes, now=SINCE + timedelta(minutes=133))


def test_people_get_a_table(service: SimulatedService) -> None:
    assert shown(service).splitlines() == [
        f"state      listening for 2 h 13 min, since {moment('2026-03-01T12:00:00Z'):%Y-%m-%d %H:%M:%S}",
        "device     simulated",
        "level      -38 dBFS, noise floor -64 dBFS",
        "audio      last heard 0.0 s ago, 0.01 s waiting, 1 gap, 0 overflows",
        "keywords   computer: 3 detections, 1 near miss",
        "hooks      0 queued, 3 ok, 0 failed, 0 dropped",
        "model      tiny",
        "config     none found; the defaults",
        "process    kws-app 1.2.3, pid 4242, up 1 d 1 h, 0.9 % of a core, 62 MB",
    ]


def test_every_keyword_has_a_line(service: SimulatedService) -> None:
    counts = {"detections": 1, "near_misses": 0}

    text = shown(service, keywords={"computer": counts, "jarvis": counts})

    assert "keywords   computer: 1 detection, 0 near misses\n           jarvis: 1 detection, 0 near misses\n" in text


def test_a_deaf_daemon_says_why(service: SimulatedService) -> None:
    text = shown(service, state="deaf", reason="digital silence", seconds_since_last_frame=None)

    assert text.startswith("state      deaf for 2 h 13 min, since ")
    assert text.splitlines()[0].endswith("; digital silence")
    assert "audio      nothing heard yet, " in text


def test_a_muted_daemon_says_how_long_it_will_be(service: SimulatedService) -> None:
    service.mute(SINCE + timedelta(hours=3), release=False)

    assert shown(service).splitlines()[0].endswith("; on request; 47 min left")


@pytest.mark.parametrize(
    ("state", "code"), [("listening", 0), ("muted", 0), ("starting", 69), ("deaf", 69), ("stopping", 69)]
)
def test_the_exit_code_says_whether_it_is_as_wanted(service: SimulatedService, state: str, code: int) -> None:
    service.state = state

    assert main(["status"]) == code


def test_programs_get_one_json_object(service: SimulatedService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == service.status().as_dict()


def test_asking_loads_neither_numpy_nor_anything_else_that_takes_long() -> None:
    loaded = modules_loaded_by("from kws_app.cli.main import main\nmain(['status'])")

    assert "kws_app.cli.client" in loaded
    assert not loaded & {"numpy", "onnxruntime", "asyncio", "kws_app.daemon"}
