"""Decisions: when scores become detections and near misses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_app.decision import Decision, KeywordDecision, KeywordRule
from kws_app.events import Detection, NearMiss

HOP = 320
RULE = KeywordRule("computer", threshold=0.75, smoothing_frames=4, refractory=16_000)
REST = [0.0] * 10

score_lists = st.lists(st.floats(0, 1), max_size=300)


def heard(scores: list[float], rule: KeywordRule = RULE) -> list[Detection | NearMiss]:
    """What a new stream of *scores*, one a hop, gives."""
    decision = KeywordDecision(rule)
    events = (decision.step(score, HOP * number) for number, score in enumerate(scores, start=1))
    return [event for event in events if event is not None]


def kinds(events: list[Detection | NearMiss]) -> list[type]:
    return [type(event) for event in events]


def test_the_mean_of_the_last_scores_fires() -> None:
    assert heard([*REST, 1.0, 1.0, 1.0, 1.0, *REST]) == [
        Detection(time=0.26, keyword="computer", score=0.75, end=13 * HOP, threshold=0.75)
    ]


def test_a_single_high_score_does_not_fire() -> None:
    assert heard([*REST, 1.0, *REST]) == []


def test_before_a_stream_lay_silence() -> None:
    assert heard([1.0, 1.0, 0.9]) == []


def test_a_held_high_score_fires_once_per_refractory_period() -> None:
    ends = [event.end for event in heard([1.0] * 160)]

    assert [end // HOP for end in ends] == [3, 53, 103, 153]


@given(scores=score_lists, threshold=st.floats(0, 1), refractory=st.integers(0, 20_000), frames=st.integers(1, 8))
def test_no_two_detections_are_closer_than_the_refractory_time(
    scores: list[float], threshold: float, refractory: int, frames: int
) -> None:
    events = heard(scores, KeywordRule("computer", threshold, frames, refractory))

    ends = [event.end for event in events if isinstance(event, Detection)]
    assert all(later - earlier >= refractory for earlier, later in pairwise(ends))


@given(scores=score_lists, threshold=st.floats(0.01, 1))
def test_no_two_near_misses_are_closer_than_the_refractory_time(scores: list[float], threshold: float) -> None:
    events = heard(scores, KeywordRule("computer", threshold, 3, 5000))

    ends = [event.end for event in events if isinstance(event, NearMiss)]
    assert all(later - earlier >= 5000 for earlier, later in pairwise(ends))


@given(scores=score_lists, threshold=st.floats(0.01, 1))
def test_detections_reach_the_threshold_and_near_misses_half_of_it(scores: list[float], threshold: float) -> None:
    for event in heard(scores, KeywordRule("computer", threshold, 3, 5000)):
        if isinstance(event, Detection):
            assert event.score >= threshold
        else:
            assert threshold / 2 <= event.score < threshold


def test_a_peak_that_passed_under_the_threshold_is_a_near_miss_at_its_height() -> None:
    assert heard([*REST, 0.5, 0.5, 0.7, 0.7, 0.7, 0.5, *REST]) == [
        NearMiss(time=0.3, keyword="computer", score=pytest.approx(0.65), end=15 * HOP, threshold=0.75)
    ]


def test_a_peak_of_less_than_half_the_threshold_is_nothing() -> None:
    assert heard([*REST, *[0.36] * 10, *REST]) == []


def test_a_peak_that_is_not_over_is_not_yet_a_near_miss() -> None:
    assert heard([*REST, *[0.6] * 10]) == []


def test_the_way_up_to_a_detection_and_down_again_is_no_near_miss() -> None:
    assert kinds(heard([*REST, *[0.6] * 8, *[1.0] * 8, *[0.6] * 80, *REST])) == [Detection]


def test_a_near_miss_does_not_keep_the_word_from_being_heard_right_after() -> None:
    assert kinds(heard([*REST, *[0.6] * 8, *REST, *[1.0] * 8, *REST])) == [NearMiss, Detection]


def test_nothing_fires_before_the_warm_up_is_over() -> None:
    decision = KeywordDecision(RULE)

    decision.reset(quiet_until=10 * HOP)

    fired = [number for number in range(1, 20) if decision.step(1.0, number * HOP)]
    assert fired == [10]


def test_a_reset_forgets_the_scores_before_it() -> None:
    decision = KeywordDecision(RULE)
    for number in range(1, 3):
        decision.step(1.0, number * HOP)

    decision.reset(quiet_until=0)

    assert decision.step(1.0, 3 * HOP) is None


def test_a_reset_does_not_end_a_refractory_time() -> None:
    decision = KeywordDecision(RULE)
    fired = [number for number in range(1, 5) if decision.step(1.0, number * HOP)]

    decision.reset(quiet_until=0)

    fired += [number for number in range(5, 80) if decision.step(1.0, number * HOP)]
    assert fired == [3, 53]


def test_every_keyword_has_its_own_rule() -> None:
    eager = KeywordRule("smart_mirror", threshold=0.25, smoothing_frames=1, refractory=16_000)
    decision = Decision([RULE, eager])

    events = decision.step([0.5, 0.5], HOP)

    assert [event.keyword for event in events] == ["smart_mirror"]
    assert decision.smoothed == [0.125, 0.5]
