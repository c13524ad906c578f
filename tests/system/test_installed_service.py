"""The service as it is installed: in a container with a real systemd, from this checkout, on a virtual microphone.

The tests stand in the order of a service's life, in one container; each leaves it listening, the last one leaves none.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kws_app.arrays import RATE, Samples
from tests.conftest import ROOT
from tests.system.container import Container
from tests.system.virtual_microphone import VirtualMicrophone

pytestmark = pytest.mark.timeout(900)

CHECKOUT = "/opt/checkout"
UNIT = "/etc/systemd/system/kws-app.service"
CONFIG = "etc/kws-app/config.yaml"

WATCHDOG_SECONDS = 12

SETTING = f"""
[Service]
Environment=ALSA_CONFIG_PATH=/opt/microphone/asound.conf PULSE_SERVER=unix:/opt/microphone/native
RestartSec=1
WatchdogSec={WATCHDOG_SECONDS}
"""
"""A drop-in of the user's own: the microphone, and less patience than a test could have."""

LISTENING = f"""
model: {{path: {CHECKOUT}/tests/models/tiny.onnx}}
keywords: {{rise: }}
hooks:
- command: [tee, -a, /var/lib/kws-app/heard.jsonl]
  on: [detection, state]
- command: [./walls.sh]
"""

WALLS = """#!/bin/sh
{
    id -un
    grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status | tr -s '\\t' ' '
    ls /home
    ls /root
    tail -n +3 /proc/net/dev | cut -d: -f1
    touch "$0"
} >"$STATE_DIRECTORY/walls" 2>&1
mv "$STATE_DIRECTORY/walls" "$STATE_DIRECTORY/walls.txt"
"""
"""A hook that writes down what it can see and do."""


@pytest.fixture(scope="module")
def microphone() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone(rate=RATE) as microphone:
        microphone.socket.parent.chmod(0o755)  # the service's user is not this one
        yield microphone


@pytest.fixture(scope="module")
def container(microphone: VirtualMicrophone) -> Iterator[Container]:
    with Container({ROOT: CHECKOUT, microphone.socket.parent: "/opt/microphone"}) as container:
        drop_in = container.root / f"{UNIT[1:]}.d" / "microphone.conf"
        drop_in.parent.mkdir()
        drop_in.write_text(SETTING)
        yield container


@pytest.fixture(scope="module")
def before(container: Container) -> set[str]:
    """What was changed before anything was installed."""
    return container.changes()


@pytest.fixture(scope="module")
def service(before: set[str], container: Container, microphone: VirtualMicrophone) -> Service:  # noqa: ARG001
    """Installed, with the default configuration, over one that somebody made by hand."""
    (container.root / "opt/kws-app").mkdir()
    service = Service(container, microphone)
    service.install()
    return service


@pytest.fixture
def listening(service: Service, spoken: Samples) -> Service:
    """Proved to hear, with the tests' own word and a hook that keeps what was heard."""
    service.configure(LISTENING)
    service.container.run("systemctl", "reload", "kws-app")
    service.hears(spoken)
    return service


class Service:
    """The one in the container."""

    def __init__(self, container: Container, microphone: VirtualMicrophone) -> None:
        self.container, self.microphone = container, microphone
        self._heard = container.root / "var/lib/kws-app/heard.jsonl"

    def install(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.container.run(f"{CHECKOUT}/systemd/install.sh", *options, check=check, within=600)

    def configure(self, config: str) -> None:
        (self.container.root / CONFIG).write_text(config)
        walls = self.container.root / "etc/kws-app/walls.sh"
        walls.write_text(WALLS)
        walls.chmod(0o755)

    def property(self, name: str) -> str:
        return self.container.run("systemctl", "show", "--value", f"--property={name}", "kws-app").stdout.strip()

    def status(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.container.run("kws-app", "status", "--json", check=False).stdout)
        return facts

    def detections(self) -> int:
        count: int = self.status()["keywords"]["rise"]["detections"]
        return count

    def events(self) -> list[dict[str, Any]]:
        """All that the hook was given so far."""
        lines = self._heard.read_text().splitlines() if self._heard.exists() else []
        return [json.loads(line) for line in lines]

    def hears(self, word: Samples) -> None:
        """Say the word and see its hook run."""
        known = len(self.events())
        self.microphone.feeder.speak(word)
        self.until(lambda: "detection" in [event["event"] for event in self.events()[known:]], within=10)

    def listens_anew(self, pid: str, *, within: float) -> None:
        """Return when another process than *pid* listens."""
        self.until(lambda: self.property("MainPID") not in ("0", pid), within=within)
        self.until(lambda: self.property("ActiveState") == "active", within=within)

    def until(self, happened: Callable[[], object], *, within: float) -> None:
        deadline = time.monotonic() + within
        while not happened():
            assert time.monotonic() < deadline, f"not within {within} s; {self.story()}"
            time.sleep(0.1)

    def story(self) -> str:
        """Its log, for the message of a test that fails."""
        return self.container.run("journalctl", "--unit=kws-app", "--no-pager", "--output=short-precise").stdout


def test_what_was_installed_listens_and_systemd_finds_nothing_to_say_about_it(service: Service) -> None:
    assert service.property("ActiveState") == "active"
    assert service.property("StatusText").startswith("Listening for computer on ")
    assert service.container.run("systemd-analyze", "verify", UNIT).stderr == ""
    assert "audio" in service.container.run("id", "-Gn", "kws-app").stdout.split()


def test_a_spoken_word_runs_its_hook_within_the_walls_of_the_unit(listening: Service) -> None:
    walls = listening.container.root / "var/lib/kws-app/walls.txt"
    listening.until(walls.exists, within=10)

    assert walls.read_text().splitlines() == [
        "kws-app",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
        "ls: cannot open directory '/home': Permission denied",
        "ls: cannot open directory '/root': Permission denied",
        "    lo",
        "touch: cannot touch '/etc/kws-app/walls.sh': Permission denied",
    ]


def test_a_reload_with_mistakes_fails_names_them_and_keeps_what_was(listening: Service, spoken: Samples) -> None:
    listening.configure(LISTENING.replace("rise", "rice") + "loog: {level: info}")

    refused = listening.container.run("systemctl", "reload", "kws-app", check=False)

    assert refused.returncode != 0
    assert "loog: unknown key; did you mean 'log'?" in listening.story()
    listening.hears(spoken)


def test_a_service_that_hangs_is_restarted_by_the_watchdog(listening: Service, spoken: Samples) -> None:
    pid = listening.property("MainPID")
    listening.container.run("kill", "-STOP", pid)

    listening.listens_anew(pid, within=WATCHDOG_SECONDS + 30)
    assert "Watchdog timeout" in listening.story()
    listening.hears(spoken)


def test_a_service_that_is_killed_comes_back(listening: Service, spoken: Samples) -> None:
    pid = listening.property("MainPID")
    listening.container.run("kill", "-KILL", pid)

    listening.listens_anew(pid, within=30)
    listening.hears(spoken)


def test_it_hears_and_restarts_on_a_full_disk(listening: Service, spoken: Samples) -> None:
    with listening.container.full_disk():
        listening.container.run("systemctl", "restart", "kws-app")
        listening.microphone.feeder.speak(spoken)
        listening.until(lambda: listening.detections() == 1, within=10)

    listening.hears(spoken)


def test_a_microphone_that_is_taken_away_and_returned_is_heard_again_by_the_same_process(
    listening: Service, spoken: Samples
) -> None:
    pid = listening.property("MainPID")

    listening.microphone.unplug()
    listening.until(lambda: listening.status()["state"] == "deaf", within=10)
    assert listening.property("StatusText").startswith("Deaf: ")
    listening.microphone.plug_in()
    listening.until(lambda: listening.status()["state"] == "listening", within=10)

    listening.hears(spoken)
    assert listening.property("MainPID") == pid


def test_an_upgrade_keeps_the_configuration_and_the_programs_before_are_gone(
    listening: Service, spoken: Samples
) -> None:
    programs = (listening.container.root / "opt/kws-app").readlink()

    said = listening.install().stdout

    assert "keeping /etc/kws-app/config.yaml" in said
    listening.hears(spoken)
    assert (listening.container.root / "opt/kws-app").readlink() != programs
    assert not (listening.container.root / str(programs)[1:]).exists()


def test_an_upgrade_that_cannot_use_the_configuration_changes_nothing(listening: Service, spoken: Samples) -> None:
    listening.configure(LISTENING.replace("rise", "rice"))
    pid, programs = listening.property("MainPID"), sorted((listening.container.root / "opt").glob("kws-app*"))

    refused = listening.install(check=False)

    assert refused.returncode == 1
    assert "the model has no such keyword" in refused.stdout + refused.stderr
    assert (listening.property("MainPID"), sorted((listening.container.root / "opt").glob("kws-app*"))) == (
        pid,
        programs,
    )
    listening.hears(spoken)


def test_an_upgrade_that_fills_the_disk_changes_nothing(listening: Service, spoken: Samples) -> None:
    root = listening.container.root
    programs, unit = sorted((root / "opt").glob("kws-app*")), (root / UNIT[1:]).read_text()

    with listening.container.full_disk():  # /tmp is a disk of its own, /var/tmp is not
        failed = listening.container.run("env", "TMPDIR=/var/tmp", f"{CHECKOUT}/systemd/install.sh", check=False)

    assert failed.returncode != 0
    assert "kws-app: failed; undoing it" in failed.stdout
    assert (sorted((root / "opt").glob("kws-app*")), (root / UNIT[1:]).read_text()) == (programs, unit)
    listening.hears(spoken)


def test_an_upgrade_that_does_not_hear_gives_way_to_what_was_before(listening: Service, spoken: Samples) -> None:
    root = listening.container.root
    programs, unit = (root / "opt/kws-app").readlink(), (root / UNIT[1:]).read_text()
    trap = root / f"{UNIT[1:]}.d" / "trap.conf"
    # Whatever is not in the folder of the programs before cannot start.
    trap.write_text(f"[Service]\nExecCondition=\nExecStartPre=sh -c 'test $(readlink /opt/kws-app) = {programs}'\n")

    failed = listening.install("--open", "home", check=False)

    assert failed.returncode == 1
    assert "the new version does not hear, and the old one did" in failed.stderr
    assert ((root / "opt/kws-app").readlink(), (root / UNIT[1:]).read_text()) == (programs, unit)
    assert sorted(path.name for path in trap.parent.iterdir()) == ["microphone.conf", "trap.conf"]
    trap.unlink()
    listening.hears(spoken)


def test_another_prefix_and_user_leave_no_programs_behind_and_hold_for_upgrades(
    listening: Service, spoken: Samples
) -> None:
    listening.install("--prefix", "/srv/kws-app", "--user", "listener")

    listening.hears(spoken)
    assert list((listening.container.root / "opt").glob("kws-app*")) == []
    upgrade = listening.install("--dry-run").stdout
    assert "-m venv --clear /srv/kws-app.b" in upgrade
    assert "runuser -u listener " in upgrade


def test_what_was_opened_is_written_anew_by_an_upgrade_for_it_may_name_another_user(listening: Service) -> None:
    folder, openings = listening.container.root / f"{UNIT[1:]}.d", ("home.conf", "sound-server.conf")
    for opening in openings:
        (folder / opening).touch()

    said = listening.install("--dry-run", "--open", "home").stdout

    written = [line.strip() for line in said.splitlines() if "/open/" in line]
    assert written == [f"fill_in {CHECKOUT}/systemd/open/{opening} {UNIT}.d/{opening}" for opening in openings]
    for opening in openings:
        (folder / opening).unlink()


def test_it_is_uninstalled_without_a_trace(service: Service, before: set[str]) -> None:
    container = service.container
    container.run(f"{CHECKOUT}/systemd/uninstall.sh")
    assert ours(container.changes() - before) == {
        *("etc/kws-app", "etc/kws-app/config.yaml", "etc/kws-app/walls.sh"),
        *(name for name in container.changes() if name.startswith("var/lib/kws-app")),
    }
    assert (container.root / "var/lib/kws-app/heard.jsonl").exists()

    container.run(f"{CHECKOUT}/systemd/uninstall.sh", "--purge")

    assert ours(container.changes() - before) == set()
    for name in ("kws-app", "listener"):
        assert container.run("getent", "passwd", name, check=False).stdout == ""
        assert container.run("getent", "group", name, check=False).stdout == ""


def test_uninstalling_leaves_alone_what_a_unit_of_somebodys_own_starts(service: Service) -> None:
    container = service.container
    program = container.root / "usr/local/bin/kws-app"
    program.write_text("#!/bin/sh\n")
    (container.root / UNIT[1:]).write_text("[Service]\nExecStart=/usr/local/bin/kws-app run\n")

    container.run(f"{CHECKOUT}/systemd/uninstall.sh", "--purge")

    assert program.exists()
    program.unlink()


def test_on_a_desktop_it_is_the_sessions_and_hears_through_its_sound_server(service: Service, spoken: Samples) -> None:
    container = service.container
    service.install("--desktop")
    service.configure(LISTENING.partition("hooks:")[0])
    drop_in = container.root / "etc/systemd/user/kws-app.service.d" / "microphone.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(SETTING)
    container.run("useradd", "--create-home", "pi")
    container.run("loginctl", "enable-linger", "pi")
    runtime = f"/run/user/{container.run('id', '-u', 'pi').stdout.strip()}"
    as_pi = ("runuser", "--user=pi", "--", "env", f"XDG_RUNTIME_DIR={runtime}")
    service.until(lambda: container.run("test", "-S", f"{runtime}/bus", check=False).returncode == 0, within=30)

    container.run(*as_pi, "systemctl", "--user", "enable", "--now", "kws-app")
    service.microphone.feeder.speak(spoken)
    service.microphone.feeder.wait_until_said()

    status = json.loads(container.run(*as_pi, "kws-app", "status", "--json").stdout)
    assert (status["state"], status["keywords"]["rise"]["detections"]) == ("listening", 1)


def ours(changes: set[str]) -> set[str]:
    """Those that no package of Debian's makes."""
    return {
        name for name in changes if "kws" in name or name.startswith(("opt/", "srv/", "usr/local/bin/", "etc/systemd/"))
    }
