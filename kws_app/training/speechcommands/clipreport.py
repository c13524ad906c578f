"""The report on a model that was judged on clips: the JSON of ``kws-train evaluate --clips``, and its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE
from kws_app.errors import ConfigError, Fault
from kws_app.training.speechcommands.clips import read_words
from kws_app.training.speechcommands.hearing import Ear, Hearing, hear

SUFFIXES = {".wav", ".flac", ".ogg"}
OTHERS_ACCEPTED = {"quiet": 0.001, "balanced": 0.005, "eager": 0.02}
"""Share of other clips that each sensitivity may take for a keyword."""


def judged(folder: Path, model: Path) -> dict[str, Any]:
    """What ``kws-train evaluate --clips`` writes: *model* on the clips of ``folder/<label>/``.

    Raises:
        ConfigError: there is no clip that can be used.
        ModelError: the model cannot be used.
    """
    ear = Ear(model.read_bytes(), model)
    kept, skipped = read_words(sorted(clips_of(folder)))
    if not kept:
        raise ConfigError(Fault(str(folder), None, "", "holds no clip that can be used, as LABEL/NAME.wav"))
    heard = hear(ear, [samples for samples, _ in kept], [word for _, word in kept])
    seconds = sum(max(RATE, len(kept[number][0])) for number in heard.stream) / RATE
    return {
        "clips": len(kept),
        **figures(heard),
        "stream_clips": len(heard.stream),
        "stream_seconds": round(seconds, 2),
        "labels": labels(heard),
        "confusion": confusion(heard, heard.truth, heard.found),
        "confusion_carried": confusion(heard, heard.said, heard.carried),
        "keywords": keywords(heard, ear.keywords),
        "skipped": list(skipped),
        "skipped_count": len(skipped),
    }


def clips_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every recording one folder down, with that folder's name."""
    for path in folder.glob("*/*"):
        if path.suffix.lower() in SUFFIXES:
            yield path, path.parent.name


def figures(heard: Hearing) -> dict[str, float]:
    """The two that matter."""
    return {"accuracy": round(heard.accuracy, 5), "accuracy_carried": round(heard.accuracy_carried, 5)}


def labels(heard: Hearing) -> dict[str, dict[str, float]]:
    """By label: clips, and how many were told right."""
    right, carried = heard.found == heard.truth, heard.carried == heard.said
    return {
        label: {
            "clips": int((heard.truth == column).sum()),
            "right": int(right[heard.truth == column].sum()),
            "accuracy": round(float(right[heard.truth == column].mean()), 5),
            "accuracy_carried": round(float(carried[heard.said == column].mean()), 5),
        }
        for column, label in enumerate(heard.labels)
        if (heard.truth == column).any()
    }


def confusion(heard: Hearing, truth: npt.NDArray[np.int64], found: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """Counts by what it was, and then by what was found."""
    counts = Counter(zip(truth.tolist(), found.tolist(), strict=True))
    return {
        said: {other: counts[row, column] for column, other in enumerate(heard.labels) if counts[row, column]}
        for row, said in enumerate(heard.labels)
        if (truth == row).any()
    }


def keywords(heard: Hearing, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """By keyword that was said: thresholds for the card, and what they miss and let through, counted in the stream."""
    found: dict[str, dict[str, Any]] = {}
    for column, keyword in enumerate(ids):
        own, others = heard.said == column, heard.others(column)
        if not own.any() or not others.any():
            continue
        thresholds = {name: heard.threshold(column, share) for name, share in OTHERS_ACCEPTED.items()}
        fired = heard.peaks[:, column] >= thresholds["balanced"]
        counts = {"words": own, "missed": own & ~fired, "others": others, "accepted": others & fired}
        found[keyword] = {
            "thresholds": thresholds,
            "figures": {"threshold": thresholds["balanced"]} | {name: int(at.sum()) for name, at in counts.items()},
        }
    return found


def table(found: dict[str, Any]) -> str:
    """For people: a Markdown row a label, and what it was taken for."""
    lines = ["| label | clips | right | right, carried | taken for |", "|---|---|---|---|---|"]
    for label, row in found["labels"].items():
        others = Counter({other: n for other, n in found["confusion"][label].items() if other != label})
        taken = ", ".join(f"{other} {n}" for other, n in others.most_common(4))
        shares = f"{100 * row['accuracy']:.1f} % | {100 * row['accuracy_carried']:.1f} %"
        lines.append(f"| {label} | {row['clips']} | {shares} | {taken} |")
    return "\n".join(lines)


def summary(found: dict[str, Any]) -> Iterator[str]:
    """The two figures, and what was left out."""
    yield f"accuracy {100 * found['accuracy']:.2f} % of {found['clips']} clips, the state reset before each"
    yield (
        f"accuracy {100 * found['accuracy_carried']:.2f} % of {found['stream_clips']} clips "
        f"as one stream of {found['stream_seconds'] / 60:.1f} minutes"
    )
    if found["skipped_count"]:
        yield f"{found['skipped_count']} were skipped, by name under skipped in the JSON"
