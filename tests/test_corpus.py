"""What strangers may give us: every file that the fuzzer ever found worth keeping, and changes of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzztargets import CORPUS, TARGETS

SECONDS = 2.0
"""For one file of a few kilobytes, on a busy machine."""

FILES = {target: sorted((CORPUS / target).iterdir()) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_no_file_of_the_corpus_fails_or_takes_long(target: str) -> None:
    for path in FILES[target]:
        begin = time.process_time()
        TARGETS[target](path.read_bytes())
        assert time.process_time() - begin < SECONDS, path


def test_the_corpus_is_small() -> None:
    files = [path for paths in FILES.values() for path in paths]

    assert all(FILES.values())
    assert max(path.stat().st_size for path in files) < 10_000
    assert sum(path.stat().st_size for path in files) < 500_000


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_no_change_of_a_file_of_the_corpus_fails(target: str, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(FILES[target]).map(Path.read_bytes)))
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(content)))
        content[first : first + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))

    TARGETS[target](bytes(content))
