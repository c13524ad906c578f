"""Facts about keeping standard error clean: processes of their own, because the descriptor is the process's."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

PROGRAM = """
import logging, os, subprocess, sys
from kws_app import stderr
from kws_app.log import LogSettings, set_up

set_up(LogSettings())
kept = []
for turn in range(2):
    with stderr.silenced(kept.append):
        os.write(2, b"ALSA lib: cannot find card 0\\n")
        logging.error("ours %d", turn)
        subprocess.run(["sh", "-c", "echo a program of ours >&2"], stderr=stderr.descriptor())
        set_up(LogSettings())
    logging.error("after")
print(kept)
"""


def test_what_libraries_print_is_kept_away_and_our_own_lines_and_programs_are_heard() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)

    said = [line.partition("ERROR ")[2] or line for line in done.stderr.splitlines()]
    assert said == ["ours 0", "a program of ours", "after", "ours 1", "a program of ours", "after"]
    assert done.stdout == "['ALSA lib: cannot find card 0', 'ALSA lib: cannot find card 0']\n"
