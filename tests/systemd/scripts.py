"""The scripts of ``systemd/``, run as whoever may change nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NOBODY = 65534


def run(script: str, *options: str, folder: Path, path: str = SYSTEM_PATH) -> subprocess.CompletedProcess[str]:
    """Run a script with temporary files in *folder*, and without root's power."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    return subprocess.run(
        ["/bin/sh", ROOT / "systemd" / script, *options],
        env={"PATH": path, "TMPDIR": str(folder)},
        user=NOBODY if os.geteuid() == 0 else None,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder: Path, name: str, body: str) -> Path:
    """A shell script of this name in *folder*."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path
