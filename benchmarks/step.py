"""Ways to carry the state through ONNX Runtime, and which of them the stepper should use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import microseconds
from kws_app.model.runtime import session, shared
from kws_app.model.stepper import OUTPUTS, Model

Call = Callable[[], object]


def ways(model: Model) -> dict[str, Call]:
    """Each steps once a call; all go through the same graph."""
    runner, stepper = session(model.path.read_bytes()), model.stepper()
    row = np.zeros((1, model.coefficients), np.float32)
    feed: dict[str, Any] = {"features": row, "state": np.zeros((1, model.state_size), np.float32)}
    values = {name: shared(array) for name, array in feed.items()}

    def run() -> None:
        _, feed["state"] = runner.run(OUTPUTS, feed)

    def run_with_values() -> None:
        _, values["state"] = runner.run_with_ort_values(OUTPUTS, values)

    def stepper_past_the_wrapper() -> None:
        runner._sess.run_with_iobinding(stepper._bindings[0]._iobinding, None)

    return {
        "run": run,
        "run_with_ort_values": run_with_values,
        "the stepper: bound buffers, swapped": lambda: stepper.step(row),
        "bound buffers alone, past the public wrapper": stepper_past_the_wrapper,
    }


def report(model: Model) -> None:
    """Time and print every way."""
    named = ways(model)
    costs = microseconds(*named.values())
    print(f"{'a step through ONNX Runtime':46} {'us':>7} {'ratio':>6}")
    for name, cost in zip(named, costs, strict=True):
        print(f"{name:46} {cost:7.2f} {cost / costs[0]:6.2f}")
