"""Facts about a daemon that is given another configuration while it listens to a simulated microphone."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.source import Block
from kws_app.daemon.service import Service
from kws_app.errors import ConfigError
from tests.conftest import spoken_words
from tests.daemon.lives import events, listen, send
from tests.daemon.simulated import SILENCE, Happening, SimulatedMicrophone, blocks_of

pytestmark = pytest.mark.usefixtures("logging_as_before")


def reloading(change: Callable[[], object], spoken: Samples) -> list[Happening]:
    """What happens: the configuration is changed and loaded when the word has just begun."""
    return [Block(spoken[:640]), change, send(signal.SIGHUP), *blocks_of(spoken[640:])]


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
    script = reloading(lambda: configure("rise", more="log: {level: loud}\nmodle: {}\n"), spoken)

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

    listen(file, reloading(lambda: configure(more=more), spoken))

    assert json.loads((file.parent / "second").read_text(encoding="utf-8"))["keyword"] == "rise"


def test_a_reload_with_another_device_opens_it_after_the_old_one_is_closed(
    configure: Callable[..., Path], spoken: Samples
) -> None:
    file = configure()
    script = reloading(lambda: configure(more="audio: {device: other}"), spoken)

    microphone = listen(file, script)

    assert microphone.opened == ["default", "other"]
    assert len(events(file, kind="detection")) == 1


def test_a_reload_with_a_device_that_is_not_there_is_refused_and_the_old_one_is_opened_again(
    configure: Callable[..., Path], spoken: Samples, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configure()
    script = reloading(lambda: configure(more="audio: {device: absent}"), spoken)

    microphone = listen(file, script)

    assert microphone.opened == ["default", "default"]
    assert len(events(file, kind="detection")) == 1
    said = capsys.readouterr().err
    assert f'ERROR {file}:8: audio.device: microphone: no input device named "absent"' in said


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
