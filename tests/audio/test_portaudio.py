"""Facts about the names of devices; tests/system/test_microphone.py has those about the devices."""

from __future__ import annotations

import pytest

from kws_app.audio.portaudio import lasting


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("USB PnP Sound Device: Audio (hw:1,0)", "USB PnP Sound Device: Audio"),
        ("seeed-2mic-voicecard: bcm2835 (hw:12,3)", "seeed-2mic-voicecard: bcm2835"),
        ("default", "default"),
        ("a card (hw:1,0) of a kind", "a card (hw:1,0) of a kind"),
    ],
)
def test_the_number_of_its_card_is_no_part_of_a_devices_lasting_name(name: str, expected: str) -> None:
    assert lasting(name) == expected
