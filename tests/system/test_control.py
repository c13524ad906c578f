"""A running daemon on a real audio server, asked by ``kws-app``'s other commands, each a process."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kws_app.arrays import RATE, Samples
from tests.conftest import spoken_words
from tests.system.daemon import Daemon
from tests.system.virtual_microphone import VirtualMicrophone

FIELDS = {
    *("state", "since", "device", "rate", "frames", "seconds_since_last_frame", "lag_seconds", "level_dbfs"),
    *("noise_floor_dbfs", "gaps", "overflows", "keywords", "hooks", "cpu_percent", "rss_bytes", "model", "version"),
    "uptime",
}
"""What programs were promised."""


@pytest.fixture(scope="module")
def microphone() -> Iterator[VirtualMicrophone]:
    with VirtualMicrophone(rate=RATE) as microphone:
        yield microphone


@pytest.fixture
def config(tiny_model: Path) -> str:
    return f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}"


@pytest.fixture
def daemon(tmp_path: Path, microphone: VirtualMicrophone, config: str) -> Iterator[Daemon]:
    """Listening for the tests' own "rise"."""
    with Daemon(tmp_path, microphone, config) as daemon:
        daemon.wait_until_ready()
        yield daemon


def status(daemon: Daemon) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(daemon.asked("status", "--json"))
    return facts


def say(daemon: Daemon, samples: Samples) -> None:
    """Say it, and return when all of it has reached the daemon."""
    daemon.microphone.feeder.speak(samples)
    daemon.microphone.feeder.wait_until_said()


def test_the_status_has_everything_that_was_promised(daemon: Daemon) -> None:
    facts = status(daemon)

    assert FIELDS - set(facts) == set()
    assert (facts["state"], facts["pid"]) == ("listening", daemon.process.pid)
    assert facts["keywords"] == {"rise": {"detections": 0, "near_misses": 0}}
    assert facts["frames"] < status(daemon)["frames"]


def test_a_person_reads_the_status(daemon: Daemon) -> None:
    assert daemon.asked("status").startswith("state      listening for ")


def test_the_meter_shows_level_and_score_of_a_word_as_it_is_said(daemon: Daemon) -> None:
    daemon.microphone.feeder.speak(spoken_words("rise", "rise", gap=0.3))

    with subprocess.Popen(daemon.command("meter", "--json"), env=daemon.environment(), stdout=subprocess.PIPE) as meter:
        assert meter.stdout is not None
        levels = [json.loads(meter.stdout.readline()) for _ in range(20)]
        meter.kill()

    assert max(level["scores"]["rise"] for level in levels) > 0.2
    assert max(level["level_dbfs"] for level in levels) > min(level["noise_floor_dbfs"] for level in levels) + 20


def test_events_come_as_they_happen_until_the_last(daemon: Daemon, spoken: Samples) -> None:
    command = daemon.command("events", "--json")
    with subprocess.Popen(command, env=daemon.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as events:
        say(daemon, spoken)
        daemon.next("detection", within=5)
        daemon.send(signal.SIGTERM)
        told, error = events.communicate()

    kinds = [(event["event"], event.get("keyword", event.get("state"))) for event in map(json.loads, told.splitlines())]
    assert [kind for kind in kinds if kind[0] != "hook"] == [("detection", "rise"), ("state", "stopping")]
    assert events.returncode == 69
    assert error.startswith(b"kws-app has ended (")


def test_while_muted_nothing_is_detected_and_afterwards_everything_is(daemon: Daemon, spoken: Samples) -> None:
    daemon.asked("mute")
    daemon.next("state", within=1, state="muted", reason="no events")
    say(daemon, spoken)
    assert (status(daemon)["state"], len(daemon.microphone.recorders())) == ("muted", 1)

    daemon.asked("unmute")
    say(daemon, spoken)

    daemon.next("detection", within=5)
    assert status(daemon)["keywords"]["rise"]["detections"] == 1


def test_a_released_microphone_is_really_closed_and_comes_back(daemon: Daemon, spoken: Samples) -> None:
    daemon.asked("mute", "--release")
    assert daemon.microphone.recorders() == []

    daemon.asked("unmute")
    daemon.next("audio_lost", within=5)
    say(daemon, spoken)

    daemon.next("detection", within=5)


@pytest.mark.parametrize("release", [[], ["--release"]])
def test_a_mute_survives_a_crash(daemon: Daemon, release: list[str]) -> None:
    daemon.asked("mute", "--for", "1h", *release)
    before = status(daemon)
    daemon.process.kill()
    daemon.process.wait()

    daemon.start()
    daemon.wait_until_ready()

    after = status(daemon)
    assert [after[name] for name in ("state", "mute", "muted_until")] == [
        before[name] for name in ("state", "mute", "muted_until")
    ]
    assert (daemon.microphone.recorders() == []) == (release != [])


def test_a_microphone_that_cannot_be_closed_is_closed_by_the_end_of_the_process(daemon: Daemon) -> None:
    daemon.microphone.hang_server()

    assert "closing the microphone has not returned" in daemon.refused("mute", "--release")
    assert daemon.ends(within=2) == 70

    daemon.microphone.wake_server()
    daemon.start()
    daemon.wait_until_ready()
    assert (status(daemon)["mute"], daemon.microphone.recorders()) == ("released", [])


def test_a_mute_for_a_time_ends_by_itself(daemon: Daemon) -> None:
    daemon.asked("mute", "--for", "1s")
    daemon.next("state", within=1, state="muted")

    daemon.next("state", within=2, state="listening")


def test_a_reload_takes_the_new_words_over_and_loses_no_audio(daemon: Daemon, config: str) -> None:
    daemon.configure(config.replace("rise", "fall"))

    assert daemon.asked("reload") == f"reloaded {daemon.folder}/config.yaml\n"
    say(daemon, spoken_words("fall"))

    daemon.next("detection", within=5, keyword="fall")
    assert status(daemon)["gaps"] == 0


def test_a_refused_reload_names_every_mistake_and_the_old_words_are_heard(
    daemon: Daemon, config: str, spoken: Samples
) -> None:
    daemon.configure(f"{config}\nlog: {{level: loud}}\nmodle: {{}}")

    mistakes = daemon.refused("reload").splitlines()
    say(daemon, spoken)

    assert [mistake.partition(": ")[2] for mistake in mistakes] == [
        "log.level: unknown value 'loud'; there are debug, error, info, warning",
        "modle: unknown key; did you mean 'model'?",
    ]
    daemon.next("detection", within=5)


def test_a_reload_cannot_move_the_socket(daemon: Daemon, config: str) -> None:
    daemon.configure(f"{config}\ncontrol: {{group: audio}}")

    assert daemon.refused("reload").endswith("control: a change here counts from the next start on: restart it\n")


def test_a_socket_that_was_asked_for_and_cannot_be_had_is_78(
    tmp_path: Path, microphone: VirtualMicrophone, config: str
) -> None:
    (tmp_path / "file").touch()
    with Daemon(tmp_path, microphone, f"{config}\ncontrol: {{socket: file}}") as daemon:
        assert daemon.ends(within=10) == 78
        assert f"control socket {tmp_path}/file: what is there is no socket\n" in daemon.log.read_text()


def test_a_group_that_is_not_there_is_a_mistake_of_the_configuration(
    tmp_path: Path, microphone: VirtualMicrophone, config: str
) -> None:
    with Daemon(tmp_path, microphone, f"{config}\ncontrol: {{group: nobodys}}") as daemon:
        assert daemon.ends(within=10) == 78
        assert "config.yaml:3: control.group: there is no group 'nobodys'\n" in daemon.log.read_text()
