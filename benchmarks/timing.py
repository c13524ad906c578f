"""How long calls take."""

from __future__ import annotations

import time
from collections.abc import Callable

ROUNDS, ROUND_SECONDS = 200, 0.003


def microseconds(*calls: Callable[[], object]) -> list[float]:
    """The least that each call took on average over a round.

    The calls take turns, so that what slows the machine for a while slows them all; the least is what other programs
    did not add to.
    """
    numbers = []
    for call in calls:
        call()
        begin = time.perf_counter()
        call()
        numbers.append(max(1, round(ROUND_SECONDS / max(1e-7, time.perf_counter() - begin))))
    least = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for index, (call, number) in enumerate(zip(calls, numbers, strict=True)):
            begin = time.perf_counter()
            for _ in range(number):
                call()
            least[index] = min(least[index], (time.perf_counter() - begin) / number)
    return [1e6 * seconds for seconds in least]
