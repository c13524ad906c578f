"""When a keyword would have fired, against the decision that the daemon makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.decision import Decision, KeywordRule
from kws_app.events import Detection
from kws_app.training.firing import firing_times, match
from kws_app.training.manifest import Word

WORD = Word("v_1", start=1.0, end=1.5, sure=True, speaker="v")


def test_firings_less_than_a_second_apart_are_one() -> None:
    times, smoothed = np.array([0.0, 0.5, 0.9, 0.99, 1.2]), np.array([0.9, 0.9, 0.1, 0.9, 0.9], np.float32)

    assert firing_times(times, smoothed, 0.5, refractory_seconds=1.0).tolist() == [0.0, 1.2]


@given(scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=300))
def test_firings_are_those_of_the_daemons_decision(scores: list[float]) -> None:
    ends = 480 + 320 * np.arange(len(scores))
    decision = Decision([KeywordRule("rise", threshold=0.5, smoothing_frames=1, refractory=RATE)])
    decision.reset(quiet_until=RATE // 2)
    events = [event for score, end in zip(scores, ends, strict=True) for event in decision.step([score], int(end))]

    fired = firing_times(ends / RATE, np.array(scores, np.float32), 0.5, refractory_seconds=1.0, warmup_seconds=0.5)

    assert fired.tolist() == [event.time for event in events if isinstance(event, Detection)]


@pytest.mark.parametrize(("time", "delay"), [(0.9, None), (1.0, -0.5), (1.7, 0.2), (2.5, 1.0), (2.6, None)])
def test_a_word_is_found_from_its_start_until_a_second_after_its_end(time: float, delay: float | None) -> None:
    (outcome,) = match(np.array([time]), [WORD])

    assert outcome.delay == (None if delay is None else pytest.approx(delay))
