"""Facts about where the daemon keeps its state, and where it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kws_app.directories import ControlSettings, StateSettings
from tests.conftest import ROOT

FOLDER = Path("/etc/kws-app")


def test_a_configured_path_counts_before_all_and_begins_in_the_files_folder() -> None:
    systemd = {"STATE_DIRECTORY": "/var/lib/other", "RUNTIME_DIRECTORY": "/run/other"}

    assert StateSettings(directory=Path("state")).place(FOLDER, systemd) == FOLDER / "state"
    assert ControlSettings(socket=Path("/tmp/a.sock")).places(FOLDER, systemd) == [Path("/tmp/a.sock")]


def test_systemds_directories_count_before_the_defaults() -> None:
    systemd = {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two", "RUNTIME_DIRECTORY": "/run/one"}

    assert StateSettings().place(FOLDER, systemd) == Path("/var/lib/one")
    assert ControlSettings().places(FOLDER, systemd) == [Path("/run/one/control.sock")]


def test_root_has_the_systems_directories() -> None:
    desktop = {"XDG_STATE_HOME": "/home/pi/.state", "XDG_RUNTIME_DIR": "/run/user/0"}

    assert StateSettings().place(FOLDER, desktop, is_root=True) == Path("/var/lib/kws-app")
    assert ControlSettings().places(FOLDER, desktop, is_root=True) == [Path("/run/kws-app/control.sock")]


def test_a_user_has_directories_of_their_own() -> None:
    desktop = {"XDG_STATE_HOME": "/home/pi/.state", "XDG_RUNTIME_DIR": "/run/user/1000"}

    assert StateSettings().place(FOLDER, desktop, is_root=False) == Path("/home/pi/.state/kws-app")
    assert StateSettings().place(FOLDER, {}, is_root=False) == Path.home() / ".local/state/kws-app"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become a user who is not there")
def test_a_user_whom_the_system_does_not_know_and_who_names_no_home_has_the_systems_folder() -> None:
    program = (
        "import os, pwd; from pathlib import Path; from kws_app.directories import StateSettings\n"
        "os.setuid(54321); print(StateSettings().place(Path(), {}, is_root=False))"
    )

    said = subprocess.check_output([sys.executable, "-c", program], env={}, cwd=ROOT, text=True)

    assert said == "/var/lib/kws-app\n"


def test_a_user_reaches_the_systems_daemon_when_they_run_none() -> None:
    desktop = {"XDG_RUNTIME_DIR": "/run/user/1000"}

    assert ControlSettings().places(FOLDER, desktop, is_root=False) == [
        Path("/run/user/1000/kws-app/control.sock"),
        Path("/run/kws-app/control.sock"),
    ]
    assert ControlSettings().places(FOLDER, {}, is_root=False) == [Path("/run/kws-app/control.sock")]
