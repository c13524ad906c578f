"""What the doctor finds on a board: its Python, its word size, its power, its clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_app.doctor import board
from kws_app.doctor.check import Verdict
from tests.doctor.machines import machine

HWMON = {"/sys/class/hwmon/hwmon1/name": "rpi_volt\n"}


@pytest.mark.parametrize(
    ("version", "verdict"),
    [((3, 9), "problem"), ((3, 10), "problem"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warning")],
)
def test_a_python_is_too_old_or_newer_than_what_was_tested(
    tmp_path: Path, version: tuple[int, int], verdict: str
) -> None:
    assert board.python(machine(tmp_path, version=version)).verdict == verdict


def test_a_32_bit_system_on_a_64_bit_board_is_told_to_be_replaced(tmp_path: Path) -> None:
    check = board.system(machine(tmp_path, bits=32, processor="aarch64"))

    assert check.verdict is Verdict.PROBLEM
    assert "64-bit system" in str(check.remedy)


def test_a_processor_without_an_onnx_runtime_is_a_problem(tmp_path: Path) -> None:
    assert board.system(machine(tmp_path, bits=64, processor="riscv64")).verdict is Verdict.PROBLEM
    assert board.system(machine(tmp_path, bits=64, processor="aarch64")).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("throttled", "verdict", "seen"),
    [
        ("0", "ok", "no under-voltage, not throttled"),
        ("0x50005", "problem", "now: under-voltage, throttled"),
        ("50000", "warning", "now: all is well; since the start: under-voltage, throttled"),
        ("8", "warning", "now: soft temperature limit; since the start: "),
        ("nonsense", "ok", "no under-voltage, not throttled"),
    ],
)
def test_what_the_firmware_says_of_the_power_is_told(tmp_path: Path, throttled: str, verdict: str, seen: str) -> None:
    check = board.power(machine(tmp_path, {board.FIRMWARE: f"{throttled}\n"}))

    assert (check.verdict, check.seen) == (verdict, seen)


@pytest.mark.parametrize(("alarm", "verdict"), [("1\n", "problem"), ("0\n", "ok")])
def test_an_alarm_of_the_voltage_sensor_is_enough(tmp_path: Path, alarm: str, verdict: str) -> None:
    files = {**HWMON, "/sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm}

    assert board.power(machine(tmp_path, files)).verdict == verdict


def test_a_board_that_tells_nothing_of_its_power_is_passed_over(tmp_path: Path) -> None:
    assert board.power(machine(tmp_path)).verdict is Verdict.SKIPPED


def test_a_clock_that_was_never_set_is_a_warning(tmp_path: Path) -> None:
    place = machine(tmp_path)
    assert board.clock(place).verdict is Verdict.SKIPPED

    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    assert board.clock(place).verdict is Verdict.WARNING

    (tmp_path / "run/systemd/timesync/synchronized").touch()
    assert board.clock(place).verdict is Verdict.OK
