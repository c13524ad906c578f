"""The card: what a model says about itself, inside its file, read strictly.

Keys that this version does not know are left alone, so that a newer trainer can say more. A card of another schema
version, or a value that is missing or of the wrong kind, is refused with one sentence.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar

from kws_app.errors import ModelError

CARD_KEY = "kws_app.card"
CARD_SCHEMA = 1
SENSITIVITIES = ("quiet", "balanced", "eager")
INPUT_SCALE = 32768
LARGEST_STATE = 1e6
MOST_CHARACTERS = 100_000
"""Of its JSON, which is ten times as large when it is read. Ours have eight thousand."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeywordCard:
    """One output of the model; ``thresholds`` holds a smoothed score for quiet, balanced and eager."""

    id: str
    phrase: str
    language: str
    thresholds: Mapping[str, float]
    smoothing_frames: int
    refractory_seconds: float


@dataclass(frozen=True, slots=True)
class FrameCard:
    """How features reach the model: every ``skip`` frames it sees the last ``stack`` of them."""

    hop_seconds: float
    stack: int
    skip: int


@dataclass(frozen=True, slots=True)
class Card:
    """A model's card.

    ``features`` holds the parameters of python_speech_features by their names; the pipeline makes its front end of
    them. ``architecture``, ``quantization``, ``training`` and ``measured`` are for people and are not interpreted.
    """

    name: str
    created: str
    licence: str
    keywords: tuple[KeywordCard, ...]
    features: Mapping[str, Any]
    frame: FrameCard
    warmup_seconds: float
    initial_state: tuple[float, ...] | None
    architecture: Mapping[str, Any]
    quantization: Mapping[str, Any]
    training: Mapping[str, Any]
    measured: Mapping[str, Any]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a card.

        Raises:
            ModelError: not JSON, another schema version, or a value that is missing or wrong.
        """
        if len(text) > MOST_CHARACTERS:
            raise ModelError(f"its card is {len(text)} characters long; at most {MOST_CHARACTERS} are read")
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"its card is not JSON ({error})") from error
        return cls.from_dict(raw)

    @classmethod
    def from_dict(cls, raw: Any) -> Self:
        """The same from values that are already decoded."""
        root = _Part(raw, "")
        schema = root.get("schema", int)
        if schema != CARD_SCHEMA:
            raise ModelError(f"its card has schema {schema}, this version reads schema {CARD_SCHEMA}")
        card = cls(
            name=root.text("name"),
            created=root.text("created"),
            licence=root.text("licence"),
            keywords=tuple(_keyword(part) for part in root.parts("keywords")),
            features=_features(root.part("features")),
            frame=_frame(root.part("frame")),
            warmup_seconds=root.number("warmup_seconds", 0, 60),
            initial_state=root.floats("initial_state"),
            **{name: dict(root.part(name).raw) for name in ("architecture", "quantization", "training", "measured")},
        )
        ids = card.keyword_ids
        if not ids or len(set(ids)) != len(ids):
            raise ModelError(f"its card must name at least one keyword, each once, got {_shown(ids)}")
        return card

    @property
    def keyword_ids(self) -> list[str]:
        """The keywords that the model can hear, in the order of its scores."""
        return [keyword.id for keyword in self.keywords]

    def to_json(self) -> str:
        """The card as it stands in a model's metadata; ``from_json`` reads it back equal."""
        # A model is measured in kilobytes, and its card would be a sixth of it with spaces.
        return json.dumps({"schema": CARD_SCHEMA, **asdict(self)}, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Part:
    """A JSON object of the card and where it stands, so that a complaint can name the place."""

    raw: Any
    path: str

    def __post_init__(self) -> None:
        if not isinstance(self.raw, Mapping):
            raise ModelError(f"its card: {self.path or 'the whole'} must be an object, got {_shown(self.raw)}")

    def get(self, name: str, kind: type[T]) -> T:
        value = self.raw.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ModelError(f"its card: {self._at(name)} must be of type {kind.__name__}, got {_shown(value)}")
        return value

    def text(self, name: str) -> str:
        """Words to print: not empty, and nothing in them that a terminal would obey."""
        text = self.get(name, str)
        if not text or not text.isprintable():
            raise ModelError(f"its card: {self._at(name)} must be printable text, got {_shown(text)}")
        return text

    def number(self, name: str, low: float, high: float) -> float:
        value = self.raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ModelError(f"its card: {self._at(name)} must lie between {low} and {high}, got {_shown(value)}")
        return float(value)

    def whole(self, name: str, low: int, high: int) -> int:
        value = self.number(name, low, high)
        if value != int(value):
            raise ModelError(f"its card: {self._at(name)} must be a whole number, got {value}")
        return int(value)

    def part(self, name: str) -> _Part:
        return _Part(self.raw.get(name), self._at(name))

    def parts(self, name: str) -> list[_Part]:
        return [_Part(item, f"{self._at(name)}[{i}]") for i, item in enumerate(self.get(name, list))]

    def floats(self, name: str) -> tuple[float, ...] | None:
        """A list of finite numbers, or None."""
        if self.raw.get(name) is None:
            return None
        values = self.get(name, list)
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= LARGEST_STATE for v in values):
            raise ModelError(f"its card: {self._at(name)} must hold numbers of at most {LARGEST_STATE:g}")
        return tuple(map(float, values))

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _keyword(part: _Part) -> KeywordCard:
    thresholds = part.part("thresholds")
    levels = {name: thresholds.number(name, 0, 1) for name in SENSITIVITIES}
    if not levels["quiet"] >= levels["balanced"] >= levels["eager"]:
        raise ModelError(f"its card: {thresholds.path} must fall from quiet over balanced to eager, got {levels}")
    return KeywordCard(
        id=_identifier(part),
        phrase=part.text("phrase"),
        language=part.text("language"),
        thresholds=levels,
        smoothing_frames=part.whole("smoothing_frames", 1, 100),
        refractory_seconds=part.number("refractory_seconds", 0, 3600),
    )


def _identifier(part: _Part) -> str:
    name = part.text("id")
    if not re.fullmatch("[a-z0-9_]+", name):
        raise ModelError(f"its card: {part.path}.id must be lower case, digits and underscores, got {name!r}")
    return name


def _frame(part: _Part) -> FrameCard:
    return FrameCard(
        hop_seconds=part.number("hop_seconds", 1e-3, 1),
        stack=part.whole("stack", 1, 100),
        skip=part.whole("skip", 1, 100),
    )


def _features(part: _Part) -> Mapping[str, Any]:
    scale = part.number("input_scale", 0, 1e9)
    if scale != INPUT_SCALE:
        raise ModelError(f"its card: features.input_scale is {scale:g}, this runtime computes on int16 ({INPUT_SCALE})")
    return dict(part.raw)


def _shown(value: Any) -> str:
    text = reprlib.repr(value)  # which does not follow lists in lists to their end
    return text if len(text) <= 40 else f"{text[:37]}..."
