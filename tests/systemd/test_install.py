"""systemd/install.sh as far as it changes nothing; tests/system/test_installed_service.py has the rest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.systemd.scripts import SYSTEM_PATH, program, run

TOOLS = ("cat", "cut", "dirname", "getconf", "id", "mktemp", "readlink", "rm", "sed", "sort", "tr", "uname")


@pytest.fixture(autouse=True)
def _folder_that_anybody_may_enter(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)


def installed() -> list[Path]:
    """What an installation would leave on this machine."""
    places = [
        Path("/opt"),
        Path("/etc"),
        Path("/etc/systemd/system"),
        Path("/etc/systemd/user"),
        Path("/usr/local/bin"),
    ]
    return [path for place in places if place.is_dir() for path in place.glob("kws-app*")]


def refusal(tmp_path: Path, *options: str, path: str = SYSTEM_PATH) -> str:
    """The one sentence with which it refuses, before it says anything of a change."""
    done = run("install.sh", *options, folder=tmp_path / "temporary", path=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert list((tmp_path / "temporary").iterdir()) == []
    (sentence,) = done.stderr.splitlines()
    return sentence


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemd")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs Debian's Python")
@pytest.mark.parametrize("options", [[], ["--desktop"], ["--prefix", "/srv/kws", "--user", "games", "--open", "lan"]])
def test_a_dry_run_prints_every_change_and_makes_none(tmp_path: Path, options: list[str]) -> None:
    before = installed()

    done = run("install.sh", "--dry-run", *options, folder=tmp_path / "temporary")

    assert (done.returncode, done.stderr) == (0, "")
    assert " -m venv --clear " in done.stdout
    assert done.stdout.splitlines()[-1] == "kws-app: a dry run: nothing was changed"
    assert (installed(), list((tmp_path / "temporary").iterdir())) == (before, [])


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ("armv7l", "this is a 32-bit system (armv7l), for which there is no ONNX Runtime: install the 64-bit system"),
        ("armv6l", "this processor (armv6l) is a 32-bit one, for which there is no ONNX Runtime: take a newer board"),
        (
            "riscv64",
            "this processor (riscv64) is one for which there is no ONNX Runtime: take one of x86_64 or aarch64",
        ),
    ],
)
def test_a_board_without_onnxruntime_is_refused_in_one_sentence(tmp_path: Path, machine: str, words: str) -> None:
    program(tmp_path / "bin", "uname", f"echo {machine}")

    assert refusal(tmp_path, path=f"{tmp_path}/bin:{SYSTEM_PATH}").startswith(f"kws-app: {words}")


def test_a_32_bit_system_on_a_64_bit_processor_is_refused_in_one_sentence(tmp_path: Path) -> None:
    program(tmp_path / "bin", "uname", "echo aarch64")
    program(tmp_path / "bin", "getconf", "echo 32")

    said = refusal(tmp_path, path=f"{tmp_path}/bin:{SYSTEM_PATH}")

    assert said.startswith("kws-app: this is a 32-bit system on a 64-bit processor")


def test_a_python_that_is_too_old_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for tool in TOOLS:
        program(tmp_path / "bin", tool, f'exec {shutil.which(tool)} "$@"')
    python = program(tmp_path / "bin", "python3", "echo 3.9.2 /usr/")

    assert refusal(tmp_path, path=f"{tmp_path}/bin") == (
        f"kws-app: needs Python 3.11, 3.12 or 3.13, as Debian 12 and 13 have it; {python} is 3.9.2"
    )


def test_a_python_in_somebodys_home_is_refused_as_the_service_could_not_see_it(tmp_path: Path) -> None:
    for tool in TOOLS:
        program(tmp_path / "bin", tool, f'exec {shutil.which(tool)} "$@"')
    program(tmp_path / "bin", "python3", "echo 3.12.1 /home/pi/.pyenv/versions/3.12.1/")

    assert refusal(tmp_path, path=f"{tmp_path}/bin").endswith("python3 is 3.12.1, in a home, which services do not see")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--nonsense"], "--nonsense: no such option; see --help"),
        (["--user"], "--user needs a value"),
        (["--user", "root"], "--user root: a program that listens to everybody is no business of root's"),
        (["--user", "Me; rm"], "--user 'Me; rm': must be of small letters, digits, _ -"),
        (["--user", "x" * 33], f"--user {'x' * 33}: must be of 32 letters at most"),
        (["--open", ""], "--open needs a value"),
        (["--prefix", "here"], "--prefix 'here': must be a path from / of letters, digits, . _ -, and plain"),
        (["--prefix", "/"], "--prefix '/': must be a path from / of letters, digits, . _ -, and plain"),
        (["--prefix", "/opt/../etc"], "--prefix '/opt/../etc': must be a path from / of letters, digits, . _ -, and"),
        (["--prefix", "/opt/kws app"], "--prefix '/opt/kws app': must be a path from / of letters, digits, . _ -, and"),
        (["--prefix", "/opt/kws-app.a"], "--prefix /opt/kws-app.a: must not end like the folders that lie beside it"),
        (["--prefix", "/home/pi/kws-app"], "--prefix /home/pi/kws-app: services do not see what lies there"),
        (["--open", "wlan"], "--open wlan: there is no such one; there are control-group gpio home internet lan"),
        (["--desktop", "--open", "lan"], "--open lan: is for the system's service, and a session's has no such walls"),
    ],
)
@pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemd")
def test_an_option_that_makes_no_sense_is_named(tmp_path: Path, options: list[str], words: str) -> None:
    assert refusal(tmp_path, *options).startswith(f"kws-app: {words}")


@pytest.mark.parametrize("prefix", ["/usr", "/etc", "/usr/bin/env"])
@pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemd")
def test_a_prefix_where_other_things_are_is_refused(tmp_path: Path, prefix: str) -> None:
    said = refusal(tmp_path, "--dry-run", "--prefix", prefix)

    assert said.startswith(
        f"kws-app: --prefix {prefix}: something else is there; name a folder that is kws-app's alone"
    )


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemd")
def test_who_may_not_install_is_told_how(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"kws-app: needs root: sudo {ROOT}/systemd/install.sh"


def test_help_names_every_option(tmp_path: Path) -> None:
    said = run("install.sh", "--help", folder=tmp_path / "temporary").stdout

    assert [word for word in ("--dry-run", "--prefix", "--user", "--open", "--desktop") if word not in said] == []


def test_uninstalling_dry_removes_nothing(tmp_path: Path) -> None:
    before = installed()

    done = run("uninstall.sh", "--dry-run", "--purge", folder=tmp_path / "temporary")

    assert (done.returncode, done.stderr) == (0, "")
    assert installed() == before


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_the_scripts_have_no_known_pitfall() -> None:
    scripts = sorted((ROOT / "systemd").glob("*.sh"))
    # Lists of words are split on purpose; what one script sets for another, shellcheck does not see.
    command = [
        "shellcheck",
        "--shell=sh",
        "--exclude=SC2034,SC2046,SC2086,SC2154,SC1091",
        "--severity=warning",
        *scripts,
    ]

    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""
