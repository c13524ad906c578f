"""Facts about finding a daemon and asking it: what a person reads when there is none, or it says no."""

from __future__ import annotations

import argparse
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_app.cli.client import NoDaemonError, connect
from kws_app.cli.main import main
from kws_app.daemon.control import ControlServer
from kws_app.directories import ControlSettings
from tests.conftest import nobody
from tests.daemon.simulated_service import SimulatedService

COMMANDS = ("status", "events", "meter", "mute", "unmute", "reload")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a user to give up being root")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no config.yaml lies, as one does in the checkout."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.parametrize("command", COMMANDS)
def test_where_no_daemon_listens_it_says_so_and_how_to_start_one(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command]) == 69
    assert capsys.readouterr().err == (
        f"no kws-app listens at {tmp_path}/run/control.sock; start it: systemctl start kws-app, or kws-app run\n"
    )


def test_the_socket_of_a_dead_daemon_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "run" / "control.sock"))

    assert main(["status"]) == 69
    assert "no kws-app listens at" in capsys.readouterr().err


@as_root
def test_who_may_not_is_told_which_group_may(capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, SimulatedService() as service:
        os.chmod(folder, 0o755)
        settings = ControlSettings(socket=Path(folder, "socket"), group="audio")
        Path(folder, "config.yaml").write_text(f"control: {{socket: {settings.socket}}}")
        with ControlServer(settings, service), nobody():
            assert main(["mute", "-c", f"{folder}/config.yaml"]) == 77

    assert capsys.readouterr().err == (
        f"{folder}/socket: this user may not control kws-app; "
        "the group audio may: sudo usermod -aG audio $USER, then log in again\n"
    )


@as_root
@pytest.mark.usefixtures("service")
def test_who_may_not_even_look_is_told_to_use_sudo(capsys: pytest.CaptureFixture[str]) -> None:
    with nobody():
        assert main(["status"]) == 77

    assert capsys.readouterr().err.endswith("may not control kws-app; try it with sudo\n")


def test_the_configuration_says_where_the_daemon_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("control: {socket: here.sock}")
    with SimulatedService() as service, ControlServer(ControlSettings(socket=tmp_path / "here.sock"), service):
        assert main(["status", "-c", str(tmp_path / "config.yaml")]) == 0
        assert main(["status"]) == 69


def test_mistakes_elsewhere_in_the_configuration_keep_nobody_from_muting(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("control: {socket: here.sock}\naudio: {devcie: x}\nmodle:\nmodle:\n")
    with SimulatedService() as service, ControlServer(ControlSettings(socket=tmp_path / "here.sock"), service):
        assert main(["mute", "-c", str(tmp_path / "config.yaml")]) == 0
        assert service.state == "muted"


@pytest.mark.parametrize("text", ["control: {sockte: x}", "control: [", "control: 5"])
def test_a_configuration_that_nobody_named_keeps_nobody_from_muting(service: SimulatedService, text: str) -> None:
    Path("config.yaml").write_text(text)

    assert main(["mute"]) == 0
    assert service.state == "muted"


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("text", ["control: {sockte: x}", "control: [", "control: 5", "[]", None])
def test_a_configuration_that_was_named_must_say_where(text: str | None) -> None:
    if text is not None:
        Path("named.yaml").write_text(text)

    assert main(["mute", "-c", "named.yaml"]) == (0 if text == "[]" else 78)


def test_a_daemon_that_does_not_answer_is_said_to_hang(service: SimulatedService) -> None:
    service.hang()

    with (
        connect(argparse.Namespace(config=None)) as client,
        pytest.raises(NoDaemonError, match=r"^kws-app did not answer within 0 s, so it hangs; its log says more \("),
    ):
        client.ask("status", within=0.05)


@pytest.fixture
def strange(tmp_path: Path) -> Iterator[socket.socket]:
    """Somebody who is no daemon listens in its place."""
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "run" / "control.sock"))
        listener.listen()
        yield listener


def test_a_daemon_that_ends_before_it_answers_is_said_to(
    strange: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    def accept_and_end() -> None:
        with strange.accept()[0] as accepted:
            accepted.recv(100)

    thread = threading.Thread(target=accept_and_end)
    thread.start()

    assert main(["status"]) == 69
    thread.join()
    assert capsys.readouterr().err.startswith("kws-app ended before it answered (")


def test_a_refusal_that_came_before_the_question_is_read(
    strange: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        with strange.accept()[0] as accepted:
            accepted.sendall(json.dumps({"ok": False, "error": ["too many"], "code": 69}).encode() + b"\n")
            accepted.shutdown(socket.SHUT_RD)

    thread = threading.Thread(target=refuse)
    thread.start()

    assert main(["status"]) == 69
    thread.join()
    assert capsys.readouterr().err == "too many\n"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\n", b"[]\n", b"{}\n", b'{"ok": false}\n']
)
def test_what_answers_and_is_no_daemon_is_said_to_be_none(
    strange: socket.socket, capsys: pytest.CaptureFixture[str], answer: bytes
) -> None:
    def answer_and_end() -> None:
        with strange.accept()[0] as accepted:
            accepted.recv(100)
            accepted.sendall(answer)

    thread = threading.Thread(target=answer_and_end)
    thread.start()

    assert main(["status"]) == 69
    thread.join()
    assert capsys.readouterr().err.endswith("control.sock is no kws-app\n")


def test_an_end_in_the_middle_of_an_event_is_an_end(strange: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    def end_early() -> None:
        with strange.accept()[0] as accepted:
            accepted.recv(100)
            accepted.sendall(b'{"ok": true}\n{"event": "state", "ti')

    thread = threading.Thread(target=end_early)
    thread.start()

    assert main(["events"]) == 69
    thread.join()
    assert capsys.readouterr().err.startswith("kws-app has ended (")
