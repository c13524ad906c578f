"""Fuzz what strangers may give us, led by coverage: configuration, card, model, control messages, recordings.

    python -m scripts.fuzz [SECONDS] [TARGET ...]

Each target gets its share of the seconds. What leads somewhere new is kept in .fuzz/TARGET and taken up the next time;
an input that fails is left beside these folders and named, and the status is then 1. ``--keep`` copies what takes new
ways through our code from there into tests/corpus, which the suite replays.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import atheris

FOUND = Path(".fuzz")
KEPT = Path("tests/corpus")

LIMITS = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1"]

Ways = set[tuple[str, int, int]]
"""Steps from a line of ours to another."""


def main() -> int:
    """Fuzz every target in a process of its own, which ends with it."""
    if sys.argv[1:2] == ["--target"]:
        _fuzz(sys.argv[2], sys.argv[3:])
    from tests.fuzztargets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int, nargs="?", default=60, metavar="SECONDS")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--keep", action="store_true", help="fuzz nothing, but keep what was found")
    args = parser.parse_args()
    logging.disable()  # what is told of strange inputs is told thousands of times a second here
    targets = args.targets or [*TARGETS]
    if args.keep:
        for name in targets:
            _keep(name, TARGETS[name])
        return 0
    failed = [name for name in targets if not _passes(name, args.seconds // len(targets))]
    for name in failed:
        print(f"fuzz: {name} failed; its input is {FOUND}/{name}-*")
    return 1 if failed else 0


def _passes(name: str, seconds: int) -> bool:
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    print(f"fuzz: {name} for {seconds} s", flush=True)
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={FOUND}/{name}-", *LIMITS, str(found), str(KEPT / name)]
    command = [sys.executable, "-m", "scripts.fuzz", "--target", name, *options]
    return subprocess.run(command, check=False).returncode == 0


def _fuzz(name: str, options: list[str]) -> None:
    """Does not return: libFuzzer ends the process."""
    logging.disable()
    with atheris.instrument_imports(include=["kws_app", "yaml", "json"]):
        from tests.fuzztargets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


def _keep(name: str, target: Callable[[bytes], None]) -> None:
    """The smallest first, so that few and small ones take all the ways."""
    known: Ways = set()
    for path in sorted((KEPT / name).iterdir()):
        known |= _ways(target, path.read_bytes())
    for path in sorted((FOUND / name).iterdir(), key=lambda path: path.stat().st_size):
        ways = _ways(target, path.read_bytes())
        if not ways <= known:
            known |= ways
            shutil.copy(path, KEPT / name / path.name)


def _ways(target: Callable[[bytes], None], content: bytes) -> Ways:
    ways: Ways = set()
    before: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if "kws_app" not in frame.f_code.co_filename:
            return None
        if event == "line":
            ways.add((frame.f_code.co_filename, before.get(frame, 0), frame.f_lineno))
            before[frame] = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        target(content)
    finally:
        sys.settrace(None)
    return ways


if __name__ == "__main__":
    sys.exit(main())
