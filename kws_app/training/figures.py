"""The figures of one keyword, or of several together, with their intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kws_app.training.firing import Outcome
from kws_app.training.intervals import over_groups, poisson_rate, wilson
from kws_app.training.tally import Background, Confusions, Tally


def figures(tallies: Sequence[Tally], groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Misses by condition and speaker group, false alarms by category, confusions: each with its interval.

    Of several keywords, false alarms an hour are those of one: hours are counted once for each. A speaker of several
    words is one speaker, and so is a recording that all keywords heard.
    """
    outcomes = _pooled(tallies)
    background = [part for tally in tallies for part in tally.background]
    alarms = sum(len(part.alarms) for part in background)
    hours = sum(part.seconds for part in background) / 3600
    return {
        "misses": {condition: _misses(found) for condition, found in outcomes.items()},
        "groups": _groups(outcomes, groups),
        "false_alarms_per_hour": round(alarms / hours, 3),
        "false_alarms_interval": _rounded(poisson_rate(alarms, hours), 3),
        "false_alarms_interval_over_recordings": _over_recordings(background),
        "hours": round(hours, 2),
        "false_alarms": _categories(background),
        "other_words": _confusions(sum((tally.other_words for tally in tallies), Confusions())),
        "near_misses": _confusions(sum((tally.near_misses for tally in tallies), Confusions())),
    }


def details(tally: Tally) -> dict[str, Any]:
    """What a person listens to, and another program compares: every miss and alarm by name, counts by speaker."""
    return {
        "speakers": {condition: _by_speaker(found) for condition, found in tally.outcomes.items()},
        "recordings": {
            file: [int(alarms), round(hours, 5)] for file, (alarms, hours) in _by_recording(tally.background).items()
        },
        "missed": {
            condition: [outcome.word.clip for outcome in found if outcome.delay is None]
            for condition, found in tally.outcomes.items()
        },
        "alarms": [
            {"stream": alarm.stream, "file": alarm.file, "time": round(alarm.time, 2)}
            for part in tally.background
            for alarm in part.alarms
        ],
        "other_words": list(tally.other_words.accepted),
        "near_misses": list(tally.near_misses.accepted),
    }


def _pooled(tallies: Iterable[Tally]) -> dict[str, list[Outcome]]:
    pooled: dict[str, list[Outcome]] = {}
    for tally in tallies:
        for condition, found in tally.outcomes.items():
            pooled.setdefault(condition, []).extend(found)
    return pooled


def _misses(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    missed = sum(outcome.delay is None for outcome in outcomes)
    delays = [outcome.delay for outcome in outcomes if outcome.delay is not None and outcome.word.sure]
    return {
        "misses": round(missed / len(outcomes), 4),
        "missed": missed,
        "words": len(outcomes),
        "interval": _rounded(wilson(missed, len(outcomes)), 4),
        "interval_over_speakers": _rounded(over_groups(_by_speaker(outcomes).values()), 4),
        "latency_seconds_median": round(float(np.median(delays)), 3) if delays else None,
        "latency_seconds_p90": round(float(np.percentile(delays, 90)), 3) if delays else None,
    }


def _by_speaker(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    """Missed and spoken words of every speaker."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for outcome in outcomes:
        counts[outcome.word.speaker][0] += outcome.delay is None
        counts[outcome.word.speaker][1] += 1
    return dict(counts)


def _groups(outcomes: Mapping[str, list[Outcome]], groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Misses of every group of speakers that the manifest knows, by condition."""
    return {
        group: {
            condition: _misses(found)
            for condition, everybody in outcomes.items()
            if (found := [outcome for outcome in everybody if group in groups.get(outcome.word.speaker, ())])
        }
        for group in sorted({group for names in groups.values() for group in names})
    }


def _categories(background: Iterable[Background]) -> dict[str, dict[str, Any]]:
    counts: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for part in background:
        counts[part.category][0] += len(part.alarms)
        counts[part.category][1] += part.seconds / 3600
    return {
        category: {
            "alarms": int(alarms),
            "hours": round(hours, 3),
            "interval": _rounded(poisson_rate(int(alarms), hours), 3),
        }
        for category, (alarms, hours) in counts.items()
    }


def _over_recordings(background: Iterable[Background]) -> list[float] | None:
    return _rounded(over_groups(_by_recording(background).values()), 3)


def _by_recording(background: Iterable[Background]) -> dict[str, list[float]]:
    """Alarms and hours of every recording without the word."""
    counts: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for part in background:
        counts[part.file][0] += len(part.alarms)
        counts[part.file][1] += part.seconds / 3600
    return dict(counts)


def _confusions(found: Confusions) -> dict[str, Any]:
    return {
        "alarms": found.alarms,
        "clips": found.clips,
        "accepted": len(found.accepted),
        "interval": _rounded(wilson(len(found.accepted), found.clips), 4),
    }


def _rounded(interval: tuple[float, float] | None, places: int) -> list[float] | None:
    return None if interval is None else [round(bound, places) for bound in interval]
