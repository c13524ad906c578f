"""The model at run time: one frame in, one score a keyword out, its state carried."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kws_app.arrays import Coefficients, Scores, State
from kws_app.errors import ModelError
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.runtime import session

LARGEST_BYTES = 4 * 1024 * 1024
"""A model is kilobytes; what is larger is no model of ours and is not handed to a parser."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: its card, the sha256 of its file, and the session its steppers share."""

    card: Card
    digest: str
    state_size: int
    _session: Any = field(repr=False)

    def stepper(self, batch: int = 1) -> Stepper:
        """A stepper over *batch* independent streams, at their start."""
        return Stepper(self._session, self.card, batch=batch, state_size=self.state_size)


class Stepper:
    """Carries the state of one or many streams from frame to frame."""

    def __init__(self, runner: Any, card: Card, *, batch: int, state_size: int) -> None:
        self._run, self._names = runner.run, ["scores", "next_state"]
        start = np.zeros(state_size) if card.initial_state is None else card.initial_state
        self._start: State = np.tile(np.asarray(start, np.float32), (batch, 1))
        self.reset()

    @property
    def state(self) -> State:
        """float32 ``(batch, state size)``, after the last step."""
        return self._state

    def reset(self) -> None:
        """Begin again: the state the card gives, or zeros."""
        self._state = self._start

    def step(self, coefficients: Coefficients) -> Scores:
        """Return the scores after one more frame.

        Args:
            coefficients: float32 ``(batch, stack * numcep)``.

        Returns:
            float32 ``(batch, keywords)``. A damaged model may give NaN; the caller resets then.
        """
        # Plain run: of the ways to step that keep to the public API it is the fastest (benchmarks/frame.py).
        scores: Scores
        scores, self._state = self._run(self._names, {"features": coefficients, "state": self._state})
        return scores


def load_model(path: Path) -> Model:
    """Read a model file.

    Raises:
        ModelError: it is missing, too large, damaged, has no card, or card and graph disagree. One sentence.
    """
    content = _content(path)
    try:
        runner = session(content)
    except Exception as error:  # onnxruntime raises a class of its own for every way to be broken
        raise ModelError(f"{path}: not a model this runtime can load: {_first_line(error)}") from error
    text = runner.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise ModelError(f"{path}: has no card (metadata {CARD_KEY!r}); models come from kws-train export")
    try:
        card = Card.from_json(text)
        state_size = _check_graph(runner, card)
        model = Model(card, hashlib.sha256(content).hexdigest(), state_size, runner)
        _check_step(model)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return model


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise ModelError(f"{path}: larger than {LARGEST_BYTES // 2**20} MB, which no model of ours is")
    if not content:
        raise ModelError(f"{path}: is empty")
    return content


def _check_graph(runner: Any, card: Card) -> int:
    """Inputs and outputs as the card says; returns the state's size."""
    ends = {end.name: end for end in (*runner.get_inputs(), *runner.get_outputs())}
    wanted = {"features", "state", "scores", "next_state"}
    if set(ends) != wanted:
        raise ModelError(f"its graph has {', '.join(sorted(ends))}; a step graph has {', '.join(sorted(wanted))}")
    for end in ends.values():
        is_row = len(end.shape) == 2 and not isinstance(end.shape[0], int) and isinstance(end.shape[1], int)
        if end.type != "tensor(float)" or not is_row:
            raise ModelError(f"its {end.name} is {end.type} {end.shape}, expected tensor(float) ['batch', size]")
    width = {name: int(end.shape[1]) for name, end in ends.items()}
    expected = {
        "features": card.frame.stack * int(card.features.get("numcep", 0)),
        "scores": len(card.keywords),
        "next_state": width["state"],
    }
    for name, size in expected.items():
        if width[name] != size:
            raise ModelError(
                f"its {name} is {width[name]} wide, its card says {size}; card and graph do not belong together"
            )
    if card.initial_state is not None and len(card.initial_state) != width["state"]:
        raise ModelError(f"its card's initial_state has {len(card.initial_state)} values, the state {width['state']}")
    return width["state"]


def _check_step(model: Model) -> None:
    """One step on silence must work and be finite: weights that are no numbers show here."""
    stepper = model.stepper()
    width = model.card.frame.stack * int(model.card.features["numcep"])
    try:
        scores = stepper.step(np.zeros((1, width), np.float32))
    except Exception as error:  # see load_model
        raise ModelError(f"its graph does not run: {_first_line(error)}") from error
    if not (np.isfinite(scores).all() and np.isfinite(stepper.state).all()):
        raise ModelError("gives values that are no numbers; its weights are damaged")
    if scores.min() < 0 or scores.max() > 1:
        raise ModelError("gives scores outside 0 to 1")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
