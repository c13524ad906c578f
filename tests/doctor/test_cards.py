"""What the doctor finds of sound cards: who may open them, who holds them, and which one is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kws_app.doctor import cards
from kws_app.doctor.check import Verdict
from tests.doctor.machines import STRANGER, machine

CARD = {"/dev/snd/pcmC1D0c": "", "/dev/snd/pcmC1D0p": "", "/dev/snd/controlC1": ""}


def held_by(program: str, pid: int = 812) -> dict[str, str]:
    return {
        **CARD,
        "/proc/asound/cards": " 1 [Device         ]: USB-Audio - USB PnP Sound Device\n",
        "/proc/asound/card1/pcm0c/sub0/status": f"state: RUNNING\nowner_pid   : {pid}\n",
        f"/proc/{pid}/comm": f"{program}\n",
    }


def test_a_user_who_is_not_in_the_cards_group_is_told_the_command(tmp_path: Path) -> None:
    place = machine(tmp_path, CARD)
    for path in (tmp_path / "dev/snd").iterdir():
        path.chmod(0o660)

    check = cards.permission(place)

    assert check.verdict is Verdict.PROBLEM
    assert check.seen.startswith("this user may not open pcmC1D0c: not in group ")
    assert str(check.remedy).startswith("sudo usermod -aG ")


def test_a_user_in_the_cards_group_may_open_it(tmp_path: Path) -> None:
    machine(tmp_path, CARD)
    group = (tmp_path / "dev/snd/pcmC1D0c").stat().st_gid
    (tmp_path / "dev/snd/pcmC1D0c").chmod(0o660)

    assert cards.permission(machine(tmp_path, groups=frozenset({group}))).verdict is Verdict.OK
    assert cards.permission(machine(tmp_path, user=0)).verdict is Verdict.OK


def test_a_program_that_holds_the_card_is_named(tmp_path: Path) -> None:
    check = cards.busy(machine(tmp_path, held_by("arecord")), None)

    assert (check.verdict, check.seen) == (Verdict.WARNING, "arecord (process 812) holds pcmC1D0c")


@pytest.mark.parametrize("server", ["pipewire", "wireplumber", "pulseaudio"])
def test_a_sound_server_that_holds_the_card_shares_it(tmp_path: Path, server: str) -> None:
    assert cards.busy(machine(tmp_path, held_by(server)), None).verdict is Verdict.OK


def test_our_own_daemon_may_hold_the_card(tmp_path: Path) -> None:
    assert cards.busy(machine(tmp_path, held_by("python3", pid=99)), 99).verdict is Verdict.OK
    assert cards.busy(machine(tmp_path, held_by("python3", pid=99)), 100).verdict is Verdict.WARNING


@pytest.mark.parametrize("place", cards.BOOT_CONFIGS)
def test_a_hat_that_is_announced_and_has_no_card_is_a_problem(tmp_path: Path, place: str) -> None:
    text = "# dtoverlay=hifiberry-dac\ndtparam=audio=on\ndtoverlay=googlevoicehat-soundcard\n"

    check = cards.hat(machine(tmp_path, {place: text}))

    assert (check.verdict, check.seen) == (
        Verdict.PROBLEM,
        "dtoverlay=googlevoicehat-soundcard, and no card that records",
    )


def test_a_hat_on_the_board_without_a_card_is_a_warning_since_it_may_be_any(tmp_path: Path) -> None:
    check = cards.hat(machine(tmp_path, {"/proc/device-tree/hat/product": "Sense HAT\0"}))

    assert (check.verdict, check.seen) == (Verdict.WARNING, "HAT Sense HAT, and no card that records")


def test_a_hat_with_its_card_is_well(tmp_path: Path) -> None:
    files = {**CARD, "/boot/firmware/config.txt": "dtoverlay=wm8960-soundcard\n"}

    assert cards.hat(machine(tmp_path, files)).verdict is Verdict.OK
    assert cards.hat(machine(tmp_path / "other")).verdict is Verdict.SKIPPED


def test_a_sound_server_in_anothers_session_and_no_card_is_a_problem(tmp_path: Path) -> None:
    check = cards.sound_server(machine(tmp_path, {"/run/user/1000/pipewire-0": ""}), None)

    assert check.verdict is Verdict.PROBLEM
    assert check.seen.startswith("only in the session of user 1000")
    assert "--desktop" in str(check.remedy)


def test_a_sound_server_in_ones_own_session_or_beside_cards_is_well(tmp_path: Path) -> None:
    files = {"/run/user/1000/pulse/native": ""}

    assert cards.sound_server(machine(tmp_path, files, user=1000), None).verdict is Verdict.OK
    assert cards.sound_server(machine(tmp_path, {**files, **CARD}, user=STRANGER), None).verdict is Verdict.OK
    assert cards.sound_server(machine(tmp_path / "other"), None).verdict is Verdict.SKIPPED


def test_a_sound_server_in_the_session_of_the_daemons_user_is_well(tmp_path: Path) -> None:
    files = {f"/run/user/{os.geteuid()}/pulse/native": "", "/proc/99/comm": "kws-app"}

    assert cards.sound_server(machine(tmp_path, files), 99).verdict is Verdict.OK
    assert cards.sound_server(machine(tmp_path, files), 100).verdict is Verdict.PROBLEM
