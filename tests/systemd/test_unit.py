"""The units: what systemd thinks of them, and that each wall has its reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from kws_app.audio.settings import AudioSettings
from tests.conftest import ROOT

UNIT = ROOT / "systemd" / "kws-app.service"
USER_UNIT = ROOT / "systemd" / "user" / "kws-app.service"
OPENINGS = sorted((ROOT / "systemd" / "open").glob("*.conf"))

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def installed(folder: Path, unit: Path = UNIT, openings: Iterable[Path] = ()) -> Path:
    """The unit as it is installed, with *openings*, in a folder of its own."""
    program = folder / "bin" / "kws-app"
    program.parent.mkdir()
    program.touch(0o755)
    for template, place in [
        (unit, Path("kws-app.service")),
        *((path, Path("kws-app.service.d", path.name)) for path in openings),
    ]:
        text = template.read_text().replace("/opt/kws-app", str(folder)).replace("@UID@", "1000")
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text(text)
    return folder / "kws-app.service"


def analyze(unit: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says of *unit*, and of nothing else that this machine has."""
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{unit.parent}:", "XDG_RUNTIME_DIR": str(unit.parent)}
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words, unit], env=environment, capture_output=True, text=True, check=False
    )


@needs_systemd
def test_the_default_unit_is_exposed_by_0_9_at_most(tmp_path: Path) -> None:
    assert analyze(installed(tmp_path), "security", "--offline=true", "--threshold=9").returncode == 0


@needs_systemd
@pytest.mark.parametrize("opening", OPENINGS, ids=lambda path: path.stem)
def test_every_opening_leaves_an_exposure_of_1_8_at_most(tmp_path: Path, opening: Path) -> None:
    unit = installed(tmp_path, openings=[opening])

    assert analyze(unit, "security", "--offline=true", "--threshold=18").returncode == 0


@needs_systemd
def test_all_openings_together_leave_an_exposure_of_1_8_at_most(tmp_path: Path) -> None:
    unit = installed(tmp_path, openings=OPENINGS)

    assert analyze(unit, "security", "--offline=true", "--threshold=18").returncode == 0


@needs_systemd
@pytest.mark.parametrize("openings", [[], OPENINGS], ids=["closed", "open"])
def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path, openings: list[Path]) -> None:
    done = analyze(installed(tmp_path, openings=openings), "verify")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_finds_nothing_to_say_about_the_unit_for_desktops(tmp_path: Path) -> None:
    done = analyze(installed(tmp_path, USER_UNIT), "--user", "verify")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("file", [UNIT, *OPENINGS], ids=lambda path: path.stem)
def test_every_wall_and_every_opening_has_its_reason(file: Path) -> None:
    """No block of settings begins without a comment, unless the file's first line is about it."""
    text = file.read_text()
    blocks = text.partition("[Service]\n")[2].partition("\n\n[Install]")[0].split("\n\n")

    assert text.startswith("#")
    assert [block for block in blocks[1:] if not block.startswith("#")] == []


def settings(unit: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line and line[0] != "#")


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "desktop"])
def test_the_watchdog_lets_the_daemon_try_as_long_as_it_wants_to(unit: Path) -> None:
    assert int(settings(unit)["WatchdogSec"]) >= AudioSettings().give_up_after_seconds + 15


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "desktop"])
def test_nothing_but_a_wrong_configuration_keeps_it_from_being_started_again(unit: Path) -> None:
    found = settings(unit)

    assert (found["Restart"], found["RestartPreventExitStatus"], found["StartLimitIntervalSec"]) == (
        "always",
        "78",
        "0",
    )
