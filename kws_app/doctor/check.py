"""What a check finds, and the machine that it looks at."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Verdict(StrEnum):
    """The worse, the later."""

    SKIPPED = "skipped"
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was seen and, if it is not as it should be, what to do."""

    name: str
    verdict: Verdict
    seen: str
    remedy: str | None = None


def ok(name: str, seen: str) -> Check:
    return Check(name, Verdict.OK, seen)


def skipped(name: str, seen: str) -> Check:
    return Check(name, Verdict.SKIPPED, seen)


def warning(name: str, seen: str, remedy: str) -> Check:
    return Check(name, Verdict.WARNING, seen, remedy)


def problem(name: str, seen: str, remedy: str) -> Check:
    return Check(name, Verdict.PROBLEM, seen, remedy)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; ``status`` is negative after a signal, and None if it had to be killed for its time."""

    status: int | None
    output: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the facts come from: this machine, or a tree of files that a test has built.

    Attributes:
        root: what stands for ``/``.
        user: whose rights count, and ``groups`` that this user is in.
        python: the interpreter that programs of ours run with. What may die is looked at in a process of its own.
    """

    root: Path = Path("/")
    user: int = field(default_factory=os.geteuid)
    groups: frozenset[int] = field(default_factory=lambda: frozenset((os.getegid(), *os.getgroups())))
    version: tuple[int, int] = sys.version_info[:2]
    bits: int = 64 if sys.maxsize > 2**32 else 32
    processor: str = field(default_factory=platform.machine)
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def path(self, place: str | Path) -> Path:
        """The absolute *place* on this machine."""
        return self.root / str(place).lstrip("/")

    def text(self, place: str | Path) -> str | None:
        """What stands in a file; None if it is not there, or not ours to read."""
        try:
            return self.path(place).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return None

    def may_open(self, path: Path) -> bool:
        """Whether the user may read and write the device or file at *path*, by its owner, group and mode."""
        facts = path.stat()
        if self.user == 0:
            return True
        shift = 6 if self.user == facts.st_uid else 3 if facts.st_gid in self.groups else 0
        return facts.st_mode >> shift & 6 == 6

    def run(self, *words: str, within: float) -> Ended:
        """Run Python with *words*."""
        try:
            done = subprocess.run(
                [self.python, *words],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=within,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return Ended(None, _text(error.stdout), _text(error.stderr))
        return Ended(done.returncode, _text(done.stdout), _text(done.stderr))


def sentence(ended: Ended, silent: str = "it says nothing") -> str:
    """The last that a program complained of."""
    return next(iter(ended.complaint.strip().splitlines()[::-1]), silent)


def joined(parts: Sequence[str]) -> str:
    return ", ".join(parts)


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")
