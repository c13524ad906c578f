"""From coefficients to a model's inputs: some models see several frames at once, and not at every frame."""

from __future__ import annotations

import numpy as np

from kws_app.arrays import Coefficients


class Stacking:
    """Gives ``stack`` consecutive frames side by side, the oldest first, and goes on ``skip`` frames."""

    def __init__(self, *, stack: int, skip: int) -> None:
        self._stack, self._skip = stack, skip
        self.reset()

    def reset(self) -> None:
        """Begin a new stream: the next row is frame 0."""
        self._kept: Coefficients | None = None
        self._first = 0  # number of the first kept row
        self._next = 0  # number of the frame that begins the next input

    def push(self, coefficients: Coefficients) -> tuple[Coefficients, range]:
        """Return the inputs that these frames complete.

        Args:
            coefficients: float32 ``(frames, numcep)``, the frames after those pushed before.

        Returns:
            float32 ``(inputs, stack * numcep)``, and for each the number of its last frame.
        """
        rows = coefficients if self._kept is None else np.concatenate([self._kept, coefficients])
        start, width = self._next - self._first, rows.shape[1]
        count = max(0, (len(rows) - start - self._stack) // self._skip + 1)
        row_bytes = width * rows.itemsize
        inputs: Coefficients = np.ndarray(
            (count, self._stack * width),
            np.float32,
            rows,
            start * row_bytes if count else 0,
            (self._skip * row_bytes, rows.itemsize),
        )
        last = range(self._next + self._stack - 1, self._next + self._stack - 1 + count * self._skip, self._skip)
        self._next += count * self._skip
        kept = rows[max(0, self._next - self._first) :]
        self._first += len(rows) - len(kept)
        self._kept = kept.copy() if len(kept) else None
        return inputs, last
