"""Facts about the microphone that is none."""

from __future__ import annotations

import pytest

from kws_app.daemon.clock import Clock
from kws_app.daemon.released import Released


def test_a_released_microphone_gives_empty_blocks_until_it_is_closed() -> None:
    with Released(Clock()) as released:
        blocks = released.blocks()
        assert [len(next(blocks).samples) for _ in range(3)] == [0, 0, 0]

    assert list(blocks) == []


def test_a_released_microphone_has_heard_nothing() -> None:
    with pytest.raises(LookupError, match="no microphone"):
        Released(Clock()).history(0, 100)
