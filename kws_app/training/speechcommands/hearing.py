"""An exported model judged on clips through the daemon's own pipeline: each clip by itself, and all as one stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from kws_app.arrays import RATE, Samples
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.stepper import Model
from kws_app.pipeline import KeywordSettings, Pipeline
from kws_app.training.network import FILLERS
from kws_app.training.speechcommands.clips import label_of
from kws_app.training.thresholds import counted

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
        peaks: float32 ``(n, columns)``, how high the smoothed scores came in each clip of the stream.
    """

    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    stream: npt.NDArray[np.int64]
    carried: npt.NDArray[np.int64]
    peaks: npt.NDArray[np.float32]

    @property
    def said(self) -> npt.NDArray[np.int64]:
        """The truth of the stream."""
        return self.truth[self.stream]

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.found == self.truth))

    @property
    def accuracy_carried(self) -> float:
        return float(np.mean(self.carried == self.said))

    def others(self, column: int) -> npt.NDArray[np.bool_]:
        """Clips of the stream without a keyword that do not follow one with it: its score outlasts its clip."""
        own = self.said == column
        return ~own & ~np.concatenate([[False], own[:-1]])

    def threshold(self, column: int, share: float) -> float:
        """The loosest at which at most this *share* of the other clips would be taken for a keyword."""
        others = self.peaks[self.others(column), column]
        return counted(others, lambda at: int((others >= at).sum()), share * len(others))


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

    def hear(self, clip: Samples) -> npt.NDArray[np.float32]:
        """Smoothed scores ``(steps, columns)`` of the next *clip* of the stream."""
        self._smoothed.clear()
        self._pipeline.push(clip)
        return np.array(self._smoothed, np.float32)

    def answer(self, smoothed: npt.NDArray[np.float32]) -> int:
        """The column of ``labels`` for a clip."""
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
        found.append(ear.answer(ear.hear(clip)))
    rng, rounds = np.random.default_rng(seed), -(-STREAM_SECONDS * RATE // sum(map(len, clips)))
    stream = np.concatenate([rng.permutation(len(clips)) for _ in range(rounds)])
    ear.reset()
    heard = [ear.hear(clips[number]) for number in stream]
    carried = [ear.answer(smoothed) for smoothed in heard]
    peaks = np.stack([smoothed.max(axis=0) for smoothed in heard])
    return Hearing(ear.labels, *map(np.array, (truth, found, stream, carried)), peaks)


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
