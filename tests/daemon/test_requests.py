"""Facts about what may be asked: whatever comes, it is a request or a sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_app.daemon.requests import COMMANDS, Request, parse
from kws_app.errors import RequestError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=10), values, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_alone_is_a_request(command: str) -> None:
    assert parse(json.dumps({"command": command}).encode()) == Request(command)


def test_every_mistake_of_a_request_is_named() -> None:
    with pytest.raises(RequestError) as caught:
        parse(b'{"command": "mut", "seconds": "long", "relaese": true}')

    assert str(caught.value).splitlines() == [
        "request: command: unknown value 'mut'; did you mean 'mute'?",
        "request: seconds: must be a number, got 'long'",
        "request: relaese: unknown key; did you mean 'release'?",
    ]


@given(line=st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_sentence(line: bytes) -> None:
    assert_request_or_sentence(line)


@given(values=st.dictionaries(st.sampled_from(["command", "seconds", "release", "x"]), VALUES) | VALUES)
def test_any_json_is_a_request_or_a_sentence(values: object) -> None:
    assert_request_or_sentence(json.dumps(values).encode())


@pytest.mark.parametrize("line", [b"[" * 65_536, b'{"a":' * 10_000, b"9" * 65_000, b'"\\ud800"', b"\xff\xfe{}"])
def test_what_is_deep_or_long_or_no_text_is_a_sentence(line: bytes) -> None:
    assert_request_or_sentence(line)


def assert_request_or_sentence(line: bytes) -> None:
    said = "request: "
    try:
        parse(line)
    except RequestError as error:
        said = str(error)
    assert said.startswith("request: ")
