"""Fuzz what strangers may give us, led by coverage: configuration, card, model, control messages, recordings.

    python -m scripts.fuzz [SECONDS] [TARGET ...]

Each target gets its share of the seconds. What leads somewhere new is kept in .fuzz/TARGET and taken up the next time;
an input that fails is left in .fuzz/ and named, the status is then 1. ``--keep`` moves what .fuzz has found into
tests/corpus, which the suite replays: as few and as small files as cover the same.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

import atheris

FOUND = Path(".fuzz")
KEPT = Path("tests/corpus")

LIMITS = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1"]


def main() -> int:
    """Fuzz every target in a process of its own, which ends with it."""
    if sys.argv[1:2] == ["--target"]:
        _fuzz(sys.argv[2], sys.argv[3:])
    with atheris.instrument_imports(include=["kws_app"]):
        from tests.fuzztargets import TARGETS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int, nargs="?", default=60, metavar="SECONDS")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    targets = args.targets or [*TARGETS]
    failed = [name for name in targets if not _runs(name, args.seconds // len(targets), keep=args.keep)]
    for name in failed:
        print(f"fuzz: {name} failed; its input is in {FOUND}/{name}-*")
    return 1 if failed else 0


def _runs(name: str, seconds: int, *, keep: bool) -> bool:
    found, kept = FOUND / name, KEPT / name
    for folder in (found, kept):
        folder.mkdir(parents=True, exist_ok=True)
    print(f"fuzz: {name} for {seconds} s", flush=True)
    options = ["-merge=1", str(kept), str(found)] if keep else [f"-max_total_time={seconds}", str(found), str(kept)]
    command = [sys.executable, "-m", "scripts.fuzz", "--target", name, f"-artifact_prefix={FOUND}/{name}-"]
    return subprocess.run([*command, *LIMITS, *options], check=False).returncode == 0


def _fuzz(name: str, options: list[str]) -> None:
    """Does not return: libFuzzer ends the process."""
    logging.disable()  # what is told of strange inputs is told thousands of times a second here
    with atheris.instrument_imports(include=["kws_app", "yaml", "json"]):
        from tests.fuzztargets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
