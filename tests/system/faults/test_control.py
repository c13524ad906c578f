"""Faults that come in by the control socket, or while it is used."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.faults.recovery import GONE, Patient


@contextmanager
def clients(daemon: Patient, number: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        yield [opened.enter_context(_client(daemon)) for _ in range(number)]


def _client(daemon: Patient) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(daemon.folder / "control.sock"))
    client.setblocking(False)
    return client


def test_clients_that_flood_the_socket_do_not_keep_it_from_hearing(daemon: Patient) -> None:
    with clients(daemon, 50) as flood:
        for client in flood:
            with suppress(OSError):
                client.send(b"x" * 200_000)
        daemon.hears()

    assert daemon.asked("status")


def test_clients_that_never_read_do_not_keep_it_from_hearing(daemon: Patient) -> None:
    with clients(daemon, 10) as deaf:
        for client in deaf:
            with suppress(OSError):
                client.send(b'{"command": "events"}\n' + b'{"command": "status"}\n' * 5000)
        daemon.hears()

    assert daemon.asked("status")


def test_a_second_daemon_at_the_same_socket_takes_nothing_from_the_first(
    daemon: Patient, tmp_path: Path, config: str
) -> None:
    same = {"RUNTIME_DIRECTORY": str(daemon.folder)}
    with Patient(tmp_path, daemon.microphone, config, environment=same) as second:
        second.wait_until_ready()
        assert f'"pid": {daemon.process.pid}' in daemon.asked("status", "--json")

    assert f'"pid": {daemon.process.pid}' in daemon.asked("status", "--json")
    daemon.hears()


def test_it_goes_on_hearing_when_its_socket_is_deleted(daemon: Patient) -> None:
    (daemon.folder / "control.sock").unlink()

    daemon.hears()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder into which nothing more goes."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a disk of its own")
    (folder / "everything").write_bytes(bytes(4096))
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_does_not_keep_it_from_being_muted(
    tmp_path: Path, full_disk: Path, daemon: Patient, config: str
) -> None:
    """It is muted all the same, and says that it will not be after a restart."""
    environment = {"STATE_DIRECTORY": str(full_disk)}
    with Patient(tmp_path, daemon.microphone, config, environment=environment) as other:
        other.wait_until_ready()
        assert "No space left on device" in other.refused("mute")
        other.next("state", state="muted", within=1)

        other.asked("unmute")

        other.hears_again()


def test_a_microphone_that_was_released_while_unplugged_is_heard_again(daemon: Patient) -> None:
    daemon.microphone.unplug()
    daemon.goes_deaf(*GONE)
    daemon.asked("mute", "--release")
    daemon.next("state", state="muted", within=1)
    daemon.microphone.plug_in()

    daemon.asked("unmute")

    daemon.hears_again()


def test_a_mute_while_it_is_deaf_outlives_the_process(daemon: Patient) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.asked("mute")
    daemon.process.kill()
    daemon.ends(within=2)
    daemon.microphone.start_server()
    daemon.start()
    daemon.next("state", state="muted", within=5)

    daemon.asked("unmute")

    daemon.hears_again()
