"""The teacher as a listener: the frozen embedding and its head, with a card and traces such as a model file has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np

from kws_app.arrays import Samples
from kws_app.errors import ConfigError, Fault
from kws_app.model.card import Card, FrameCard, KeywordCard
from kws_app.trace import Trace
from kws_app.training.card import REFRACTORY_SECONDS, UNMEASURED
from kws_app.training.data import read_recording
from kws_app.training.embedding import REACH_SECONDS, SLOT_SECONDS, SpeechEmbedding, read_embedding
from kws_app.training.head import Head, read_head
from kws_app.training.recipe import Recipe


class Listener:
    """Recordings to scores, one a keyword every 80 ms; they are not smoothed, a slot hears 2 s."""

    def __init__(self, ear: SpeechEmbedding, head: Head, recipe: Recipe) -> None:
        self._ear, self._head, self._recipe = ear, head, recipe

    @classmethod
    def read(cls, recipe: Recipe, head: Path, where: str) -> Self:
        """The listener whose head ``kws-train teacher train`` left, and whose ear is in *where*.

        Raises:
            ConfigError: one of them is not there, or another.
        """
        if not head.exists():
            raise ConfigError(Fault(str(head), None, "", "no such file; kws-train teacher train writes it"))
        return cls(read_embedding(where), read_head(head, len(recipe.keywords)), recipe)

    @property
    def card(self) -> Card:
        """What an evaluation has to know. No model file has it."""
        keywords = [
            KeywordCard(keyword, spoken.phrase, spoken.language, UNMEASURED, 1, REFRACTORY_SECONDS)
            for keyword, spoken in self._recipe.keywords.items()
        ]
        return Card(
            name=f"{self._recipe.name}-teacher",
            created=date.today().isoformat(),
            licence="Apache-2.0",
            keywords=tuple(keywords),
            features={},
            frame=FrameCard(SLOT_SECONDS, 1, 1),
            warmup_seconds=0.0,
            initial_state=None,
            architecture={},
            quantization={},
            training={},
            measured={},
        )

    def trace(self, path: Path) -> Trace:
        """The scores of a recording.

        Raises:
            RecordingError: it cannot be read.
        """
        return self.trace_of([read_recording(path)])

    def trace_of(self, sounds: Sequence[Samples]) -> Trace:
        """The same of *sounds* that follow one another."""
        scores = self._head.scores(self._ear.embed(np.concatenate(sounds)))
        times = np.arange(len(scores)) * SLOT_SECONDS + REACH_SECONDS
        return Trace(times, scores, scores, tuple(self._recipe.keywords))
