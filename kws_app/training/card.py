"""The card of a trained network: what its recipe, its recordings and its evaluation have to say."""

from __future__ import annotations

import math
import subprocess
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import kws_app
from kws_app.model.card import CARD_SCHEMA, INPUT_SCALE, Card
from kws_app.training.compression import MatrixSettings
from kws_app.training.network import Network, NetworkSettings
from kws_app.training.recipe import Recipe
from kws_app.training.speechcommands.recipe import ClipRecipe

REFRACTORY_SECONDS = 1.0
WARMUP_SECONDS = 0.3
UNMEASURED = {"quiet": 0.9, "balanced": 0.5, "eager": 0.3}
"""Thresholds until an evaluation has chosen better ones."""


def make_card(
    recipe: Recipe | ClipRecipe,
    network: Network,
    *,
    corpus: dict[str, Any],
    measured: dict[str, Any],
) -> Card:
    """The card of *network*.

    Args:
        corpus: ``hours`` and ``speakers`` that it learnt from.
        measured: what ``kws-train evaluate`` found: ``thresholds`` and ``figures`` of each keyword; empty before.
    """
    features, stack = recipe.features, recipe.network.stack
    smoothing_frames = max(1, math.ceil(round(recipe.smoothing_seconds / recipe.step_seconds, 3)))
    return Card.from_dict(
        {
            "schema": CARD_SCHEMA,
            "name": recipe.name,
            "created": date.today().isoformat(),
            "licence": "Apache-2.0",
            "keywords": [
                {
                    "id": keyword,
                    "phrase": spoken.phrase or keyword.replace("_", " "),
                    "language": spoken.language,
                    "thresholds": measured[keyword]["thresholds"] if keyword in measured else UNMEASURED,
                    "smoothing_frames": smoothing_frames,
                    "refractory_seconds": REFRACTORY_SECONDS,
                }
                for keyword, spoken in recipe.keywords.items()
            ],
            "features": asdict(features) | {"input_scale": INPUT_SCALE},
            "frame": {"hop_seconds": features.winstep, "stack": stack, "skip": stack},
            "warmup_seconds": WARMUP_SECONDS,
            "initial_state": None,
            "architecture": _architecture(recipe.network, network),
            "quantization": {"weights": "int8", "scheme": "symmetric, one scale a row; folded to float32 at load"},
            "training": _training(recipe, corpus),
            "measured": {k: counted(v["figures"]) for k, v in measured.items() if k in recipe.keywords},
        }
    )


def counted(figures: dict[str, Any]) -> dict[str, Any]:
    """Of the figures of an evaluation those that counted something: a card is a tenth of its file.

    The interval of a category's false alarms follows from its alarms and hours, and is left out too.
    """
    empty = {name for name in ("other_words", "near_misses") if not figures.get(name, {}).get("clips")}
    kept = {name: found for name, found in figures.items() if name not in empty and (name != "groups" or found)}
    if "false_alarms" in kept:
        kept["false_alarms"] = {
            category: {name: value for name, value in found.items() if name != "interval"}
            for category, found in kept["false_alarms"].items()
        }
    return kept


def _architecture(settings: NetworkSettings, network: Network) -> dict[str, Any]:
    layers = [settings.matrices(layer) for layer in range(settings.layers)]
    if all(matrix == MatrixSettings() for layer in layers for matrix in layer.values()):
        layers = []
    return {
        "cell": settings.cell,
        "layers": settings.layers,
        "hidden": settings.hidden,
        "ratio": settings.ratio if settings.cell.startswith("Ghost") else None,
        "rank": [{name: matrix.rank for name, matrix in layer.items()} for layer in layers] or None,
        "sparsity": [{name: round(1 - matrix.kept, 3) for name, matrix in layer.items()} for layer in layers] or None,
        "parameters": network.parameters_trained,
        "macs_per_frame": network.macs,
    }


def _training(recipe: Recipe | ClipRecipe, corpus: dict[str, Any]) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "commit": _commit(),
        "sources": [asdict(source) for source in recipe.sources],
        "hours": corpus["hours"],
        "speakers": corpus["speakers"],
    }


def _commit() -> str:
    """The last one that changed this package, whatever repository the command is run in."""
    package = Path(kws_app.__file__).parent
    try:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%h", "--", "."], cwd=package, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git on this machine
        return "unknown"
    return done.stdout.strip() or "unknown"
