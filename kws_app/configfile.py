"""The configuration's file: where it is looked for, and its text."""

from __future__ import annotations

from pathlib import Path

from kws_app.errors import ConfigError, Fault, NoPermissionError
from kws_app.model.shipped import is_there
from kws_app.yamltree import MOST_CHARACTERS

PLACES = (Path("config.yaml"), Path("/etc/kws-app/config.yaml"))
"""Where the configuration is looked for when none is named; the first that is there counts, alone."""


def find_config() -> Path | None:
    """The configuration that counts when none is named, if there is one."""
    return next((place for place in PLACES if is_there(place)), None)


def text_of(file: Path) -> str:
    """The text, as far as it is read.

    Raises:
        ConfigError: it is not there, or no text.
        NoPermissionError: this user may not read it.
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            return opened.read(MOST_CHARACTERS + 1)
    except PermissionError as error:
        raise NoPermissionError(f"{file}: this user may not read it") from error
    except OSError as error:
        raise ConfigError(Fault(str(file), None, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise ConfigError(Fault(str(file), None, "", f"is not UTF-8 text (byte {error.start})")) from error
