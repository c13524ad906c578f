"""What the commands are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from kws_app.arrays import RATE
from tests.conftest import spoken_words


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four seconds in which "rise" and then "fall" are said, at 1.0 and 2.5 s."""
    path = tmp_path / "words.wav"
    soundfile.write(path, spoken_words("rise", "fall"), RATE)
    return path
