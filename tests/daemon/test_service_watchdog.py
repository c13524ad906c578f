"""Facts about what systemd's watchdog hears of a daemon on a simulated microphone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.source import Block
from tests.daemon.lives import events, listen
from tests.daemon.simulated import SILENCE, Happening, blocks_of

pytestmark = pytest.mark.usefixtures("logging_as_before")


def zeros(seconds: float) -> list[Happening]:
    return blocks_of(np.zeros(int(seconds * RATE), np.int16))


def constant(seconds: float) -> list[Happening]:
    return blocks_of(np.full(int(seconds * RATE), 700, np.int16))


@pytest.fixture
def watched(notices: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Happening]]:
    """Has *told* get all that systemd is told during the blocks; few notices wait in a socket at once."""
    monkeypatch.setenv("WATCHDOG_USEC", "2")

    def watch(blocks: list[Happening], told: list[str]) -> list[Happening]:
        return [happening for block in blocks for happening in (block, lambda: told.extend(notices()))]

    return watch


def test_the_watchdog_is_fed_while_frames_advance(
    configure: Callable[..., Path], quiet: Samples, notices: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "2")
    fed: list[int] = []

    def look() -> None:
        fed.append(notices().count("WATCHDOG=1"))

    listen(configure(), [*blocks_of(quiet[:3200]), look, *[SILENCE] * 5, look, *blocks_of(quiet[:3200]), look])

    assert fed == [5, 0, 5]


def test_while_deaf_the_watchdog_is_not_fed_and_the_reason_is_systemds_status(
    configure: Callable[..., Path], quiet: Samples, watched: Callable[..., list[Happening]]
) -> None:
    before, deaf, after = list[str](), list[str](), list[str]()
    script = [
        *watched([Block(quiet), *constant(2.1)], before),
        *watched(constant(1), deaf),
        *watched(blocks_of(quiet[:RATE]), after),
    ]

    listen(configure(), script)

    assert before[-1] == "STATUS=Deaf: a constant value of 700"
    assert before.count("WATCHDOG=1") > 10
    assert deaf == []
    assert after[:2] == ["STATUS=Listening for rise on default", "WATCHDOG=1"]


def test_a_microphone_muted_by_its_own_switch_is_deaf_but_no_reason_to_restart(
    configure: Callable[..., Path], quiet: Samples, watched: Callable[..., list[Happening]]
) -> None:
    file = configure(more="audio: {give_up_after_seconds: 1}")
    before, deaf = list[str](), list[str]()
    script = [*watched([Block(quiet), *zeros(2.6)], before), *watched(zeros(10), deaf), *blocks_of(quiet)]

    listen(file, script)

    assert before.count("STATUS=Deaf: digital silence") == 1
    assert set(deaf) == {"WATCHDOG=1"}
    states = [(event["state"], event.get("reason")) for event in events(file, kind="state")]
    assert states[2:] == [("deaf", "digital silence"), ("listening", None), ("stopping", None)]
