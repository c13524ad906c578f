"""Facts about naming the program that holds a card: on a tree of files as the kernel shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_app.audio.holder import held_cards, holder

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


@pytest.fixture
def held(root: Path) -> Path:
    """Of two cards one is held, as its driver says, by a thread of the second program."""
    for card, status in ((0, "closed\n"), (1, "state: RUNNING\nowner_pid   : 815\ntrigger_time: 1.2\n")):
        file = root / f"proc/asound/card{card}/pcm0c/sub0/status"
        file.parent.mkdir(parents=True)
        file.write_text(status)
    (root / "proc/asound/cards").write_text(
        " 0 [Headphones     ]: bcm2835_headphones - bcm2835 Headphones\n"
        "                      bcm2835 Headphones\n"
        " 1 [Device         ]: USB-Audio - USB PnP Sound Device\n"
        "                      C-Media Electronics Inc. USB PnP Sound Device at usb-3f980000.usb-1.3, full speed\n"
    )
    (root / "proc/815").mkdir()
    (root / "proc/815/status").write_text("Name:\talsa-source\nTgid:\t812\nPid:\t815\n")
    return root


def test_a_card_that_is_left_out_of_the_list_is_named_with_its_holder(held: Path) -> None:
    assert held_cards(held) == ['"USB PnP Sound Device" is held by arecord (process 812)']


def test_a_holder_that_is_hidden_from_us_is_another_program(held: Path) -> None:
    (held / "proc/815/status").unlink()
    (held / "proc/812/comm").unlink()

    assert held_cards(held) == ['"USB PnP Sound Device" is held by another program']


def test_the_driver_knows_the_holder_though_its_files_are_hidden_from_us(held: Path) -> None:
    (held / "proc/812/fd/3").unlink()

    assert holder(DEVICE, held) == "arecord (process 812)"


@pytest.mark.parametrize("device", ["default", "USB PnP Sound Device: Audio (hw:0,0)"])
def test_nobody_is_named_who_is_not_known(root: Path, device: str) -> None:
    assert holder(device, root) is None


def test_this_machine_can_be_asked() -> None:
    assert holder("No Such Card (hw:31,31)") is None
    assert [card for card in held_cards() if "No Such Card" in card] == []
