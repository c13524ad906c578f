"""Memory: what only starting needed is given back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, TINY_MODEL

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from kws_app.daemon.memory import trim
from kws_app.model.stepper import load_model

def resident():
    return int(Path("/proc/self/status").read_text().split("RssFile:")[1].split()[0])

def scores():
    stepper = load_model(Path(sys.argv[1])).stepper()
    return stepper.step(np.ones((1, 20), np.float32)).tolist()

before, loaded = scores(), resident()
trim()
trimmed = resident()
print(json.dumps({"loaded": loaded, "trimmed": trimmed, "same": scores() == before}))
"""


FREED = """
from pathlib import Path
import numpy as np
from kws_app.daemon.memory import trim

def resident():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

np.ones(2_000_000)  # 16 MB, freed at once: from here on glibc would keep what is smaller
trim()
before = resident()
blocks = [np.ones(40_000) for _ in range(50)]
del blocks
print(resident() - before)
"""


def test_the_pages_that_only_loading_needed_are_given_back_and_everything_still_works(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(TINY_MODEL)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    told = json.loads(done.stdout)
    assert told["trimmed"] < told["loaded"] / 2
    assert told["same"]


def test_what_is_large_goes_back_to_the_system_when_it_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(done.stdout) < 1000
