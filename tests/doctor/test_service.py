"""What the doctor finds of the daemon that runs, or should."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kws_app.audio.settings import AudioSettings
from kws_app.directories import StateSettings
from kws_app.doctor import service
from kws_app.doctor.check import Machine, Verdict
from tests.conftest import ROOT, nobody
from tests.doctor.machines import machine

UNIT = "/etc/systemd/system/kws-app.service"
HERE = Path().absolute()
SHIPPED = (ROOT / "systemd" / "kws-app.service").read_text(encoding="utf-8")


def enabled(root: Path, files: dict[str, str], **facts: Any) -> Machine:
    place = machine(root, files, **facts)
    link = root / "etc/systemd/system/multi-user.target.wants/kws-app.service"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(UNIT)
    return place


def test_a_machine_without_the_service_needs_none(tmp_path: Path) -> None:
    assert service.unit(machine(tmp_path)).verdict is Verdict.SKIPPED
    assert service.watchdog(machine(tmp_path), AudioSettings()).verdict is Verdict.SKIPPED


def test_a_unit_that_is_not_enabled_is_told_the_command(tmp_path: Path) -> None:
    check = service.unit(machine(tmp_path, {UNIT: SHIPPED}))

    assert (check.verdict, check.remedy) == (Verdict.WARNING, "systemctl enable kws-app")


def test_an_enabled_unit_is_well(tmp_path: Path) -> None:
    assert service.unit(enabled(tmp_path, {UNIT: SHIPPED})).verdict is Verdict.OK


def test_the_unit_of_sessions_is_enabled_for_all_of_them(tmp_path: Path) -> None:
    check = service.unit(machine(tmp_path, {"/etc/systemd/user/kws-app.service": SHIPPED}))

    assert check.remedy == "systemctl enable --global kws-app"


def test_the_shipped_unit_has_its_watchdog_on(tmp_path: Path) -> None:
    check = service.watchdog(machine(tmp_path, {UNIT: SHIPPED}), AudioSettings())

    assert (check.verdict, check.seen) == (Verdict.OK, "WatchdogSec=45")


@pytest.mark.parametrize("value", ["0", "", "infinity"])
def test_a_drop_in_that_switches_the_watchdog_off_is_found(tmp_path: Path, value: str) -> None:
    files = {UNIT: SHIPPED, f"{UNIT}.d/override.conf": f"[Service]\nWatchdogSec={value}\n"}

    assert service.watchdog(machine(tmp_path, files), AudioSettings()).verdict is Verdict.WARNING


def test_a_unit_of_ones_own_without_a_watchdog_is_a_warning(tmp_path: Path) -> None:
    files = {UNIT: "[Service]\nExecStart=kws-app run\n# WatchdogSec=45\n"}

    assert service.watchdog(machine(tmp_path, files), AudioSettings()).verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("audio", "needed"), [(AudioSettings(give_up_after_seconds=40), 52), (AudioSettings(deaf_after_seconds=20), 60)]
)
def test_a_watchdog_that_ends_a_daemon_which_still_tries_is_a_warning_that_says_what_it_needs(
    tmp_path: Path, audio: AudioSettings, needed: int
) -> None:
    check = service.watchdog(machine(tmp_path, {UNIT: SHIPPED}), audio)

    assert check.verdict is Verdict.WARNING
    assert "WatchdogSec=45 ends the daemon while it still tries to hear again" in check.seen
    assert str(check.remedy).startswith(f"set WatchdogSec={needed} at least")


@pytest.mark.parametrize("value", ["52", "52s", "1min", "0.5 min 22s", "1h"])
def test_a_watchdog_that_waits_as_long_as_the_daemon_tries_is_well(tmp_path: Path, value: str) -> None:
    files = {UNIT: SHIPPED, f"{UNIT}.d/override.conf": f"[Service]\nWatchdogSec={value}\n"}

    assert service.watchdog(machine(tmp_path, files), AudioSettings(give_up_after_seconds=40)).verdict is Verdict.OK


def test_a_service_that_does_not_answer_is_a_problem_and_a_machine_without_one_is_not(tmp_path: Path) -> None:
    check, status = service.daemon(machine(tmp_path, {UNIT: SHIPPED}))
    alone, _ = service.daemon(machine(tmp_path / "other"))

    assert (check.verdict, alone.verdict, status) == (Verdict.PROBLEM, Verdict.SKIPPED, None)
    assert "no kws-app listens at" in check.seen
    assert str(check.remedy).startswith("systemctl start kws-app")


def test_state_that_can_be_written_is_well_also_before_its_folder_is_made(tmp_path: Path) -> None:
    environment = {"STATE_DIRECTORY": "/var/lib/kws-app"}

    check = service.state(machine(tmp_path, environment=environment), StateSettings(), HERE)

    assert (check.verdict, check.seen) == (Verdict.OK, f"{tmp_path}/var/lib/kws-app can be written")
    assert [*tmp_path.iterdir()] == []


def test_state_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/kws-app"
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)

    with nobody():
        check = service.state(
            machine(tmp_path, environment={"STATE_DIRECTORY": "/var/lib/kws-app"}), StateSettings(), HERE
        )

    assert (check.verdict, check.seen) == (Verdict.PROBLEM, f"{folder} cannot be written")
    assert check.remedy == f"sudo install -d -o $USER {folder}, or set state.directory"


def test_a_folder_above_that_of_the_state_is_not_to_change_hands(tmp_path: Path) -> None:
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)

    with nobody():
        check = service.state(machine(tmp_path, environment={"STATE_DIRECTORY": "/home/state"}), StateSettings(), HERE)

    assert (check.verdict, check.seen) == (Verdict.PROBLEM, f"{tmp_path} cannot be written")
    assert check.remedy == f"sudo install -d -o $USER {tmp_path}/home/state, or set state.directory"


def test_a_file_where_the_state_should_be_is_a_problem(tmp_path: Path) -> None:
    place = machine(tmp_path, {"/var/lib/kws-app": ""}, environment={"STATE_DIRECTORY": "/var/lib/kws-app"})

    assert service.state(place, StateSettings(), HERE).seen == f"{tmp_path}/var/lib/kws-app is no folder"


def test_the_configured_folder_counts(tmp_path: Path) -> None:
    check = service.state(machine(Path("/")), StateSettings(Path("kept")), tmp_path)

    assert check.seen == f"{tmp_path}/kept can be written"


def test_the_state_of_the_service_is_looked_at_by_root_alone(tmp_path: Path) -> None:
    place = {"environment": {"STATE_DIRECTORY": "/var/lib/kws-app"}}

    assert service.state(machine(tmp_path, {UNIT: SHIPPED}, **place), StateSettings(), HERE).verdict is Verdict.SKIPPED
    if os.geteuid() == 0:
        assert service.state(machine(tmp_path, user=0, **place), StateSettings(), HERE).verdict is Verdict.OK
