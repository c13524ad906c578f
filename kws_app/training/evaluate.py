"""Judge a model on long streams, with the daemon's own pipeline: misses, false alarms an hour, latency.

A manifest is a JSON file ``{"streams": {name: stream}}``; a stream has ``path`` (16 kHz mono, relative to the
manifest), ``seconds`` and ``kind``: ``positive`` with ``keyword``, ``condition`` and ``words`` (``clip``, ``start``,
``end`` in seconds, ``sure``), ``negative`` with ``category``, or ``other-words``, negatives that are reported apart.
A word is found when a detection falls between its start and one second after its end; false alarms less than a
second apart are one. Intervals are Wilson's for misses and Garwood's for rates.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from kws_app.errors import ConfigError, Fault, OutputError
from kws_app.model.stepper import Model, load_model
from kws_app.pipeline import KeywordSettings
from kws_app.trace import trace
from kws_app.training.data import keyword_of
from kws_app.training.intervals import poisson_rate, wilson

HIT_SECONDS = 1.0
FALSE_ALARMS_PER_HOUR = {"quiet": 0.1, "balanced": 0.5, "eager": 1.0}
"""What each sensitivity is allowed on the manifest's negatives."""


def firing_times(
    times: npt.NDArray[np.float64], smoothed: npt.NDArray[np.float32], threshold: float, *, refractory_seconds: float
) -> npt.NDArray[np.float64]:
    """Times of the detections at *threshold* in one keyword's *smoothed* scores ``(frames,)``."""
    fired: list[float] = []
    for time in times[smoothed >= threshold]:
        if not fired or time - fired[-1] >= refractory_seconds:
            fired.append(float(time))
    return np.array(fired)


class Evaluation:
    """All streams of a manifest through one model, and what follows from them."""

    def __init__(self, model: Model, manifest: Path) -> None:
        self.keywords = model.card.keyword_ids
        self._streams = read_manifest(manifest)
        self._refractory_seconds = [keyword.refractory_seconds for keyword in model.card.keywords]
        settings = dict.fromkeys(self.keywords, KeywordSettings())
        self._traces = {
            name: trace(manifest.parent / stream["path"], model, settings)
            for name, stream in tqdm(self._streams.items(), desc="streams", unit="stream")
        }
        self._negatives = [name for name, stream in self._streams.items() if stream["kind"] == "negative"]
        self.hours = sum(self._streams[name]["seconds"] for name in self._negatives) / 3600

    def report(self, keyword: str) -> dict[str, Any]:
        """Thresholds of a keyword, and its figures at ``balanced``."""
        column = self.keywords.index(keyword)
        thresholds = {name: self.threshold(column, rate) for name, rate in FALSE_ALARMS_PER_HOUR.items()}
        figures = self.figures(keyword, thresholds["balanced"])
        return {
            "thresholds": thresholds,
            "figures": figures,
            "curve": {str(rate): self.misses(keyword, self.threshold(column, rate)) for rate in (0.1, 0.5, 1.0, 2.0)},
        }

    def threshold(self, column: int, rate: float) -> float:
        """The loosest threshold with at most *rate* false alarms an hour, rounded up to four places."""
        budget = math.floor(rate * self.hours)
        levels = np.unique(np.concatenate([self._traces[name].smoothed[:, column] for name in self._negatives]))
        low, high = 0, len(levels)  # index of the first level that keeps within the budget
        while low < high:
            middle = (low + high) // 2
            # A threshold just above this level, so that the level itself no longer fires.
            if self.alarms(column, np.nextafter(levels[middle], np.float32(2))) <= budget:
                high = middle
            else:
                low = middle + 1
        # Over the highest score there is none to stay below; a tenth more than that score is margin enough.
        above = levels[low + 1] if low + 1 < len(levels) else 1.2 * levels[low]
        return min(1.0, math.ceil((levels[low] + above) / 2 * 1e4) / 1e4)

    def alarms(self, column: int, threshold: float) -> int:
        return sum(len(self._fired(name, column, threshold)) for name in self._negatives)

    def misses(self, keyword: str, threshold: float) -> dict[str, float]:
        """Share of words missed, by condition."""
        return {
            condition: round(self._found(keyword, name, threshold)["misses"], 4)
            for condition, name in self._positives(keyword)
        }

    def figures(self, keyword: str, threshold: float) -> dict[str, Any]:
        """Misses by condition, false alarms by category and on other words, latency: each with its interval."""
        column = self.keywords.index(keyword)
        conditions = {c: self._found(keyword, name, threshold) for c, name in self._positives(keyword)}
        categories: dict[str, dict[str, float]] = {}
        for name in self._negatives:
            entry = categories.setdefault(self._streams[name]["category"], {"alarms": 0, "hours": 0.0})
            entry["alarms"] += len(self._fired(name, column, threshold))
            entry["hours"] = round(entry["hours"] + self._streams[name]["seconds"] / 3600, 3)
        others = [
            name
            for name, stream in self._streams.items()
            if stream["kind"] == "other-words"
            or (stream["kind"] == "positive" and stream["condition"] == "clean" and stream["keyword"] != keyword)
        ]
        alarms = sum(int(entry["alarms"]) for entry in categories.values())
        return {
            "threshold": threshold,
            "misses": conditions,
            "false_alarms_per_hour": round(alarms / self.hours, 3),
            "false_alarms_interval": [round(bound, 3) for bound in poisson_rate(alarms, self.hours)],
            "hours": round(self.hours, 2),
            "false_alarms": categories,
            "other_words": {
                "alarms": sum(len(self._fired(name, column, threshold)) for name in others),
                "clips": sum(len(self._streams[name]["words"]) for name in others),
            },
        }

    def _fired(self, name: str, column: int, threshold: float) -> npt.NDArray[np.float64]:
        trace, refractory_seconds = self._traces[name], self._refractory_seconds[column]
        return firing_times(trace.times, trace.smoothed[:, column], threshold, refractory_seconds=refractory_seconds)

    def _positives(self, keyword: str) -> list[tuple[str, str]]:
        return [
            (stream["condition"], name)
            for name, stream in self._streams.items()
            if stream["kind"] == "positive" and stream["keyword"] == keyword
        ]

    def _found(self, keyword: str, name: str, threshold: float) -> dict[str, Any]:
        times = self._fired(name, self.keywords.index(keyword), threshold)
        words = self._streams[name]["words"]
        missed, latencies = 0, []
        for word in words:
            hits = times[(times >= word["start"]) & (times <= word["end"] + HIT_SECONDS)]
            if not len(hits):
                missed += 1
            elif word["sure"]:
                latencies.append(hits[0] - word["end"])
        median = round(float(np.median(latencies)), 3) if latencies else None
        return {
            "misses": round(missed / len(words), 4),
            "missed": missed,
            "words": len(words),
            "interval": [round(bound, 4) for bound in wilson(missed, len(words))],
            "latency_seconds_median": median,
        }


NEEDS = {
    "positive": ("path", "keyword", "condition", "words"),
    "negative": ("path", "category", "seconds"),
    "other-words": ("path", "words"),
}
"""What a stream of each kind has to say."""


def read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """The streams of a manifest.

    Raises:
        ConfigError: it cannot be read, or a stream is of an unknown kind or missing.
    """
    try:
        streams: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["streams"]
        mistakes = [*_mistakes(streams, path.parent)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(Fault(str(path), None, "", f"no stream manifest: {error}")) from error
    if mistakes:
        raise ConfigError(*(Fault(str(path), None, place, message) for place, message in mistakes))
    for stream in streams.values():
        if "keyword" in stream:
            stream["keyword"] = keyword_of(stream["keyword"])
    return streams


def _mistakes(streams: dict[str, dict[str, Any]], folder: Path) -> Iterator[tuple[str, str]]:
    """Places and sentences."""
    for name, stream in streams.items():
        kind = stream.get("kind")
        if kind not in NEEDS:
            yield f"streams.{name}", f"kind must be one of {', '.join(NEEDS)}, got {kind!r}"
            continue
        for key in NEEDS[kind]:
            if not stream.get(key):
                yield f"streams.{name}.{key}", f"is missing or empty; a {kind} stream has {', '.join(NEEDS[kind])}"
        if not (folder / stream.get("path", "")).is_file():
            yield f"streams.{name}.path", f"no such file: {folder / stream.get('path', '')}"
    if not any(stream.get("kind") == "negative" for stream in streams.values()):
        yield "streams", "there is no negative one, and thresholds are set by false alarms"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="misses and false alarms of a model on long streams",
        description="Judge a model on the streams of a manifest, with the daemon's own pipeline.",
        epilog="example: kws-train evaluate --stream STREAMS/truth.json --model models/computer.onnx --json dev.json",
    )
    parser.add_argument("--stream", type=Path, required=True, metavar="MANIFEST", help="JSON manifest of streams")
    parser.add_argument("--model", type=Path, required=True, help="the .onnx file")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="where the figures go")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, write the JSON, and print a table."""
    model = load_model(args.model)
    if not args.json.parent.is_dir():  # before the work, not after it
        raise OutputError(f"{args.json}: cannot be written: {args.json.parent} is no folder")
    evaluation = Evaluation(model, args.stream)
    report = {
        "model": args.model.name,
        "digest": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "manifest": args.stream.name,
        "hours": round(evaluation.hours, 2),
        "keywords": {keyword: evaluation.report(keyword) for keyword in evaluation.keywords},
    }
    print(table(report["keywords"]))  # first, because the disk may be full
    args.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


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
    return f"{100 * found['misses']:.1f} % ({100 * low:.0f}-{100 * high:.0f})"
