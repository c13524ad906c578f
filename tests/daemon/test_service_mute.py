"""Facts about a daemon that is muted, its microphone a simulated one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kws_app.arrays import Samples
from kws_app.audio.source import Block
from kws_app.daemon.mute import Mute, MuteStore
from kws_app.daemon.service import Service
from tests.conftest import spoken_words
from tests.daemon.lives import asked, events, send
from tests.daemon.simulated import SILENCE, Happening, SimulatedMicrophone, blocks_of

pytestmark = pytest.mark.usefixtures("logging_as_before")


def test_muted_it_hears_and_tells_nobody_until_it_is_unmuted(configure: Callable[..., Path]) -> None:
    file = configure()
    script: list[Happening] = []
    service = Service(file, microphone=SimulatedMicrophone(script))
    script += [
        *blocks_of(spoken_words("rise")),
        asked(service, lambda: service.mute(None, release=False)),
        *blocks_of(spoken_words("rise")),
        asked(service, service.unmute),
        *blocks_of(spoken_words("rise")),
    ]

    service.run()

    assert [round(event["time"]) for event in events(file, kind="detection")] == [2, 7]
    states = [(event["state"], event.get("reason")) for event in events(file, kind="state")]
    assert states[2:4] == [("muted", "no events"), ("listening", None)]


def test_a_released_microphone_is_really_closed_and_heard_again_when_it_is_unmuted(
    configure: Callable[..., Path], notices: Callable[[], list[str]]
) -> None:
    file, states = configure(), list[tuple[bool, list[str]]]()
    script: list[Happening] = []
    microphone = SimulatedMicrophone(script)
    service = Service(file, microphone=microphone)

    def unmute_soon() -> None:
        states.append((microphone.is_open, notices()))
        service.unmute()

    def release() -> None:
        service.mute(None, release=True)
        threading.Timer(0.3, lambda: service.ask(unmute_soon)).start()

    script += [*blocks_of(spoken_words("rise")), asked(service, release), SILENCE, *blocks_of(spoken_words("rise"))]

    service.run()

    assert states[0][0] is False
    assert states[0][1][-1] == "STATUS=Muted: the microphone is released"
    assert microphone.opened == ["default", "default"]
    assert len(events(file, kind="detection")) == 2
    (lost,) = events(file, kind="audio_lost")
    assert lost["reason"] == "muted"
    assert 0.2 < lost["seconds"] < 5


def test_a_device_that_was_given_by_its_index_is_opened_by_its_name_after_a_mute(
    configure: Callable[..., Path], quiet: Samples
) -> None:
    file = configure(more="audio: {device: 3}")
    script: list[Happening] = []
    microphone = SimulatedMicrophone(script, called="USB Microphone")
    service = Service(file, microphone=microphone)

    def release() -> None:
        service.mute(None, release=True)
        threading.Timer(0.1, lambda: service.ask(service.unmute)).start()

    script += [Block(quiet), asked(service, release), SILENCE, Block(quiet)]

    service.run()

    assert microphone.asked == [None, "USB Microphone"]


def test_a_microphone_that_was_released_stays_so_over_a_restart_and_systemd_knows_that_it_is_ready(
    configure: Callable[..., Path], notices: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "2")
    file = configure()
    MuteStore(Path(os.environ["STATE_DIRECTORY"])).write(Mute(None, release=True))
    microphone = SimulatedMicrophone([])
    service = Service(file, microphone=microphone)
    threading.Timer(0.5, send(signal.SIGTERM)).start()

    service.run()

    told = notices()
    assert told[:3] == ["STATUS=Starting", "READY=1", "STATUS=Muted: the microphone is released"]
    assert told.count("WATCHDOG=1") >= 2
    assert microphone.opened == []
