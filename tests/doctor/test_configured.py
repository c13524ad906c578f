"""What the doctor knows of a configuration, whatever is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_app.audio.settings import AudioSettings
from kws_app.directories import StateSettings
from kws_app.doctor.configured import Sections, sections


def test_a_section_counts_whatever_is_wrong_in_others(config_file: Path) -> None:
    config_file.write_text("state: {directory: kept}\naudio: {give_up_after_seconds: 1h}\nmistake: 1\n")

    assert sections(config_file) == (Sections(state=StateSettings(Path("kept"))), config_file.parent)


def test_what_is_right_in_a_section_counts_beside_what_is_wrong(config_file: Path) -> None:
    config_file.write_text("audio: {give_up_after_seconds: 40, devcie: 1}\n")

    assert sections(config_file)[0].audio == AudioSettings(give_up_after_seconds=40)


@pytest.mark.parametrize("text", ["", "[", "[]", "audio: 3", "\t"])
def test_where_nothing_can_be_read_the_defaults_count(config_file: Path, text: str) -> None:
    config_file.write_text(text)

    assert sections(config_file) == (Sections(), config_file.parent)
    assert sections(config_file.parent / "absent.yaml") == (Sections(), config_file.parent)
