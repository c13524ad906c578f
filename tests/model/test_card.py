"""The card: it reads back as written, and every wrong value is refused by its place."""

from __future__ import annotations

import contextlib
import copy
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_app.errors import ModelError
from kws_app.model.card import Card

CARD: dict[str, Any] = {
    "schema": 1,
    "name": "tiny",
    "created": "2026-11-25",
    "licence": "Apache-2.0",
    "keywords": [
        {
            "id": "smart_mirror",
            "phrase": "smart mirror",
            "language": "en",
            "thresholds": {"quiet": 0.9, "balanced": 0.8, "eager": 0.7},
            "smoothing_frames": 5,
            "refractory_seconds": 1.0,
        }
    ],
    "features": {"samplerate": 16000, "input_scale": 32768},
    "frame": {"hop_seconds": 0.02, "stack": 1, "skip": 1},
    "warmup_seconds": 0.3,
    "initial_state": [0.0, 0.5],
    "architecture": {"cell": "GhostRNN"},
    "quantization": {},
    "training": {},
    "measured": {},
}


def changed(path: str, value: Any) -> str:
    """The card as JSON with one value replaced, or taken out if *value* is Ellipsis."""
    card = copy.deepcopy(CARD)
    place: Any = card
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(card)


def test_a_card_reads_back_as_it_was_written() -> None:
    card = Card.from_json(json.dumps(CARD))

    assert Card.from_json(card.to_json()) == card


def test_what_a_newer_trainer_adds_is_left_alone() -> None:
    assert Card.from_json(changed("colour", "blue")) == Card.from_json(json.dumps(CARD))


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("schema", 2, "its card has schema 2, this version reads schema 1"),
        ("schema", ..., "its card: schema must be of type int, got None"),
        ("name", "", "its card: name must be printable text, got ''"),
        ("name", "a\x1b[31m", "its card: name must be printable text"),
        ("keywords", [], "at least one keyword"),
        ("keywords", CARD["keywords"] * 2, "each once"),
        ("keywords.0.id", "Smart Mirror", "keywords[0].id must be lower case, digits and underscores"),
        ("keywords.0.thresholds.quiet", math.nan, "keywords[0].thresholds.quiet must lie between 0 and 1, got nan"),
        ("keywords.0.thresholds.quiet", 80, "keywords[0].thresholds.quiet must lie between 0 and 1, got 80"),
        ("keywords.0.thresholds.quiet", True, "keywords[0].thresholds.quiet must lie between 0 and 1, got True"),
        ("keywords.0.thresholds.eager", ..., "keywords[0].thresholds.eager must lie between 0 and 1, got None"),
        ("keywords.0.thresholds.eager", 0.95, "keywords[0].thresholds must fall from quiet over balanced to eager"),
        ("keywords.0.smoothing_frames", 0, "keywords[0].smoothing_frames must lie between 1 and 100, got 0"),
        ("keywords.0.smoothing_frames", 2.5, "keywords[0].smoothing_frames must be a whole number"),
        ("keywords.0.refractory_seconds", -1, "keywords[0].refractory_seconds must lie between 0 and 3600, got -1"),
        ("features", None, "its card: features must be an object, got None"),
        ("features.input_scale", 1, "features.input_scale is 1, this runtime computes on int16 (32768)"),
        (
            "features.input_scale",
            10**400,
            "its card: features.input_scale must lie between 0 and 1000000000.0, got 1000",
        ),
        ("name", [[[[[[[[[[]]]]]]]]]], "its card: name must be of type str, got [[[[[[[...]]]]]]]"),
        ("frame.skip", 0, "its card: frame.skip must lie between 1 and 100, got 0"),
        ("frame", [], "its card: frame must be an object, got []"),
        ("warmup_seconds", math.inf, "its card: warmup_seconds must lie between 0 and 60, got inf"),
        ("initial_state", "zeros", "its card: initial_state must be of type list, got 'zeros'"),
        ("initial_state", [0, math.nan], "its card: initial_state must hold numbers"),
        ("initial_state", [10**400], "its card: initial_state must hold numbers"),
        ("training", 3, "its card: training must be an object, got 3"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(ModelError) as refusal:
        Card.from_json(changed(path, value))

    assert sentence in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", "[" * 100_000, "[" * 90_000, "\ud800"])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="its card"):
        Card.from_json(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = [*CARD, *(f"keywords.0.{key}" for key in CARD["keywords"][0]), "frame.stack", "keywords.0.thresholds.quiet"]


@given(path=st.sampled_from(PATHS), value=json_values)
def test_nothing_but_a_model_error_comes_out_of_a_strange_card(path: str, value: Any) -> None:
    with contextlib.suppress(ModelError):
        Card.from_json(changed(path, value))
