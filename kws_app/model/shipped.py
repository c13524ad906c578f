"""Where files are looked for that came with kws-app."""

from __future__ import annotations

import sys
from pathlib import Path

SHIPPED = (Path(__file__).parents[2], Path(sys.prefix) / "share" / "kws-app")
"""What ``models/`` and ``examples/`` are in: a checkout, and an installation."""

DEFAULT_MODEL = "models/wakewords-en.onnx"


def find_shipped(path: str, *folders: Path) -> Path:
    """The file at *path* from one of *folders* or, if there is none, the one that came with kws-app."""
    places = [root / path for root in (*folders, *SHIPPED)]
    return next((place for place in places if is_there(place)), places[0])


def is_there(path: Path) -> bool:
    """Whether a file is there, or something that keeps us from seeing; whoever opens it says what."""
    try:
        return path.is_file()
    except OSError:
        return True
