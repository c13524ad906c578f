"""systemd/probe.sh: a package that dies on this processor is found before the service would die of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.systemd.scripts import program


def probe(python: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "systemd" / "probe.sh", python], capture_output=True, text=True, check=False)


def test_packages_that_run_are_passed_over_in_silence() -> None:
    done = probe(sys.executable)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("kill -ILL $$", "an instruction that this processor does not have (SIGILL)"),
        ("kill -SEGV $$", "a memory fault (SIGSEGV)"),
        ("kill -BUS $$", "signal 7"),
        ("exit 1", "the error above"),
    ],
)
def test_a_package_that_dies_is_named_with_its_cause(tmp_path: Path, end: str, words: str) -> None:
    python = program(tmp_path, "python", f'case $* in *"import onnxruntime"*) {end} ;; esac')

    done = probe(python)

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("kws-app: onnxruntime does not run on this machine (")
    assert last.endswith(f"): it ends with {words}")
