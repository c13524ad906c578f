"""What every source of audio delivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_app.arrays import Samples


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of audio as it came.

    ``lost`` samples went missing just before ``samples``, for ``reason``. Both may be empty: a live source that has
    nothing to say gives an empty block now and then, so that its reader can look up.
    """

    samples: Samples
    lost: int = 0
    reason: str | None = None


NOTHING = Block(np.empty(0, np.int16))
