"""Facts about naming the program that holds a card: on a tree of files as the kernel shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kws_app.audio.holder import holder

DEVICE = "USB PnP Sound Device: Audio (hw:1,0)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two programs; the second has a capture device open."""
    for pid, name in (("700", "bash"), ("812", "arecord")):
        (tmp_path / "proc" / pid / "fd").mkdir(parents=True)
        (tmp_path / "proc" / pid / "comm").write_text(f"{name}\n")
    (tmp_path / "proc/812/fd/3").symlink_to("/dev/snd/pcmC1D0c")
    (tmp_path / "proc/700/fd/0").symlink_to("/dev/snd/pcmC1D0p")
    return tmp_path


def test_the_one_that_has_it_open_is_named(root: Path) -> None:
    assert holder(DEVICE, root) == "arecord (process 812)"


def test_the_driver_knows_the_holder_though_its_files_are_hidden_from_us(root: Path) -> None:
    (root / "proc/812/fd/3").unlink()
    status = root / "proc/asound/card1/pcm0c/sub0/status"
    status.parent.mkdir(parents=True)
    status.write_text("state: RUNNING\nowner_pid   : 812\ntrigger_time: 1.2\n")

    assert holder(DEVICE, root) == "arecord (process 812)"


@pytest.mark.parametrize("device", ["default", "USB PnP Sound Device: Audio (hw:0,0)"])
def test_nobody_is_named_who_is_not_known(root: Path, device: str) -> None:
    assert holder(device, root) is None


def test_this_machine_can_be_asked() -> None:
    assert holder("No Such Card (hw:31,31)") is None
    assert os.getpid() > 0
