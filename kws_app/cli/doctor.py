"""``kws-app doctor``: what keeps it from hearing, and what to do."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kws_app.cli.options import add_config
from kws_app.cli.wording import count
from kws_app.errors import EX_OK

if TYPE_CHECKING:
    from kws_app.doctor.check import Check

FOUND = 1
"""The exit code if there is a problem."""

EXAMPLES = """\
examples:
  kws-app doctor
  sudo kws-app doctor            sees what other users' programs hold
  kws-app doctor --json

It listens for three seconds, unless the daemon does, and changes nothing.

exit code:
  0   no problem; there may be warnings
  1   a problem
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="find what keeps it from hearing",
        description="Look at board, packages, configuration, service and microphone, and say what to do.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what was found, check by check; tell by the exit code whether there is a problem."""
    from kws_app.doctor import examine
    from kws_app.doctor.check import Machine, Verdict

    checks = _told(examine(Machine(), args.config), quietly=args.json)
    found = [check for check in checks if check.verdict is Verdict.PROBLEM]
    if args.json:
        print(json.dumps({"healthy": not found, "checks": [asdict(check) for check in checks]}))
    else:
        warnings = sum(check.verdict is Verdict.WARNING for check in checks)
        print(f"{count(len(found), 'problem')}, {count(warnings, 'warning')}")
    return FOUND if found else EX_OK


def _told(checks: Iterable[Check], *, quietly: bool) -> list[Check]:
    """The checks; each is printed as soon as it is known."""
    known = []
    for check in checks:
        known.append(check)
        if not quietly:
            print("\n".join(lines(check)), flush=True)
    return known


def lines(check: Check) -> Iterator[str]:
    """The check for people."""
    yield f"{check.verdict:8} {check.name:14} {check.seen}"
    if check.remedy is not None:
        yield f"{'':23} -> {check.remedy}"
