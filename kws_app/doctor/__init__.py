"""Finds what keeps kws-app from hearing, and says what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kws_app.doctor import board, cards, programs, service
from kws_app.doctor.check import Check, Machine, Verdict, skipped
from kws_app.doctor.configured import sections


def examine(machine: Machine, config: Path | None = None) -> Iterator[Check]:
    """Look at everything, what others need first; nothing is changed.

    Args:
        machine: where the facts come from.
        config: the configuration, if it is not the usual one.
    """
    options = [] if config is None else ["-c", str(config)]
    configured, folder = sections(config)
    yield board.python(machine)
    yield board.system(machine)
    yield board.power(machine)
    yield board.clock(machine)
    yield (packages := programs.packages(machine))
    if packages.verdict is Verdict.PROBLEM:
        configuration = skipped("configuration", "needs the packages")
    else:
        configuration = programs.configuration(machine, *options)
    yield configuration
    yield service.unit(machine)
    yield service.watchdog(machine, configured.audio)
    answer, status = service.daemon(machine, *options)
    yield answer
    yield service.state(machine, configured.state, folder)
    yield cards.permission(machine)
    pid = None if status is None else int(status["pid"])
    yield cards.busy(machine, pid)
    yield cards.hat(machine)
    yield cards.sound_server(machine, pid)
    if status is not None and status["mute"] != "released":
        reason = "the daemon has the microphone, and judges it all the time"
    elif packages.verdict is Verdict.PROBLEM or configuration.verdict is Verdict.PROBLEM:
        reason = "needs the packages and the configuration"
    else:
        yield from _microphone(machine, options)
        return
    yield skipped("device", reason)
    yield skipped("sound", reason)


def _microphone(machine: Machine, options: list[str]) -> Iterator[Check]:
    yield (device := programs.device(machine, *options))
    if device.verdict is Verdict.PROBLEM:
        yield skipped("sound", "needs the device")
    else:
        yield programs.sound(machine, *options)
