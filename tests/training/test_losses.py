"""The loss: where a word's frames are, what counts there, and what is punished elsewhere."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.losses import (  # noqa: E402
    LossSettings,
    TargetMaker,
    Targets,
    negative_loss,
    phone_loss,
    word_loss,
)
from kws_app.training.phones import UNKNOWN  # noqa: E402

FRAMES, LANES = 100, 2


def maker() -> TargetMaker:
    return TargetMaker(LossSettings(), hop_seconds=0.02, frame_seconds=0.03, keywords=2)


def targets(*words: tuple[int, int, float, float]) -> Targets:
    return maker().make(list(words), FRAMES, LANES)


def test_a_frame_has_heard_a_moment_that_it_covers() -> None:
    """Frame t ends at t * 20 ms + 30 ms: 1.0 s is first covered by frame 49, which ends at 1.01 s."""
    assert maker().frame(1.0) == 49
    assert maker().frame(1.01) == 49
    assert maker().frame(1.0101) == 50


def test_only_the_best_frame_of_a_words_window_counts() -> None:
    wanted = targets((1, 0, 0.4, 1.01))
    logits = torch.full((FRAMES, LANES, 2), -5.0)
    logits[50, 1, 0] = 4.0

    assert float(word_loss(logits, wanted, pooled=True)) == pytest.approx(0.0181, abs=1e-3)
    assert float(word_loss(logits, wanted, pooled=False)) > 4


def test_a_high_score_in_another_lane_or_for_another_word_does_not_count() -> None:
    wanted = targets((1, 0, 0.4, 1.01))
    logits = torch.full((FRAMES, LANES, 2), -5.0)
    logits[50, 0, 0] = logits[50, 1, 1] = 4.0

    assert float(word_loss(logits, wanted, pooled=True)) == pytest.approx(5.0, abs=0.1)


def test_from_the_words_middle_to_a_while_after_it_its_own_output_is_not_punished() -> None:
    negative = targets((1, 0, 0.4, 1.01)).negative

    assert negative[:, 0].min() == 1
    assert negative[:, 1, 1].min() == 1
    masked = torch.nonzero(negative[:, 1, 0] == 0).flatten().tolist()
    assert masked == list(range(maker().frame(0.4 + 0.35 * 0.61), maker().frame(1.01) + 40 + 1))


def test_a_word_whose_window_the_chunk_cuts_asks_for_nothing_and_is_no_negative() -> None:
    cut = targets((0, 0, 1.5, 1.95))

    assert len(cut.lane) == 0
    assert cut.negative[-1, 0, 0] == 0
    assert float(word_loss(torch.zeros(FRAMES, LANES, 2), cut, pooled=True)) == 0


def test_easy_negatives_weigh_less_than_their_share() -> None:
    easy, hard = torch.full((FRAMES, LANES, 2), -4.0), torch.full((FRAMES, LANES, 2), 1.0)

    ratio = negative_loss(hard, targets(), focus=1.0) / negative_loss(easy, targets(), focus=1.0)
    plain = negative_loss(hard, targets(), focus=0.0) / negative_loss(easy, targets(), focus=0.0)

    assert ratio > 30 * plain


def test_only_phones_that_are_known_are_asked_for() -> None:
    logits = torch.zeros(2, 2, 40)
    logits[0, 0, 7] = 100.0
    phones = torch.tensor([[7, UNKNOWN], [UNKNOWN, UNKNOWN]])

    assert float(phone_loss(logits, phones)) == pytest.approx(0.0)
    assert float(phone_loss(-logits, phones)) == pytest.approx(100 + math.log(39), rel=1e-3)
    assert float(phone_loss(-logits, phones.fill_(7))) == pytest.approx(100 + math.log(39) + 3 * math.log(40), rel=1e-3)
    assert float(phone_loss(logits, phones.fill_(UNKNOWN))) == 0
