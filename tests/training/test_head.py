"""The teacher's head: it learns where a word ends, in seconds, and reads back as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.training.embedding import REACH_SECONDS, SIZE, SLOT_SECONDS
from kws_app.training.head import Head, read_head, train_head, write_head
from kws_app.training.losses import LossSettings

SLOTS, WORD_SLOTS = 60, 8


def scenes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and in every other scene two words; each keyword is a direction for as long as it is spoken."""
    rng = np.random.default_rng(0)
    embeddings = np.zeros((count, SLOTS, SIZE))
    embeddings[:, :, :4] = rng.normal(size=(count, SLOTS, 4))
    events = []
    for scene in range(0, count, 2):
        for keyword, first in enumerate(rng.integers(5, SLOTS - 20, 2).tolist()):
            embeddings[scene, first : first + WORD_SLOTS, keyword] += 6
            start, end = (slot * SLOT_SECONDS + REACH_SECONDS for slot in (first, first + WORD_SLOTS))
            events.append((scene, keyword, round(start * RATE), round(end * RATE)))
    return embeddings.astype(np.float16), np.array(events, np.int32)


def taught() -> tuple[Head, list[dict[str, float]]]:
    log: list[dict[str, float]] = []
    return train_head(*scenes(40), LossSettings(), keywords=2, epochs=60, seed=0, log=log.append), log


def test_a_word_scores_at_its_end_and_at_no_other_place() -> None:
    head, log = taught()
    embeddings, events = scenes(2)

    scores = head.scores(embeddings[0].astype(np.float32))

    assert log[-1]["word_loss"] < log[0]["word_loss"] / 2
    for _, keyword, _, end in events.tolist():
        last = round((end / RATE - REACH_SECONDS) / SLOT_SECONDS)
        assert last - 3 <= scores[:, keyword].argmax() <= last + 5
    assert head.scores(embeddings[1].astype(np.float32)).max() < scores.max() / 2


def test_scores_of_a_stream_do_not_wait_for_what_comes() -> None:
    head, embeddings = Head(2).eval(), scenes(1)[0][0].astype(np.float32)

    assert np.abs(head.scores(embeddings)[:50] - head.scores(embeddings[:50])).max() < 1e-6


def test_a_head_reads_back_as_it_was_written(tmp_path: Path) -> None:
    head, embeddings = Head(2).eval(), scenes(1)[0][0].astype(np.float32)
    write_head(tmp_path / "head.pt", head)

    assert (read_head(tmp_path / "head.pt", 2).scores(embeddings) == head.scores(embeddings)).all()


def test_a_head_of_another_recipe_is_refused(tmp_path: Path) -> None:
    write_head(tmp_path / "head.pt", Head(2))

    with pytest.raises(ConfigError, match=r"head\.pt: is damaged, or another recipe's"):
        read_head(tmp_path / "head.pt", 3)
