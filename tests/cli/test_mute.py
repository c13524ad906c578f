"""Facts about ``kws-app mute`` and ``kws-app unmute``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kws_app.cli.main import main
from kws_app.cli.wording import clock
from tests.daemon.simulated_service import SimulatedService


def test_a_mute_says_how_it_ends(service: SimulatedService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mute"]) == 0

    assert service.muted == (None, False)
    assert capsys.readouterr().out == ("muted until: kws-app unmute; the microphone stays open, nothing is detected\n")


def test_a_mute_for_a_time_says_until_when(service: SimulatedService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mute", "--for", "30m", "--release"]) == 0

    assert service.muted is not None
    until, release = service.muted
    assert until is not None
    assert release
    assert timedelta(minutes=29) < until - datetime.now(UTC) <= timedelta(minutes=30)
    assert capsys.readouterr().out == f"muted until {clock(until.astimezone())}; the microphone is closed\n"


def test_a_time_without_a_unit_is_refused(service: SimulatedService, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["mute", "--for", "30"])

    assert ended.value.code == 2
    assert "such as 90s, 30m, 1h30m or 2d, got 30; did you mean 30m?" in capsys.readouterr().err
    assert service.muted is None


def test_unmuting_is_said(service: SimulatedService, capsys: pytest.CaptureFixture[str]) -> None:
    service.mute(None, release=False)

    assert main(["unmute"]) == 0

    assert service.muted is None
    assert capsys.readouterr().out == "unmuted\n"
