"""What a board tells of itself."""

from __future__ import annotations

from pathlib import Path

from kws_app.board import board


def written(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_a_raspberry_pi_tells_its_name_heat_and_throttling(tmp_path: Path) -> None:
    written(tmp_path, "proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0")
    written(tmp_path, "sys/class/thermal/thermal_zone0/temp", "48312\n")
    written(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1000000\n")
    written(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")

    facts = board(tmp_path)

    assert facts["name"] == "Raspberry Pi Zero 2 W Rev 1.0"
    assert (facts["temperature_celsius"], facts["frequency_mhz"]) == (48.312, 1000)
    assert facts["throttled"] == ["under-voltage", "throttled"]


def test_a_board_that_tells_nothing_leaves_it_out(tmp_path: Path) -> None:
    assert set(board(tmp_path)) == {"name", "cores"}
