"""A model file, read and checked, and streams that step through it with carried state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kws_app.arrays import Coefficients, Scores, State
from kws_app.errors import ModelError, NoPermissionError
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.inspection import inspect
from kws_app.model.runtime import RUNTIME_ERRORS, explained, session, shared
from kws_app.schema import did_you_mean

LARGEST_BYTES = 4_000_000
"""Thirty times the largest model we ship; whatever is larger is no step graph."""

TRIAL_STEPS = 10
LOUD = np.float32(50)
"""As large as coefficients become."""

INPUTS, OUTPUTS = ("features", "state"), ("scores", "next_state")


class NoNumberError(ArithmeticError):
    """A step gave a score or a state that is not finite; until it is reset, the stream stays so."""


class Model:
    """A step graph and its card, shared by all streams that step through it.

    Attributes:
        path: where it was read.
        card: what it says about itself.
        coefficients: width of an input, ``stack * numcep``.
        state_size: how many numbers a stream carries from step to step.
    """

    def __init__(self, path: Path, graph: bytes) -> None:
        self.path = path
        inspect(graph)
        self._session = session(graph)
        self.card = _card(self._session)
        self.coefficients, self.state_size = _widths(self._session, self.card)
        self._initial = _initial_state(self.card, self.state_size)
        self._check_steps()

    def stepper(self, batch: int = 1) -> Stepper:
        """*batch* new streams, side by side."""
        initial = np.repeat(self._initial, batch, axis=0)
        return Stepper(self._session, initial, coefficients=self.coefficients, keywords=len(self.card.keywords))

    def _check_steps(self) -> None:
        """Take some steps with two streams, through silence and loud noise: what was promised is believed when seen."""
        shape = (TRIAL_STEPS, 2, self.coefficients)
        features = LOUD * np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
        features[0] = 0
        stepper = self.stepper(batch=2)
        try:
            scores = np.stack([stepper.step(frame).copy() for frame in features])
        except NoNumberError as error:
            raise ModelError("gives scores that are no numbers; its weights are damaged") from error
        except RUNTIME_ERRORS as error:
            raise ModelError(explained(error)) from error
        if scores.min() < 0 or scores.max() > 1:
            raise ModelError(
                f"gives a score of {max(scores.min(), scores.max(), key=abs):.3g}; scores must lie between 0 and 1"
            )


class Stepper:
    """Streams through a model, one frame at a time.

    ONNX Runtime reads and writes our buffers in place. That saves a fifth of what ``run`` takes, which pays for the
    check that all scores are numbers (``benchmarks/step.py``).
    Two state buffers take turns: with one for both, the new state is written before the old one is read.
    """

    def __init__(self, runner: Any, initial: State, *, coefficients: int, keywords: int) -> None:
        batch = len(initial)
        self._initial = initial
        self._features = np.zeros((batch, coefficients), np.float32)
        self._scores = np.zeros((batch, keywords), np.float32)
        self._states = [initial.copy(), initial.copy()]
        self._run = runner.run_with_iobinding
        self._bindings = [
            _binding(runner, (self._features, before), (self._scores, after))
            for before, after in (self._states, self._states[::-1])
        ]
        self._no_scores, self._no_state = np.zeros(self._scores.size, np.float32), np.zeros(initial.size, np.float32)
        self._turn = 0

    @property
    def state(self) -> State:
        """What the next step starts from, float32 ``(batch, state size)``; overwritten by the step after it."""
        return self._states[self._turn]

    def reset(self) -> None:
        """Begin new streams."""
        self.state[:] = self._initial

    def step(self, coefficients: Coefficients) -> Scores:
        """Advance every stream by one feature vector.

        Args:
            coefficients: float32 ``(batch, coefficients)``.

        Returns:
            float32 ``(batch, keywords)``, overwritten by the next call.

        Raises:
            NoNumberError: a score or a state is not finite.
        """
        self._features[:] = coefficients
        self._run(self._bindings[self._turn])
        self._turn = 1 - self._turn
        # A product with zeros is zero unless something is infinite or no number; np.isfinite takes three times longer.
        if np.vdot(self.state, self._no_state) != 0 or np.vdot(self._scores, self._no_scores) != 0:
            raise NoNumberError
        return self._scores


def _binding(runner: Any, inputs: tuple[Coefficients, State], outputs: tuple[Scores, State]) -> Any:
    """Names to buffers, for ``run_with_iobinding``."""
    binding = runner.io_binding()
    for name, buffer in zip(INPUTS, inputs, strict=True):
        binding.bind_ortvalue_input(name, shared(buffer))
    for name, buffer in zip(OUTPUTS, outputs, strict=True):
        binding.bind_ortvalue_output(name, shared(buffer))
    return binding


def load_model(path: Path) -> Model:
    """Read and check the model at *path*.

    Raises:
        ModelError: missing, too large, damaged, or at odds with its card.
        NoPermissionError: the file may not be read.
    """
    try:
        return Model(path, _read(path))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise ModelError("not a file")
        with path.open("rb") as file:
            graph = file.read(LARGEST_BYTES + 1)
    except PermissionError as error:
        raise NoPermissionError(f"{path}: may not be read by this user") from error
    except FileNotFoundError as error:
        there = [other.name for other in path.parent.glob("*.onnx")]
        raise ModelError(f"no such file{did_you_mean(path.name, there)}") from error
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}") from error
    if not graph:
        raise ModelError("the file is empty")
    if len(graph) > LARGEST_BYTES:
        raise ModelError(f"larger than {LARGEST_BYTES} bytes, which no model of this kind is")
    return graph


def _card(runner: Any) -> Card:
    text = runner.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise ModelError(f"has no card (metadata {CARD_KEY!r}); models come from kws-train export")
    return Card.from_json(text)


def _widths(runner: Any, card: Card) -> tuple[int, int]:
    """How wide inputs and state are, if the graph is a step graph that fits the card's keywords.

    Further outputs are for those who judge a model; no stream reads them.
    """
    tensors = (*runner.get_inputs(), *runner.get_outputs()[: len(OUTPUTS)])
    names = [tensor.name for tensor in tensors]
    if names != [*INPUTS, *OUTPUTS]:
        raise ModelError(f"not a step graph: it has {', '.join(names)} instead of {', '.join([*INPUTS, *OUTPUTS])}")
    coefficients, state, scores, next_state = (_width(tensor) for tensor in tensors)
    if next_state != state:
        raise ModelError(f"takes a state of {state} numbers and gives one of {next_state}")
    if scores != len(card.keywords):
        raise ModelError(
            f"gives {scores} scores, its card names {len(card.keywords)} keywords; "
            "graph and card are from different exports"
        )
    return coefficients, state


def _width(tensor: Any) -> int:
    """The second dimension of a float32 tensor whose first is free."""
    shape = tensor.shape
    if tensor.type != "tensor(float)" or len(shape) != 2 or isinstance(shape[0], int) or not isinstance(shape[1], int):
        raise ModelError(f"its {tensor.name} is {tensor.type} {shape}; must be float32, any batch by a fixed width")
    return int(shape[1])


def _initial_state(card: Card, size: int) -> State:
    if card.initial_state is None:
        return np.zeros((1, size), np.float32)
    if len(card.initial_state) != size:
        raise ModelError(
            f"its state has {size} numbers, the card's initial_state {len(card.initial_state)}; "
            "graph and card are from different exports"
        )
    return np.array([card.initial_state], np.float32)
