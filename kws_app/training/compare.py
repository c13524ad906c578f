"""``kws-train compare``: whether one model is better than another on the same streams, or only luckier."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kws_app.errors import ConfigError, Fault
from kws_app.training.intervals import change_over_groups
from kws_app.training.page import read_report

ALL_WORDS = "all words"

FALSE_ALARMS = "false alarms/h"

Counts = dict[str, tuple[float, float]]
"""Events and trials by group: misses and words of a speaker, or alarms and hours of a recording."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "compare",
        help="whether one model is better than another on the same streams",
        description="Compare two evaluations on the same streams, at balanced. The interval of a change comes from "
        "drawing whole speakers, or whole recordings, anew for both at once; if it holds 0, nothing is shown.",
        epilog="example: kws-train compare before.json after.json",
    )
    parser.add_argument("before", type=Path, metavar="A", help="JSON of kws-train evaluate")
    parser.add_argument("after", type=Path, metavar="B", help="JSON of kws-train evaluate on the same streams")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row for every word and measure."""
    reports = [read_report(path) for path in (args.before, args.after)]
    keywords = [keyword for keyword in reports[0]["keywords"] if keyword in reports[1]["keywords"]]
    if not keywords:
        raise ConfigError(Fault(str(args.after), None, "keywords", f"none of them is in {args.before}"))
    before, after = (counts(report, keywords) for report in reports)
    for key in sorted(before.keys() | after.keys()):
        trials = [{group: n for group, (_, n) in side.get(key, {}).items()} for side in (before, after)]
        if trials[0] != trials[1]:
            raise ConfigError(Fault(str(args.after), None, ", ".join(key), f"other streams than in {args.before}"))
    print("| word | | A | B | change (95 %) | |\n|---|---|---|---|---|---|")
    for word, measure in sorted(before, key=lambda key: (key[0] == ALL_WORDS, key[0])):
        print(_row(word, measure, before[word, measure], after[word, measure]))
    return 0


def counts(report: Mapping[str, Any], keywords: Sequence[str]) -> dict[tuple[str, str], Counts]:
    """By word and measure: the misses of every condition, and the false alarms; all words together come last."""
    found: dict[tuple[str, str], Counts] = {}
    together: dict[tuple[str, str], Counts] = {}
    for keyword in keywords:
        details = report["keywords"][keyword]["details"]
        for measure, groups in {**details["speakers"], FALSE_ALARMS: details["recordings"]}.items():
            found[keyword, measure] = groups
            total = together.setdefault((ALL_WORDS, measure), {})
            for group, (events, trials) in groups.items():
                known = total.get(group, (0, 0))
                total[group] = (known[0] + events, known[1] + trials)
    return found | together


def _row(word: str, measure: str, before: Counts, after: Counts) -> str:
    interval = change_over_groups((before[group][0], after[group][0], before[group][1]) for group in before)
    trials = sum(each for _, each in before.values())
    a, b = (sum(events for events, _ in side.values()) / trials for side in (before, after))
    factor, unit = (1, "") if measure == FALSE_ALARMS else (100, " %")
    cells = [f"{factor * a:.2f}{unit}", f"{factor * b:.2f}{unit}", f"{factor * (b - a):+.2f}{unit}"]
    if interval is None:
        return f"| {word} | {measure} | {' | '.join(cells)} | |"
    low, high = interval
    cells[-1] += f" ({factor * low:+.2f} to {factor * high:+.2f})"
    verdict = "better" if high < 0 else "worse" if low > 0 else ""
    return f"| {word} | {measure} | {' | '.join(cells)} | {verdict} |"
