"""``kws-app profile`` on a real audio server, and on a card that hangs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY_MODEL
from tests.system.faults.broken_card import broken_card
from tests.system.virtual_microphone import VirtualMicrophone

COMMAND = [
    *(sys.executable, "-m", "kws_app", "profile", "--seconds", "0.5", "--json"),
    *("--source", "microphone", "--model", str(TINY_MODEL), "--keyword", "all"),
]


@pytest.fixture
def server() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone() as server:
        yield server


def profile(
    server: VirtualMicrophone, *, seconds: int, meanwhile: Callable[[], object], environment: Mapping[str, str] = {}
) -> tuple[dict[str, Any], str, int]:
    """The report, standard error and exit code of a profile, while which something happens to its microphone."""
    with subprocess.Popen(
        [*COMMAND, "--seconds", str(seconds)],
        env={**server.environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for_a_stream_that_lasts(server)
        meanwhile()
        told, complaint = process.communicate()
    return json.loads(told), complaint, process.returncode


def wait_for_a_stream_that_lasts(server: VirtualMicrophone) -> None:
    """Before it opens a device, PortAudio tries it with a stream of a moment."""
    seen: list[str] = []
    while not seen or server.recorders() != seen:
        seen = server.recorders()
        time.sleep(0.5)


def test_a_microphone_is_profiled(server: VirtualMicrophone) -> None:
    facts = json.loads(subprocess.check_output(COMMAND, env=server.environment()))

    assert facts["source"].startswith("default, ")
    assert facts["frames"] > 0


def test_ctrl_c_ends_it_though_a_card_hangs(server: VirtualMicrophone, tmp_path: Path) -> None:
    card = broken_card(tmp_path)
    card.open_hangs = True
    with subprocess.Popen(COMMAND, env={**server.environment(), **card.environment}) as process:
        while not card.is_hanging:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)

        assert process.wait(5) == 130


def test_what_was_measured_is_told_though_the_card_hangs_in_the_end(server: VirtualMicrophone, tmp_path: Path) -> None:
    card = broken_card(tmp_path)

    def hang() -> None:
        card.close_hangs = True

    facts, complaint, code = profile(server, seconds=3, meanwhile=hang, environment=card.environment)

    assert facts["frames"] > 0
    hangs = "microphone: closing the microphone has not returned for 0.75 s; the device, or an audio server, hangs\n"
    assert (code, complaint) == (69, hangs)


def test_a_microphone_that_does_not_come_back_is_named_behind_the_report(server: VirtualMicrophone) -> None:
    facts, complaint, code = profile(server, seconds=4, meanwhile=server.kill_server)

    assert facts["seconds"] >= 4
    assert complaint.splitlines()[-1].startswith("microphone: ")
    assert complaint.endswith("; the figures are of what was heard until then\n")
    assert code == 69
