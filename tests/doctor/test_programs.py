"""What the doctor finds by running programs of ours: packages that die, a configuration that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws_app.doctor import programs
from kws_app.doctor.check import Check, Verdict
from tests.doctor.machines import machine


def interpreter(folder: Path, script: str) -> str:
    """A Python that does as *script* says."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def heard(folder: Path, **changes: object) -> Check:
    """What is found of a microphone that was listened to with this result."""
    result = {
        "device": "mic",
        "fault": None,
        "frames": 48_000,
        "level_dbfs": -50.0,
        "peak_dbfs": -30.0,
        "clipped": 0,
        "cpu_share": 0.01,
    }
    return programs.sound(machine(folder, python=interpreter(folder, f"echo '{json.dumps(result | changes)}'")))


def test_the_packages_of_this_machine_run(tmp_path: Path) -> None:
    check = programs.packages(machine(tmp_path))

    assert check.verdict is Verdict.OK
    assert "onnxruntime 1." in check.seen


@pytest.mark.parametrize(
    ("signal", "seen"),
    [
        ("ILL", "onnxruntime dies of SIGILL, an instruction that this processor does not have"),
        ("SEGV", "onnxruntime dies of SIGSEGV, a memory fault"),
    ],
)
def test_a_package_that_dies_on_this_processor_is_named(tmp_path: Path, signal: str, seen: str) -> None:
    python = interpreter(tmp_path, f"echo numpy 2.4.6; printf 'onnxruntime '; kill -{signal} $$")

    check = programs.packages(machine(tmp_path, python=python))

    assert (check.verdict, check.seen) == (Verdict.PROBLEM, seen)


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    script = "echo numpy 2.4.6; printf 'onnxruntime '; echo \"No module named 'onnxruntime'\" >&2; exit 1"

    check = programs.packages(machine(tmp_path, python=interpreter(tmp_path, script)))

    assert check.seen == "onnxruntime does not load: No module named 'onnxruntime'"


def test_every_mistake_of_the_configuration_is_told(tmp_path: Path, config_file: Path) -> None:
    config_file.write_text("modle: {}\nlog: {level: loud}\n", encoding="utf-8")

    check = programs.configuration(machine(tmp_path), "-c", str(config_file))

    assert check.verdict is Verdict.PROBLEM
    assert f"{config_file}:1: modle: unknown key; did you mean 'model'?; {config_file}:2: log.level:" in check.seen


def test_a_good_configuration_is_named_with_its_model(tmp_path: Path, config_file: Path) -> None:
    check = programs.configuration(machine(tmp_path), "-c", str(config_file))

    assert (check.verdict, check.seen) == (Verdict.OK, f"{config_file}; model wakewords-en")


def test_sound_that_is_plausible_is_well(tmp_path: Path) -> None:
    check = heard(tmp_path)

    assert (check.verdict, check.seen) == (Verdict.OK, "mic: level -50 dBFS, peak -30 dBFS")


def test_some_samples_at_full_scale_are_a_warning(tmp_path: Path) -> None:
    check = heard(tmp_path, clipped=7)

    assert check.verdict is Verdict.WARNING
    assert check.remedy == "lower the gain: alsamixer (F4: capture)"


def test_a_device_that_gives_nothing_while_alsa_spins_is_said_to_spin(tmp_path: Path) -> None:
    check = heard(tmp_path, fault="no audio for 2 s", frames=0, cpu_share=0.97)

    assert check.seen == "mic: no audio for 2 s, and ALSA spins meanwhile (97 % of a core)"
    assert check.verdict is Verdict.PROBLEM


@pytest.mark.parametrize(
    "fault",
    [
        "no audio for 2 s",
        "digital silence",
        "a constant value of 7",
        "a DC offset: the input never comes near zero",
        "clipped input: is the gain too high?",
        "wrong rate: about 44100 frames a second, not 48000",
        "an overflow storm: the device lost audio 10 times in 3 s",
    ],
)
def test_every_fault_of_the_input_has_a_remedy(tmp_path: Path, fault: str) -> None:
    check = heard(tmp_path, fault=fault)

    assert check.verdict is Verdict.PROBLEM
    assert check.remedy in programs.REMEDIES.values()
