"""Where model files are looked for."""

from __future__ import annotations

import sys
from pathlib import Path

SHIPPED = (Path(__file__).parents[2], Path(sys.prefix) / "share" / "kws-app")
"""Where ``models/`` came with kws-app: in a checkout, and in an installation."""

DEFAULT_MODEL = "models/computer.onnx"


def find_model(path: str, *folders: Path) -> Path:
    """The model file at *path* from one of *folders* or, if there is none, the one that came with kws-app."""
    places = [root / path for root in (*folders, *SHIPPED)]
    return next((place for place in places if place.is_file()), places[0])
