"""Facts about the daemon's life: the microphone is simulated; model, hooks, signals and systemd's socket are real."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.source import Block
from kws_app.daemon.mute import Mute, MuteStore
from kws_app.daemon.service import Service
from kws_app.errors import ConfigError, MicrophoneError, RecordingError
from kws_app.events import Event
from tests.conftest import spoken_words
from tests.daemon.simulated import SILENCE, Happening, SimulatedMicrophone, blocks_of

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture
def configure(config_file: Path, tiny_model: Path) -> Callable[..., Path]:
    """Writes a configuration with a hook that appends every event to a file."""

    def write(keyword: str = "rise", *, more: str = "") -> Path:
        config_file.write_text(
            f"""
model: {{path: {tiny_model}}}
keywords: {{{keyword}: }}
hooks:
- command: [sh, -c, "cat >> events"]
  on: [detection, audio_lost, state]
  queue: 100
{more}
""",
            encoding="utf-8",
        )
        return config_file

    return write


@pytest.fixture
def notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """What systemd was told since the last look, over a real datagram socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def received() -> list[str]:
            lines = []
            while True:
                try:
                    lines += server.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return lines

        yield received


def listen(file: Path, script: Sequence[Happening]) -> SimulatedMicrophone:
    microphone = SimulatedMicrophone(script)
    Service(file, microphone=microphone).run()
    return microphone


def events(file: Path, *, kind: str = "") -> list[dict[str, Any]]:
    """The events that the hook was given."""
    lines = (file.parent / "events").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if kind in ("", event["event"])]


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


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


def test_the_watchdog_is_fed_while_frames_advance(
    configure: Callable[..., Path], quiet: Samples, notices: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "2")
    fed: list[int] = []

    def look() -> None:
        fed.append(notices().count("WATCHDOG=1"))

    listen(configure(), [*blocks_of(quiet[:3200]), look, *[SILENCE] * 5, look, *blocks_of(quiet[:3200]), look])

    assert fed == [5, 0, 5]


def test_lost_audio_is_an_event_and_a_line_and_keeps_the_time(
    configure: Callable[..., Path], spoken: Samples, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configure()
    lost = Block(spoken[:640], lost=32_000, reason="the device lost audio")

    listen(file, [lost, *blocks_of(spoken[640:])])

    (event,) = events(file, kind="audio_lost")
    assert (event["seconds"], event["time"], event["reason"]) == (2.0, 2.0, "the device lost audio")
    assert 3.3 < events(file, kind="detection")[0]["time"] < 4.0
    assert "WARNING lost 2.00 s of audio in 1 gap(s): the device lost audio" in capsys.readouterr().err


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


def test_a_reload_takes_over_between_two_blocks_and_the_time_goes_on(
    configure: Callable[..., Path], notices: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    file = configure("rise")
    told: list[str] = []
    script = [
        *blocks_of(spoken_words("rise", "fall")),
        notices,
        lambda: configure("fall"),
        send(signal.SIGHUP),
        lambda: told.extend(notices()),
        *blocks_of(spoken_words("rise", "fall")),
    ]

    microphone = listen(file, script)

    heard = {(event["keyword"], round(event["time"])) for event in events(file, kind="detection")}
    assert heard == {("rise", 2), ("fall", 7)}
    assert microphone.opened == ["default"]
    assert "INFO Reloaded" in capsys.readouterr().err
    assert [notice.partition("=")[0] for notice in told] == ["RELOADING", "MONOTONIC_USEC", "READY", "STATUS"]
    assert told[-1] == "STATUS=Listening for fall on default"


@pytest.mark.parametrize("seconds", [1.0, 1.2, 1.4, 1.6])
def test_a_word_that_is_being_spoken_during_a_reload_is_heard_once(
    configure: Callable[..., Path], spoken: Samples, seconds: float
) -> None:
    file = configure()
    here = int(seconds * RATE)

    listen(file, [*blocks_of(spoken[:here]), send(signal.SIGHUP), *blocks_of(spoken[here:])])

    (heard,) = events(file, kind="detection")
    assert 1.3 < heard["time"] < 2.0


def test_a_broken_configuration_is_refused_with_every_mistake_and_the_old_one_stays(
    configure: Callable[..., Path],
    spoken: Samples,
    notices: Callable[[], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = configure()
    script = [
        Block(spoken[:640]),
        lambda: configure("rise", more="log: {level: loud}\nmodle: {}\n"),
        send(signal.SIGHUP),
        *blocks_of(spoken[640:]),
    ]

    listen(file, script)

    assert len(events(file, kind="detection")) == 1
    said = capsys.readouterr().err
    assert f"ERROR {file}:8: log.level: unknown value 'loud'; there are debug, error, info, warning\n" in said
    assert f"ERROR {file}:9: modle: unknown key; did you mean 'model'?\n" in said
    assert "ERROR Not reloaded; the old configuration stays\n" in said
    assert notices().count("READY=1") == 2


def test_a_reload_before_the_first_audio_does_not_say_ready(
    configure: Callable[..., Path], notices: Callable[[], list[str]]
) -> None:
    listen(configure(), [send(signal.SIGHUP), SILENCE])

    assert "READY=1" not in notices()


def test_hooks_are_exchanged_by_a_reload(configure: Callable[..., Path], spoken: Samples) -> None:
    file = configure()
    more = '- command: [sh, -c, "cat > second"]\n'

    listen(file, [Block(spoken[:640]), lambda: configure(more=more), send(signal.SIGHUP), *blocks_of(spoken[640:])])

    assert json.loads((file.parent / "second").read_text(encoding="utf-8"))["keyword"] == "rise"


def test_a_reload_with_another_device_opens_it_after_the_old_one_is_closed(
    configure: Callable[..., Path], spoken: Samples
) -> None:
    file = configure()
    script = [
        Block(spoken[:640]),
        lambda: configure(more="audio: {device: other}"),
        send(signal.SIGHUP),
        *blocks_of(spoken[640:]),
    ]

    microphone = listen(file, script)

    assert microphone.opened == ["default", "other"]
    assert len(events(file, kind="detection")) == 1


def test_a_reload_with_a_device_that_is_not_there_is_refused_and_the_old_one_is_opened_again(
    configure: Callable[..., Path], spoken: Samples, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configure()
    script = [
        Block(spoken[:640]),
        lambda: configure(more="audio: {device: absent}"),
        send(signal.SIGHUP),
        *blocks_of(spoken[640:]),
    ]

    microphone = listen(file, script)

    assert microphone.opened == ["default", "default"]
    assert len(events(file, kind="detection")) == 1
    said = capsys.readouterr().err
    assert f'ERROR {file}:8: audio.device: microphone: no input device named "absent"' in said


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


def asked(service: Service, action: Callable[[], object]) -> Callable[[], None]:
    """Another thread asks the worker, which answers after the next block."""

    def ask() -> None:
        asker = threading.Thread(target=lambda: service.ask(action))
        asker.start()
        asker.join()

    return ask


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


def test_whoever_asks_for_a_reload_has_every_mistake(configure: Callable[..., Path], quiet: Samples) -> None:
    file = configure()
    script: list[Happening] = []
    service = Service(file, microphone=SimulatedMicrophone(script))
    answers = []
    script += [
        Block(quiet),
        lambda: configure(more="log: {level: loud}\nmodle: {}\n"),
        lambda: answers.append(service.ask(service.reload)),
        Block(quiet),
    ]

    service.run()

    with pytest.raises(ConfigError) as raised:
        answers[0].result(0)
    assert len(raised.value.faults) == 2


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
    assert kinds[:2] == ["state", "state"]
    assert "detection" in kinds
    assert "hook" in kinds
    assert all(event.at is not None for event in told)
