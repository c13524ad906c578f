"""The settings of every part, composed; where the file lies, and what the paths in it mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kws_app.audio.settings import AudioSettings
from kws_app.configfile import find_config, text_of
from kws_app.directories import ControlSettings, StateSettings
from kws_app.errors import ConfigError, Fault
from kws_app.hooks import Kinds
from kws_app.hooks.runner import HookSettings
from kws_app.log import LogSettings
from kws_app.model.shipped import DEFAULT_MODEL, find_shipped
from kws_app.pipeline import KeywordSettings
from kws_app.schema import examine, setting


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model hears."""

    path: str = setting(DEFAULT_MODEL, help="model file: beside this file, or one that came with kws-app")


def _computer() -> dict[str, KeywordSettings]:
    return {"computer": KeywordSettings()}


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. The default listens for "computer" and does nothing about it but log."""

    audio: AudioSettings = field(default_factory=AudioSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    keywords: Mapping[str, KeywordSettings] = setting(
        default_factory=_computer, help="the words to listen for, by their identifier on the model's card"
    )
    hooks: tuple[HookSettings, ...] = setting((), variants=Kinds(), help="what happens then")
    state: StateSettings = field(default_factory=StateSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and the file it stands in, None for the defaults; with what is wrong in it, if that was asked."""

    values: Config
    file: Path | None
    lines: Mapping[str, int]
    faults: Sequence[Fault] = ()

    @property
    def folder(self) -> Path:
        """Where its relative paths begin."""
        return Path() if self.file is None else self.file.absolute().parent

    @property
    def model_path(self) -> Path:
        """The model file, which need not be there."""
        return find_shipped(self.values.model.path, self.folder)

    def origin(self, path: str) -> str:
        """Where the value at *path* comes from: ``config.yaml:12`` or ``default``."""
        return f"{self.file}:{self.lines[path]}" if path in self.lines else "default"

    def fault(self, path: str, message: str) -> Fault:
        """A mistake at *path* that only another part could see."""
        return Fault(str(self.file or "default configuration"), self.lines.get(path), path, message)


def load_config(file: Path | None) -> LoadedConfig:
    """Read the configuration in *file*, or where it is looked for when None is named.

    Raises:
        ConfigError: the file is not there, or every mistake in it.
        NoPermissionError: this user may not read it.
    """
    config = examine_config(file)
    if config.faults:
        raise ConfigError(*config.faults)
    return config


def examine_config(file: Path | None) -> LoadedConfig:
    """The same, but mistakes come with it, so that those that only other parts see can be told in one go with them.

    Raises:
        ConfigError: the file is not there, or nothing in it can be read.
        NoPermissionError: this user may not read it.
    """
    if file is None:
        file = find_config()
    if file is None:
        return LoadedConfig(Config(), None, {})
    reading = examine(text_of(file), Config, file=str(file))
    return LoadedConfig(reading.value, file, reading.lines, reading.faults)
