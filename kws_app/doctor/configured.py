"""What the checks want to know of the configuration, read once; a check of its own tells what is wrong in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kws_app.audio.settings import AudioSettings
from kws_app.configfile import find_config, text_of
from kws_app.directories import StateSettings
from kws_app.errors import ConfigError, NoPermissionError
from kws_app.schema import examine


@dataclass(frozen=True, slots=True)
class Sections:
    """Those that matter here. A value that is wrong, or cannot be read, is the default."""

    audio: AudioSettings = field(default_factory=AudioSettings)
    state: StateSettings = field(default_factory=StateSettings)


def sections(file: Path | None) -> tuple[Sections, Path]:
    """What *file* says or, when None is named, the one that is found; and the folder where its paths begin."""
    file = file or find_config()
    if file is None:
        return Sections(), Path().absolute()
    folder = file.absolute().parent
    try:
        return examine(text_of(file), Sections, file=str(file)).value, folder
    except (ConfigError, NoPermissionError):
        return Sections(), folder
