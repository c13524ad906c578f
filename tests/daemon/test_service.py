"""Facts about the daemon's life: the microphone is simulated; model, hooks, signals and systemd's socket are real."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.source import Block
from kws_app.daemon.service import Service
from kws_app.errors import ConfigError, MicrophoneError, RecordingError
from kws_app.events import Event
from tests.conftest import spoken_words
from tests.daemon.lives import asked, events, listen, send
from tests.daemon.simulated import SILENCE, Happening, SimulatedMicrophone, blocks_of

pytestmark = pytest.mark.usefixtures("logging_as_before")


def fail() -> None:
    raise MicrophoneError("microphone: the cable is loose")


def test_a_spoken_word_reaches_the_hook_with_its_time_and_the_clocks(
    configure: Callable[..., Path], spoken: Samples
) -> None:
    file = configure()

    listen(file, blocks_of(spoken))

    (heard,) = events(file, kind="detection")
    assert heard["keyword"] == "rise"
    assert 1.3 < heard["time"] < 2.0
    assert heard["at"].endswith("Z")


def test_the_states_are_starting_listening_stopping(configure: Callable[..., Path], quiet: Samples) -> None:
    file = configure()

    listen(file, blocks_of(quiet))

    assert [event["state"] for event in events(file, kind="state")] == ["starting", "listening", "stopping"]


def test_people_read_what_it_listens_for_what_was_heard_and_how_it_ended(
    configure: Callable[..., Path], spoken: Samples, capsys: pytest.CaptureFixture[str]
) -> None:
    listen(configure(), blocks_of(spoken))

    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said[:2] == ["INFO Starting", "INFO Listening for rise on default"]
    assert said[2].startswith('INFO heard "rise" (score 0.')
    assert said[3:] == ["INFO Stopping", "INFO Stopped after 2 s of audio; hooks: 4 ok"]


def test_ready_is_said_after_the_first_audio_and_not_before(
    configure: Callable[..., Path], quiet: Samples, notices: Callable[[], list[str]]
) -> None:
    before: list[str] = []

    listen(configure(), [SILENCE, lambda: before.extend(notices()), Block(quiet[:640])])

    assert before == ["STATUS=Starting"]
    assert notices() == ["READY=1", "STATUS=Listening for rise on default", "STOPPING=1", "STATUS=Stopping"]


def test_a_hook_does_not_inherit_systemds_socket(
    configure: Callable[..., Path], quiet: Samples, notices: Callable[[], list[str]]
) -> None:
    file = configure(more='- command: [sh, -c, "echo ${NOTIFY_SOCKET-none} > socket"]\n  on: [state]\n')

    listen(file, blocks_of(quiet[:640]))

    assert (file.parent / "socket").read_text(encoding="utf-8") == "none\n"
    assert notices()


def test_lost_audio_is_an_event_and_a_line_and_keeps_the_time(
    configure: Callable[..., Path], spoken: Samples, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configure()
    lost = Block(spoken[:640], lost=32_000, reason="the device lost audio")

    listen(file, [lost, *blocks_of(spoken[640:])])

    (event,) = events(file, kind="audio_lost")
    assert (event["seconds"], event["time"], event["reason"]) == (2.0, 2.0, "the device lost audio")
    assert 3.3 < events(file, kind="detection")[0]["time"] < 4.0
    assert "WARNING lost 2.00 s of audio in 1 gap: the device lost audio" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_it_between_two_blocks(
    number: signal.Signals, configure: Callable[..., Path], spoken: Samples
) -> None:
    file = configure()
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]

    microphone = listen(file, [Block(spoken[:640]), send(number), *blocks_of(spoken[640:])])

    assert events(file)[-1]["state"] == "stopping"
    assert events(file, kind="detection") == []
    assert not microphone.is_open
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


def test_no_thread_is_left_behind(configure: Callable[..., Path], quiet: Samples) -> None:
    before = threading.active_count()

    listen(configure(), blocks_of(quiet))

    assert threading.active_count() == before


def test_a_microphone_that_fails_is_opened_anew_and_heard_again(
    configure: Callable[..., Path], quiet: Samples, spoken: Samples
) -> None:
    file = configure()

    microphone = listen(file, [Block(quiet), fail, *blocks_of(spoken)])

    states = [(event["state"], event.get("reason")) for event in events(file, kind="state")]
    assert states[1:4] == [("listening", None), ("deaf", "the cable is loose"), ("listening", None)]
    assert microphone.opened == ["default", "default"]
    assert len(events(file, kind="detection")) == 1
    assert events(file, kind="audio_lost")[0]["reason"] == "the cable is loose"


def test_a_microphone_that_is_absent_is_waited_for_and_then_ends_it_with_its_reason_in_the_last_event(
    configure: Callable[..., Path],
) -> None:
    file = configure(more="audio: {device: absent, give_up_after_seconds: 1}")

    with pytest.raises(MicrophoneError, match=r'no input device named "absent"; nothing helped for 1 s'):
        listen(file, [])

    deaf, last = events(file, kind="state")[-2:]
    assert (deaf["state"], deaf["reason"]) == ("deaf", 'no input device named "absent"')
    assert last["state"] == "stopping"
    assert last["reason"].endswith("nothing helped for 1 s")


def test_a_wrong_configuration_never_opens_the_microphone(config_file: Path) -> None:
    config_file.write_text("modle: {}", encoding="utf-8")
    microphone = SimulatedMicrophone([])

    with pytest.raises(ConfigError):
        Service(config_file, microphone=microphone).run()

    assert microphone.opened == []


def test_a_recording_that_is_not_there_is_a_sentence(configure: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.wav: No such file or directory"):
        Service(configure(), recording=tmp_path / "none.wav").run()


def test_no_audio_is_lost_because_of_a_hook_that_hangs(configure: Callable[..., Path]) -> None:
    more = "- command: [sleep, '60']\n  on: [state, detection]\n  queue: 1\n"
    file = configure(more=more)

    listen(file, blocks_of(spoken_words(*["rise"] * 10)))

    assert len(events(file, kind="detection")) == 10
    assert events(file, kind="audio_lost") == []


def test_samples_of_any_block_size_are_taken(configure: Callable[..., Path], spoken: Samples) -> None:
    file = configure()

    listen(file, [*blocks_of(spoken[:100], 1), Block(np.empty(0, np.int16)), Block(spoken[100:])])

    assert len(events(file, kind="detection")) == 1


def test_status_says_what_was_heard_and_what_was_lost(configure: Callable[..., Path]) -> None:
    file, found = configure(), list[dict[str, Any]]()
    script: list[Happening] = [
        *blocks_of(spoken_words("rise")),
        Block(np.ones(640, np.int16), lost=1600, reason="the device lost audio"),
    ]
    service = Service(file, microphone=SimulatedMicrophone(script))
    script += [asked(service, lambda: found.append(service.status().as_dict())), SILENCE]

    service.run()

    (status,) = found
    assert (status["state"], status["device"], status["rate"], status["gaps"]) == ("listening", "default", RATE, 1)
    assert status["keywords"] == {"rise": {"detections": 1, "near_misses": 0}}
    assert status["frames"] > 100
    assert -80 < status["level_dbfs"] < 0
    assert status["rss_bytes"] > 10_000_000
    json.dumps(status)


def test_listeners_are_told_what_hooks_are_told_and_how_those_ended(
    configure: Callable[..., Path], spoken: Samples
) -> None:
    file, told = configure(), list[Event]()
    script: list[Happening] = []
    service = Service(file, microphone=SimulatedMicrophone(script))
    service.subscribe(told.append)
    script += [*blocks_of(spoken), lambda: time.sleep(0.5), SILENCE]

    service.run()

    kinds = [event.kind for event in told]
    # A hook on the first state may have ended before the second.
    assert [kind for kind in kinds if kind != "hook"][:2] == ["state", "state"]
    assert "detection" in kinds
    assert "hook" in kinds
    assert all(event.at is not None for event in told)
