"""``kws-train evaluate``: judge a model on long streams or on clips, with the daemon's own pipeline."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kws_app.errors import ConfigError, Fault, OutputError
from kws_app.model.stepper import load_model
from kws_app.trace import Trace
from kws_app.training.drift import drift
from kws_app.training.evaluation import Evaluation
from kws_app.training.listening import listen
from kws_app.training.manifest import joined, read_manifests
from kws_app.training.options import add_spread, numbers, spread_of
from kws_app.training.page import write_page
from kws_app.training.report import report
from kws_app.wholefile import write_whole


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="misses and false alarms of a model on long streams, or its accuracy on clips",
        description="Judge a model on the streams of a manifest, with the daemon's own pipeline. Thresholds are chosen "
        "on a manifest whose split is dev; on one whose split is test, the card's own are judged. Or judge it on a "
        "folder of clips: which word each is, by itself and as one stream.",
        epilog="examples: kws-train evaluate --stream STREAMS/truth.json --model models/wakewords-en.onnx "
        "--json dev.json --page dev; kws-train evaluate --clips DIR --model models/commands.onnx --json clips.json",
    )
    judged_on = parser.add_mutually_exclusive_group(required=True)
    judged_on.add_argument("--stream", type=Path, metavar="MANIFEST", help="JSON manifest of streams")
    judged_on.add_argument(
        "--clips", type=Path, metavar="DIR", help="folder with a folder of clips for every label: DIR/yes/1.wav"
    )
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        default=[],
        metavar="MANIFEST",
        help="further manifests of the same split: their streams without the keywords count too",
    )
    parser.add_argument("--model", type=Path, required=True, help="the .onnx file")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="where the figures go")
    parser.add_argument("--page", type=Path, metavar="DIR", help="write index.html with tables and pictures there")
    parser.add_argument(
        "--margin",
        type=numbers(1),
        default=1.0,
        metavar="FACTOR",
        help="allow so many times fewer false alarms here than the sensitivities promise elsewhere (default 1; "
        "other recordings gave two to three times as many)",
    )
    parser.add_argument("--drift", action="store_true", help="also hear the clean words after hours of other audio")
    add_spread(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print a table, write the JSON and the page."""
    model = load_model(args.model)
    for path in filter(None, (args.json, args.page)):
        if not path.parent.is_dir():  # before the work, not after it
            raise OutputError(f"{path}: cannot be written: {path.parent} is no folder")
    if args.clips is not None:
        return run_on_clips(args)
    manifests, spread = read_manifests(args.stream, args.negatives), spread_of(args)
    traces: dict[str, Trace] = {}
    for path, manifest in manifests.items():
        traces |= listen(manifest, args.model, spread, file=path)
    evaluation = Evaluation(model.card, joined([*manifests.values()]), traces, margin=args.margin)
    found = _model(args.model) | {"manifest": args.stream.name} | report(evaluation)
    if args.negatives:
        found["negatives"] = [f"{path.resolve().parent.name}/{path.name}" for path in args.negatives]
    if args.drift:
        found["drift"] = drift(evaluation, args.model, spread)
    print(table(found["keywords"]))  # first, because the disk may be full
    print(found["rests_on"]["sentence"])
    write_whole(args.json, json.dumps(found, indent=1))
    if args.page is not None:
        write_page(found, args.page)
    return 0


def run_on_clips(args: argparse.Namespace) -> int:
    """The same on a folder of clips."""
    from kws_app.training.speechcommands import clipreport  # loads torch

    given = {
        "--negatives": bool(args.negatives),
        "--page": args.page is not None,
        "--drift": args.drift,
        "--margin": args.margin != 1,
    }
    faults = [Fault(option, None, "", "goes with --stream") for option, is_given in given.items() if is_given]
    if faults:
        raise ConfigError(*faults)
    found = _model(args.model) | {"folder": args.clips.name} | clipreport.judged(args.clips, args.model)
    print("\n".join([clipreport.table(found), *clipreport.summary(found)]))
    write_whole(args.json, json.dumps(found, indent=1))
    return 0


def _model(path: Path) -> dict[str, str]:
    """Which model it is, even if its file is renamed."""
    return {"model": path.name, "digest": hashlib.sha256(path.read_bytes()).hexdigest()}


def table(keywords: Mapping[str, Any]) -> str:
    """Misses by condition and false alarms at ``balanced``, a Markdown row a keyword."""
    conditions = list(dict.fromkeys(c for entry in keywords.values() for c in entry["figures"]["misses"]))
    lines = [f"| keyword | threshold | {' | '.join(conditions)} | false alarms/h | on other words | latency s |"]
    lines.append("|" + "---|" * (len(conditions) + 5))
    for keyword, entry in keywords.items():
        figures = entry["figures"]
        misses = figures["misses"]
        cells = [_share(misses[condition]) if condition in misses else "-" for condition in conditions]
        low, high = figures["false_alarms_interval"]
        others = figures["other_words"]
        lines.append(
            f"| {keyword} | {figures['threshold']:.4f} | {' | '.join(cells)} "
            f"| {figures['false_alarms_per_hour']:.2f} ({low:.2f}-{high:.2f}) "
            f"| {others['alarms']}/{others['clips']} | {misses.get('clean', {}).get('latency_seconds_median')} |"
        )
    return "\n".join(lines)


def _share(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{100 * found['missed'] / found['words']:.1f} % ({100 * low:.0f}-{100 * high:.0f})"
