"""Faults of the daemon's own process and of what it leans on."""

from __future__ import annotations

import signal
import time

from tests.system.faults.recovery import GONE, Patient


def test_a_process_that_stood_still_says_what_it_lost_and_hears(daemon: Patient) -> None:
    daemon.send(signal.SIGSTOP)
    time.sleep(3)
    daemon.send(signal.SIGCONT)

    assert daemon.next("audio_lost", within=2)["seconds"] > 1
    daemon.hears()


def test_a_process_that_is_killed_is_started_again_and_hears(daemon: Patient) -> None:
    daemon.send(signal.SIGKILL)
    daemon.ends(within=2)

    daemon.start()

    daemon.hears_again()


def test_it_stops_within_two_seconds_while_it_is_deaf(daemon: Patient) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)

    daemon.send(signal.SIGTERM)

    assert daemon.ends(within=2) == 0
    daemon.microphone.start_server()
    daemon.start()
    daemon.hears_again()


def test_a_reload_while_it_is_deaf_counts_when_it_hears_again(daemon: Patient, config: str) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.configure(config.replace("rise", "fall"))
    daemon.send(signal.SIGHUP)

    daemon.microphone.start_server()

    daemon.next("state", state="listening", within=5)
    daemon.hears("fall")
    daemon.configure(config)
    daemon.send(signal.SIGHUP)


def test_a_broken_configuration_while_it_is_deaf_changes_nothing(daemon: Patient, config: str) -> None:
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)
    daemon.configure("modle: {}")
    daemon.send(signal.SIGHUP)

    daemon.microphone.start_server()

    daemon.hears_again()
    daemon.configure(config)


def test_a_hook_that_hangs_does_not_keep_it_from_recovering(daemon: Patient, config: str) -> None:
    daemon.configure(config, more_hooks="- command: [sleep, '60']\n  on: [state]\n  queue: 1\n")
    daemon.send(signal.SIGHUP)
    daemon.hears()
    daemon.microphone.kill_server()
    daemon.goes_deaf(*GONE)

    daemon.microphone.start_server()

    daemon.hears_again()
    daemon.configure(config)
    daemon.send(signal.SIGHUP)
