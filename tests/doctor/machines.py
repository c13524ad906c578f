"""Machines that tests make up: a few files in a folder, in the places where a real one has them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kws_app.doctor.check import Machine

STRANGER = 54_321
"""A user who owns nothing and is in no group."""


def machine(root: Path, files: dict[str, str] | None = None, **facts: Any) -> Machine:
    """A machine with these files and these facts; it is otherwise empty, and its user is nobody in particular."""
    for place, text in (files or {}).items():
        path = root / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Machine(**{"root": root, "user": STRANGER, "groups": frozenset(), "python": sys.executable} | facts)
