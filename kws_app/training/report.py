"""The whole report of an evaluation, as the JSON that other programs read."""

from __future__ import annotations

import math
from typing import Any

from kws_app.training.curves import histogram, trade_off
from kws_app.training.evaluation import FALSE_ALARMS_PER_HOUR, Evaluation
from kws_app.training.figures import details, figures

CURVE_RATES = (0.1, 0.5, 1.0, 2.0)
SHIPPED = "shipped"
"""The operating point that the model's own card calls ``balanced``."""


def report(evaluation: Evaluation) -> dict[str, Any]:
    """Every keyword by itself, those with words together, and what the rates rest on.

    ``figures`` are those at ``balanced``; ``operating_points`` has the same for every sensitivity and as shipped.
    """
    groups, spoken = evaluation.manifest.groups, evaluation.spoken
    points = {keyword: operating_points(evaluation, keyword) for keyword in evaluation.keywords}
    tallies = {k: {name: evaluation.tally(k, at) for name, at in points[k].items()} for k in points}
    keywords: dict[str, dict[str, Any]] = {}
    for keyword, by_name in tallies.items():
        found = {name: {"threshold": tally.threshold} | figures([tally], groups) for name, tally in by_name.items()}
        keywords[keyword] = {
            "thresholds": {name: points[keyword][name] for name in FALSE_ALARMS_PER_HOUR},
            "figures": found["balanced"],
            "curve": curve(evaluation, keyword),
            "operating_points": found,
            "details": details(by_name["balanced"]),
            "trade_off": trade_off(evaluation, keyword),
            "histogram": histogram(evaluation, keyword),
        }
    together = {
        name: figures([tallies[keyword][name] for keyword in spoken], groups)
        for name in (*FALSE_ALARMS_PER_HOUR, SHIPPED)
        if spoken
    }
    return {
        "hours": round(evaluation.manifest.hours, 2),
        "split": evaluation.manifest.split,
        "margin": evaluation.margin,
        "rests_on": rests_on(evaluation),
        "keywords": keywords,
        "all_words": {"keywords": spoken, "operating_points": together},
    }


def operating_points(evaluation: Evaluation, keyword: str) -> dict[str, float]:
    """Thresholds by name."""
    return evaluation.sensitivities(keyword) | {SHIPPED: evaluation.shipped(keyword)["balanced"]}


def curve(evaluation: Evaluation, keyword: str) -> dict[str, dict[str, float]]:
    """Share of words missed by condition, at thresholds for several rates; empty where none may be chosen."""
    if evaluation.manifest.split != "dev":
        return {}
    tallies = {rate: evaluation.tally(keyword, evaluation.threshold(keyword, rate)) for rate in CURVE_RATES}
    return {
        str(rate): {condition: found["misses"] for condition, found in figures([tally], {})["misses"].items()}
        for rate, tally in tallies.items()
    }


def rests_on(evaluation: Evaluation) -> dict[str, Any]:
    """How many hours the false-alarm figures rest on, how many alarms were allowed, and what cannot be told."""
    hours, rate = evaluation.manifest.hours, FALSE_ALARMS_PER_HOUR["quiet"]
    free_of_alarms = -math.log(0.05)  # expected alarms at which none at all has a chance of 5 %
    sentence = (
        f"False alarms were counted in {hours:.2f} h without the words. "
        f"Not one in that time still allows {free_of_alarms / hours:.2f} an hour (95 %); "
        f"to show {rate:g} an hour takes {free_of_alarms / rate:.0f} h without one."
    )
    allowed = {name: math.floor(each * hours / evaluation.margin) for name, each in FALSE_ALARMS_PER_HOUR.items()}
    if evaluation.manifest.split == "dev":
        counts = ", ".join(f"{name} {count}" for name, count in allowed.items())
        sentence += (
            f" The thresholds were chosen on these very hours (alarms allowed: {counts}): budgets, no forecasts."
        )
    return {"hours": round(hours, 3), "alarms_allowed": allowed, "sentence": sentence}
