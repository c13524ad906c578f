"""From coefficients to a model's inputs: some models see several frames at once, and not at every frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_app.arrays import Coefficients


class Stacking:
    """Every ``skip`` frames, gives the last ``stack`` of them side by side, the oldest first."""

    def __init__(self, *, stack: int, skip: int) -> None:
        self._stack, self._skip = stack, skip
        self.reset()

    def reset(self) -> None:
        """Begin a new stream: the next row is frame 0."""
        self._kept: Coefficients | None = None
        self._first = 0  # frame number of the first kept row

    def push(self, coefficients: Coefficients) -> tuple[Coefficients, npt.NDArray[np.intp]]:
        """Return the inputs that these frames complete.

        Args:
            coefficients: float32 ``(frames, numcep)``, the frames after those pushed before.

        Returns:
            float32 ``(inputs, stack * numcep)``, and for each the number of its last frame.
        """
        rows = coefficients if self._kept is None else np.concatenate([self._kept, coefficients])
        last = np.arange(self._stack - 1, len(rows))
        last = last[(self._first + last + 1) % self._skip == 0]
        inputs = rows[last[:, None] - np.arange(self._stack - 1, -1, -1)].reshape(len(last), -1)
        numbers = self._first + last
        if self._stack > 1:
            keep = min(len(rows), self._stack - 1)
            self._kept = rows[len(rows) - keep :].copy()
            self._first += len(rows) - keep
        else:
            self._first += len(rows)
        return inputs, numbers
