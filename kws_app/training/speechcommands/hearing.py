"""An exported model judged on clips through the daemon's own pipeline: each clip by itself, and all as one stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from kws_app.arrays import RATE, Samples
from kws_app.errors import ConfigError, Fault
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.stepper import Model
from kws_app.pipeline import KeywordSettings, Pipeline
from kws_app.training.network import FILLERS
from kws_app.training.speechcommands.clips import label_of, read_words

SUFFIXES = {".wav", ".flac", ".ogg"}
STREAM_SECONDS = 600
"""At least; a folder with fewer clips is heard several times, in another order each time."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a model made of clips.

    Attributes:
        labels: what can be said of a clip.
        truth: int64 ``(clips,)``, columns of ``labels``.
        found: the same, the state reset before every clip.
        stream: int64 ``(n,)``, which clip came when as one stream.
        carried: int64 ``(n,)``, what was found there.
    """

    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    stream: npt.NDArray[np.int64]
    carried: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.found == self.truth))

    @property
    def accuracy_carried(self) -> float:
        return float(np.mean(self.carried == self.truth[self.stream]))

    def confusion(self, found: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
        """Counts by what it was, and then by what was found."""
        counts = Counter(zip(truth.tolist(), found.tolist(), strict=True))
        return {
            said: {other: counts[row, column] for column, other in enumerate(self.labels) if counts[row, column]}
            for row, said in enumerate(self.labels)
            if (truth == row).any()
        }


class Ear:
    """One stream through a model, that says of every clip what it was.

    Behind a softmax that is the label with the highest smoothed score at the clip's end. A model without fillers is
    asked as the daemon asks it: which keyword's score came to its balanced threshold, anywhere in the clip.
    """

    def __init__(self, graph: bytes, name: Path) -> None:
        model = Model(name, with_fillers(graph))
        ids = tuple(model.card.keyword_ids)
        self.has_fillers = ids[-len(FILLERS) :] == FILLERS
        self.keywords = ids[: -len(FILLERS)] if self.has_fillers else ids
        self.labels = ids if self.has_fillers else (*ids, FILLERS[0])
        self._smoothed: list[list[float]] = []
        self._pipeline = Pipeline(model, dict.fromkeys(ids, KeywordSettings()), listener=self._note)
        self._thresholds = np.array([*self._pipeline.thresholds.values()])

    def reset(self) -> None:
        """Begin a stream."""
        self._pipeline.reset()

    def hear(self, clip: Samples) -> int:
        """The column of ``labels`` for the next *clip* of the stream."""
        self._smoothed.clear()
        self._pipeline.push(clip)
        smoothed = np.array(self._smoothed)
        if self.has_fillers:
            return int(smoothed[-1].argmax())
        reached = smoothed.max(axis=0) / self._thresholds
        return int(reached.argmax()) if reached.max() >= 1 else len(self.keywords)

    def _note(self, _end: int, _scores: list[float], smoothed: list[float]) -> None:
        self._smoothed.append(smoothed)


def hear(ear: Ear, clips: Sequence[Samples], words: Sequence[str], *, seed: int = 0) -> Hearing:
    """Every clip by itself, and all in a random order as one stream of ten minutes or more."""
    clips = [np.pad(clip, (0, max(0, RATE - len(clip)))) for clip in clips]
    truth = [min(label_of(word, ear.keywords), len(ear.labels) - 1) for word in words]
    found = []
    for clip in clips:
        ear.reset()
        found.append(ear.hear(clip))
    rng, rounds = np.random.default_rng(seed), -(-STREAM_SECONDS * RATE // sum(map(len, clips)))
    stream = np.concatenate([rng.permutation(len(clips)) for _ in range(rounds)])
    ear.reset()
    carried = [ear.hear(clips[number]) for number in stream]
    return Hearing(ear.labels, *map(np.array, (truth, found, stream, carried)))


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
    rows = [(heard.truth == label, heard.truth[heard.stream] == label) for label in range(len(heard.labels))]
    return {
        "clips": len(kept),
        "accuracy": round(heard.accuracy, 5),
        "accuracy_carried": round(heard.accuracy_carried, 5),
        "stream_clips": len(heard.stream),
        "stream_seconds": round(sum(max(RATE, len(kept[number][0])) for number in heard.stream) / RATE, 2),
        "labels": {
            label: {
                "clips": int(here.sum()),
                "right": int((heard.found == heard.truth)[here].sum()),
                "accuracy": round(float((heard.found == heard.truth)[here].mean()), 5),
                "accuracy_carried": round(float((heard.carried == heard.truth[heard.stream])[later].mean()), 5),
            }
            for label, (here, later) in zip(heard.labels, rows, strict=True)
            if here.any()
        },
        "confusion": heard.confusion(heard.found, heard.truth),
        "confusion_carried": heard.confusion(heard.carried, heard.truth[heard.stream]),
        "skipped": list(skipped),
        "skipped_count": len(skipped),
    }


def clips_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every recording one folder down, with that folder's name."""
    for path in folder.glob("*/*"):
        if path.suffix.lower() in SUFFIXES:
            yield path, path.parent.name


def with_fillers(graph: bytes) -> bytes:
    """The model with its fillers as further keywords, so that the runtime shows them; one without is as it was."""
    model = onnx.load_from_string(graph)
    outputs = {output.name: output for output in model.graph.output}
    if "fillers" not in outputs:
        return graph
    for node in model.graph.node:
        node.output[:] = ["words" if name == "scores" else name for name in node.output]
    model.graph.node.append(helper.make_node("Concat", ["words", "fillers"], ["scores"], axis=1))
    width = outputs["scores"].type.tensor_type.shape.dim[1]
    width.dim_value += len(FILLERS)
    model.graph.output.remove(outputs["fillers"])
    properties = {entry.key: entry.value for entry in model.metadata_props}
    card = Card.from_json(properties[CARD_KEY])
    fillers = tuple(replace(card.keywords[0], id=filler, phrase=filler) for filler in FILLERS)
    card = replace(card, keywords=(*card.keywords, *fillers))
    helper.set_model_props(model, properties | {CARD_KEY: card.to_json()})
    return bytes(model.SerializeToString())


def table(found: dict[str, Any]) -> str:
    """For people: a Markdown row a label, and what it was taken for."""
    lines = ["| label | clips | right | right, carried | taken for |", "|---|---|---|---|---|"]
    for label, row in found["labels"].items():
        others = Counter({other: n for other, n in found["confusion"][label].items() if other != label})
        taken = ", ".join(f"{other} {n}" for other, n in others.most_common(4))
        shares = f"{100 * row['accuracy']:.1f} % | {100 * row['accuracy_carried']:.1f} %"
        lines.append(f"| {label} | {row['clips']} | {shares} | {taken} |")
    return "\n".join(lines)


def summary(found: dict[str, Any]) -> Iterable[str]:
    """The two figures, and what was left out."""
    yield f"accuracy {100 * found['accuracy']:.2f} % of {found['clips']} clips, the state reset before each"
    yield (
        f"accuracy {100 * found['accuracy_carried']:.2f} % of {found['stream_clips']} clips "
        f"as one stream of {found['stream_seconds'] / 60:.1f} minutes"
    )
    if found["skipped_count"]:
        yield f"{found['skipped_count']} were skipped, by name under skipped in the JSON"
