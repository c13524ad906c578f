"""``kws-train`` as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

GOES_ON = "stopped; the same command, given again, goes on from what was complete"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["compare", "{file}", "{file}"], "stopped"), (["align", "{file}", "--data", "."], GOES_ON)],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_interrupted_command_says_whether_it_can_go_on(tmp_path: Path, arguments: list[str], says: str) -> None:
    file = tmp_path / "file"
    os.mkfifo(file)
    command = [sys.executable, "-m", "kws_app.training", *(part.format(file=file) for part in arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    with file.open("w"):  # opens when the command reads it, which then waits for us
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)

    assert (process.returncode, error) == (130, f"{says}\n")
