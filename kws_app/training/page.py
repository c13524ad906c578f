"""A report as one HTML page that a person can read: tables, curves, and what to listen to."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from kws_app.errors import ConfigError, Fault
from kws_app.training import svg
from kws_app.training.pictures import det_curve, score_histogram
from kws_app.training.speechcommands import command
from kws_app.wholefile import whole

STYLE = (
    svg.INKS
    + svg.STYLE
    + """
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.2rem; font-variant-numeric: tabular-nums; display: block;
  overflow-x: auto; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
small, caption { color: var(--faint); }
caption { text-align: left; }
"""
)
SPEECH_COMMANDS = Path("speech-commands")
"""Given instead of a file, the comparison of cells."""
POINTS = {"quiet": "quiet", "balanced": "balanced", "eager": "eager", "shipped": "as shipped"}


def write_page(report: Mapping[str, Any], folder: Path) -> Path:
    """Write ``index.html`` into *folder*, which is made if it is not there.

    Raises:
        OutputError: it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    path = folder / "index.html"
    with whole(path) as file:
        file.write(page(report).encode())
    return path


def page(report: Mapping[str, Any]) -> str:
    """The page's text."""
    title = f"{report['model']} on {' and '.join([report['manifest'], *report.get('negatives', [])])}"
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(report['rests_on']['sentence'])}</p>"]
    if report["margin"] != 1:
        body.append(f"<p>Asked for {report['margin']:g} times fewer false alarms than the sensitivities promise.</p>")
    body.append(
        "<p><small>Misses: share (Wilson's 95 % interval; over speakers, whole speakers drawn anew). False alarms an "
        "hour: rate (exact Poisson 95 %; over recordings). Latency: from the word's end to its detection.</small></p>"
    )
    together = report["all_words"]["operating_points"]
    if together:
        body += ["<h2>All words</h2>", *_figures(together)]
    body += _drift(report.get("drift", {}))
    for keyword, entry in report["keywords"].items():
        body += [f'<h2 id="{keyword}">{escape(keyword)}</h2>', *_keyword(entry)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(body)}</body></html>'
    )


def _keyword(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from _figures(entry["operating_points"])
    if entry["trade_off"]["misses"]:
        yield _figure(
            det_curve(entry["trade_off"]), "Misses over false alarms, by condition; on the left edge there was none"
        )
    picture = score_histogram(entry["histogram"], entry["thresholds"])
    yield _figure(picture, "The highest score at every word, and in every second without one")
    yield from _listen(entry["details"])


def _figures(points: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """One row an operating point; then, at ``balanced``, what the row sums up."""
    balanced = points["balanced"]
    conditions = [*balanced["misses"]]
    head = ["", "threshold", *conditions, "false alarms/h", "other words", "near misses"]
    yield _table(head, [[POINTS[name], *_cells(found, conditions)] for name, found in points.items()])
    yield _table(
        ["false alarms, balanced", "alarms", "hours", "an hour (95 %)"],
        [
            [category, found["alarms"], f"{found['hours']:.2f}", _range(found["interval"], 2)]
            for category, found in balanced["false_alarms"].items()
        ],
    )
    yield _table(
        ["latency ms, balanced", *conditions],
        [
            [name, *(_milliseconds(balanced["misses"][c][f"latency_seconds_{key}"]) for c in conditions)]
            for name, key in (("median", "median"), ("90 % within", "p90"))
        ],
    )
    groups = balanced["groups"]
    if groups:
        rows = [[g, *(_share(found[c]) if c in found else "-" for c in conditions)] for g, found in groups.items()]
        yield _table(["speakers, balanced", *conditions], rows)


def _cells(found: Mapping[str, Any], conditions: Sequence[str]) -> Iterator[str]:
    yield f"{found['threshold']:.4f}" if "threshold" in found else "each its own"
    for condition in conditions:
        yield _share(found["misses"][condition])
    rate, recordings = found["false_alarms_interval"], found["false_alarms_interval_over_recordings"]
    over = f"; {_range(recordings, 2)}" if recordings else ""
    yield f"{found['false_alarms_per_hour']:.2f} ({_range(rate, 2)}{over})"
    yield f"{found['other_words']['alarms']}/{found['other_words']['clips']}"
    near = found["near_misses"]
    yield f"{near['accepted']}/{near['clips']}" if near["clips"] else "-"


def _share(found: Mapping[str, Any]) -> str:
    intervals = [[100 * bound for bound in found["interval"]]]
    if found["interval_over_speakers"]:
        intervals.append([100 * bound for bound in found["interval_over_speakers"]])
    return (
        f"{100 * found['missed'] / found['words']:.1f} % ({'; '.join(_range(interval, 0) for interval in intervals)})"
    )


def _range(interval: Sequence[float], places: int) -> str:
    return f"{interval[0]:.{places}f}-{interval[1]:.{places}f}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f}"


def _drift(drift: Mapping[str, Any]) -> Iterator[str]:
    if not any(found["all_words"] for found in drift.values()):
        return
    yield "<h2>The same words after other audio</h2>"
    yield _table(
        ["heard before", "missed", "found only before", "found only now", "score change, median", "largest"],
        [
            [
                name,
                f"{all_words['missed']} of {all_words['words']}",
                len(all_words["lost"]),
                len(all_words["gained"]),
                f"{all_words['score_change_median']:.4f}",
                f"{all_words['score_change_largest']:.4f}",
            ]
            for name, all_words in ((name, found["all_words"]) for name, found in drift.items())
        ],
    )


def _listen(details: Mapping[str, Any]) -> Iterator[str]:
    """What was wrong at ``balanced``, by name."""
    alarms = [f"{alarm['stream']} at {alarm['time']:.2f} s ({alarm['file']})" for alarm in details["alarms"]]
    missed = [f"{condition}: {', '.join(clips)}" for condition, clips in details["missed"].items() if clips]
    taken = [f"taken for it: {clip}" for clip in (*details["near_misses"], *details["other_words"])]
    for title, items in (("False alarms", [*alarms, *taken]), ("Missed", missed)):
        if items:
            listed = "".join(f"<li>{escape(item)}</li>" for item in items)
            yield f"<details><summary>{title}, balanced</summary><ul>{listed}</ul></details>"


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "report",
        help="the page of an evaluation made before, or the comparison of cells on Speech Commands",
        description="Write the page of a JSON file that kws-train evaluate wrote; or, given the word speech-commands "
        "instead of a file, train and compare the networks of docs/speech-commands.md.",
        epilog="examples: kws-train report dev.json --page dev; "
        "kws-train report speech-commands --data DATA --work runs/speech-commands",
    )
    parser.add_argument(
        "report", type=Path, metavar="JSON|speech-commands", help="what kws-train evaluate wrote, or the comparison"
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="PATH",
        help="of a JSON file: the folder for index.html; of the comparison: the Markdown file (default "
        "docs/speech-commands.md)",
    )
    command.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page of a report."""
    if args.report == SPEECH_COMMANDS:
        return command.run(args)
    if args.page is None:
        raise ConfigError(Fault("--page", None, "", "is needed: the folder in which to write index.html"))
    print(write_page(read_report(args.report), args.page))
    return 0


def read_report(path: Path) -> dict[str, Any]:
    """What ``kws-train evaluate`` wrote.

    Raises:
        ConfigError: it is something else, or from a version that wrote less.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = {"rests_on", "all_words", "keywords"} - report.keys()
    except (ValueError, AttributeError) as error:
        raise ConfigError(Fault(str(path), None, "", f"is no report of kws-train evaluate: {error}")) from error
    if missing:
        message = "is missing; this is no report of kws-train evaluate, or an older one: evaluate again"
        raise ConfigError(*(Fault(str(path), None, key, message) for key in sorted(missing)))
    return report
