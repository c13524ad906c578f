"""Facts about the control socket as a file: whose it is, and what was there before."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from kws_app.daemon.control import ControlServer
from kws_app.directories import ControlSettings
from kws_app.errors import ControlError
from tests.conftest import nobody
from tests.daemon.simulated_service import DETECTION, SimulatedService
from tests.daemon.talk import talking


def test_the_socket_is_for_its_user_and_group_alone(served: Path) -> None:
    assert stat.S_IMODE(served.stat().st_mode) == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to give a file away")
def test_a_configured_group_gets_the_socket(service: SimulatedService, path: Path) -> None:
    with ControlServer(ControlSettings(socket=path, group="audio"), service):
        assert path.group() == "audio"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user to give up being root")
def test_a_group_that_this_user_is_not_in_is_a_sentence(service: SimulatedService) -> None:
    said = r"this user may not give it to the group audio: it must be a member, and .* --open control-group$"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        server = ControlServer(ControlSettings(socket=Path(folder, "socket"), group="audio"), service)

        with nobody(), pytest.raises(ControlError, match=said), server:
            pass

        assert os.listdir(folder) == []


def test_a_group_that_is_not_there_is_a_sentence(service: SimulatedService, path: Path) -> None:
    with (
        pytest.raises(ControlError, match=r"control socket .*control\.sock: there is no group nobodys$"),
        ControlServer(ControlSettings(socket=path, group="nobodys"), service),
    ):
        pass

    assert [*path.parent.iterdir()] == []


def test_a_socket_that_a_dead_daemon_left_is_replaced(service: SimulatedService, path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()

    with ControlServer(ControlSettings(socket=path), service), talking(path) as talk:
        assert talk.ask("status")["ok"]


def test_a_living_daemons_socket_is_left_to_it(served: Path, service: SimulatedService) -> None:
    with (
        pytest.raises(ControlError, match=r"control\.sock: another kws-app answers there$"),
        ControlServer(ControlSettings(socket=served), service),
    ):
        pass

    with talking(served) as talk:
        assert talk.ask("status")["ok"]


def test_a_second_daemon_without_a_configured_socket_listens_without_one(
    service: SimulatedService, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The usual place is, for a test, the folder that RUNTIME_DIRECTORY names.
    with ControlServer(ControlSettings(), service):
        with ControlServer(ControlSettings(), service):
            pass

        assert f"control socket {path}: another kws-app answers there; so nobody can ask for status" in caplog.text
        with talking(path) as talk:
            assert talk.ask("status")["ok"]


def test_a_file_that_is_no_socket_is_left_alone(service: SimulatedService, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")

    with (
        pytest.raises(ControlError, match=r"file: what is there is no socket$"),
        ControlServer(ControlSettings(socket=tmp_path / "file"), service),
    ):
        pass

    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("place", ["file/control.sock", "x" * 200])
def test_a_place_where_no_socket_can_be_is_a_sentence(service: SimulatedService, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ControlError, match=r"^control socket .*: (File exists|Not a directory|AF_UNIX path too long)$"),
        ControlServer(ControlSettings(socket=tmp_path / place), service),
    ):
        pass


def test_nothing_is_left_behind(service: SimulatedService, path: Path) -> None:
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))

    with ControlServer(ControlSettings(socket=path), service), talking(path) as talk:
        talk.ask("events")

    assert [*path.parent.iterdir()] == []
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, descriptors)
    service.publish(DETECTION)  # to nobody


def test_another_daemons_socket_is_not_removed_at_the_end(service: SimulatedService, path: Path) -> None:
    with ControlServer(ControlSettings(socket=path), service):
        path.unlink()
        with ControlServer(ControlSettings(socket=path), service):
            pass
        path.touch()

    assert path.exists()
