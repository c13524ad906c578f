"""Facts about reading YAML into dataclasses."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_app.errors import ConfigError
from kws_app.schema import did_you_mean, examine, read, read_section, setting
from kws_app.yamltree import MOST_CHARACTERS


@dataclass(frozen=True, slots=True)
class Lamp:
    """A part with a setting of every kind."""

    colour: str = setting("red", one_of=("red", "green"), help="what it shows")
    level: float = setting(0.5, between=(0, 1), help="how bright")
    blinks: int = setting(3, between=(1, 10), help="how often")
    is_on: bool = setting(True, help="whether it shines")
    device: str | int | None = setting(None, help="which one")
    limit: float | None = setting(None, between=(0, 1), help="or none")
    file: Path = setting(Path("lamp.txt"), help="where it is written")
    words: tuple[str, ...] = setting((), help="any number")
    span: tuple[float, float] = setting((0.0, 1.0), help="two numbers")


@dataclass(frozen=True, slots=True)
class Thing:
    """What all kinds have."""

    size: int = setting(1, between=(1, 9), help="how large")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ball(Thing):
    """A kind that is named by ``ball``."""

    ball: str = setting(help="its name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cube(Thing):
    """A kind that is named by ``cube``."""

    cube: str = setting(help="its name")

    def __post_init__(self) -> None:
        if self.cube == "round":
            raise ValueError("a cube cannot be round")


def one_lamp() -> dict[str, Lamp]:
    return {"first": Lamp()}


@dataclass(frozen=True, slots=True)
class House:
    """Everything at once."""

    lamp: Lamp = field(default_factory=Lamp)
    lamps: Mapping[str, Lamp] = setting(default_factory=one_lamp, help="by name")
    things: tuple[Thing, ...] = setting((), variants={"ball": Ball, "cube": Cube}, help="of several kinds")


@dataclass(frozen=True, slots=True)
class Named:
    """A part that has to be told something."""

    name: str = setting(help="what people call it")


def house(text: str) -> House:
    return read(text, House, file="house.yaml").value


def mistakes(text: str, kind: type = House) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, kind, file="house.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}", "lamp:\nlamps:\nthings:\n"])
def test_a_text_that_says_nothing_gives_the_defaults(text: str) -> None:
    assert house(text) == House()


def test_every_kind_of_value_is_read() -> None:
    text = """
lamp:
  colour: green
  level: 1
  blinks: 1_0
  is_on: no
  device: 7
  limit: 5e-1
  file: other.txt
  words: [a, 'b c', 3, -d]
  span: [2, 3.5]
"""

    assert house(text).lamp == Lamp(
        "green", 1.0, 10, False, 7, 0.5, Path("other.txt"), ("a", "b c", "3", "-d"), (2.0, 3.5)
    )


def test_a_quoted_number_is_text() -> None:
    assert house("lamp: {device: '7'}").lamp.device == "7"


def test_null_is_read_where_none_is_allowed() -> None:
    assert house("lamp: {device: ~, limit: null}").lamp == Lamp()


def test_a_bare_name_and_an_empty_mapping_give_a_section_of_defaults() -> None:
    assert house("lamps:\n  a:\n  b: {}\n").lamps == {"a": Lamp(), "b": Lamp()}


def test_a_mapping_that_is_given_replaces_the_default_one() -> None:
    assert list(house("lamps: {second: {}}").lamps) == ["second"]


def test_the_key_that_only_one_kind_has_says_which_kind_a_section_is() -> None:
    assert house("things:\n- ball: b\n- size: 2\n  cube: c\n").things == (Ball(ball="b"), Cube(size=2, cube="c"))


def test_the_line_of_every_key_and_list_entry_is_known() -> None:
    text = "lamp:\n  level: 1\n  words:\n  - a\n  - b\nthings:\n- ball: b\n"

    lines = read(text, House, file="").lines

    assert lines == {
        "lamp": 1,
        "lamp.level": 2,
        "lamp.words": 3,
        "lamp.words[0]": 4,
        "lamp.words[1]": 5,
        "things": 6,
        "things[0]": 7,
        "things[0].ball": 7,
    }


def test_all_mistakes_are_named_at_once_in_file_order_with_line_path_and_nearest_key() -> None:
    text = """\
things:
- bal: b
- ball: b
  size: 10
- size: 3
- ball: b
  cube: c
- cube: round
lamp:
  colour: gren
  level: 80
  blinks: 2.5
  is_on: 1
  device: [1]
  span: [1]
  words: hello
  levle: 0.1
lamps: [a]
lapm: {}
lamp: {}
"""

    assert mistakes(text) == [
        "house.yaml:2: things[0].bal: unknown kind; did you mean 'ball'?",
        "house.yaml:4: things[1].size: must lie between 1 and 9, got 10",
        "house.yaml:5: things[2]: names no kind; there are ball, cube",
        "house.yaml:6: things[3]: ball and cube exclude each other",
        "house.yaml:8: things[4]: a cube cannot be round",
        "house.yaml:10: lamp.colour: unknown value 'gren'; did you mean 'green'?",
        "house.yaml:11: lamp.level: must lie between 0 and 1, got 80",
        "house.yaml:12: lamp.blinks: must be a whole number, got 2.5",
        "house.yaml:13: lamp.is_on: must be true or false, got 1",
        "house.yaml:14: lamp.device: must be text or a whole number, got a list",
        "house.yaml:15: lamp.span: must be a list of 2, got 1",
        "house.yaml:16: lamp.words: must be a list, got 'hello'",
        "house.yaml:17: lamp.levle: unknown key; did you mean 'level'?",
        "house.yaml:18: lamps: must be a mapping (key: value), got a list",
        "house.yaml:19: lapm: unknown key; did you mean 'lamp'?",
        "house.yaml:20: lamp: comes twice; the first is on line 9",
    ]


@pytest.mark.parametrize("value", ["nan", ".nan", ".inf", "1e999", "'0.5'", "yes", "", "[0.5]", "1:30", "9" * 5000])
def test_what_is_no_finite_number_is_refused(value: str) -> None:
    (mistake,) = mistakes(f"lamp:\n  level: {value}")

    assert mistake.startswith("house.yaml:2: lamp.level: must")


def test_an_unknown_key_that_resembles_none_is_answered_with_all() -> None:
    assert mistakes("zzz: 1") == ["house.yaml:1: zzz: unknown key; there are lamp, lamps, things"]


def test_a_setting_without_a_default_must_be_there() -> None:
    assert mistakes("", Named) == ["house.yaml:1: name: is missing: what people call it"]


def test_a_list_in_place_of_a_section_is_one_mistake() -> None:
    assert mistakes("[1]", Named) == ["house.yaml:1: must be a mapping (key: value), got a list"]


QUOTE_IT = "begins with a character that YAML keeps for itself; put the text in quotes"
NO_END = "found unexpected end of stream (while scanning a quoted scalar, begun on line 1)"
MISPLACED_COLON = "a ': ' where none can be; check the indentation, or put the text in quotes"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("lamp:\n\tlevel: 1", "house.yaml:2: a tab; YAML is indented by spaces"),
        ("a\nlamp: x: y", f"house.yaml:2: {MISPLACED_COLON}"),
        ("lamp: {device: @home}", f"house.yaml:1: {QUOTE_IT}"),
        ("lamp: 'x", f"house.yaml:1: not YAML: {NO_END}"),
        ('a: "\\U00110000"', "house.yaml: not YAML: chr() arg not in range(0x110000)"),
        ("a: \0", "house.yaml:1: character U+0000 is not allowed"),
        ("lamp: &x {}\nlamps: {a: *x}", "house.yaml:2: write the value out: an alias (*x) is not read here"),
        ("\nlamp: !lamp {}", "house.yaml:2: a tag (!lamp) is not read here"),
        ("[" * 1000, "house.yaml:1: is nested deeper than 20 levels"),
        (
            "#" * (MOST_CHARACTERS + 1),
            f"house.yaml: is too long: at most {MOST_CHARACTERS} characters are read",
        ),
        ("? [a]\n: 1", "house.yaml:1: a key must be text, got a list"),
    ],
)
def test_what_is_not_the_plain_part_of_yaml_is_refused_with_its_line(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


def test_a_strange_key_is_shown_on_one_short_line() -> None:
    (mistake,) = mistakes("? |\n  two\n  lines" + "x" * 100 + "\n: 1")

    assert mistake.startswith("house.yaml:1: two\\nlinesxxx")


words = st.text() | st.sampled_from(["lamp", "lamps", "things", "ball", "cube", "level", "device", "span", "size"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.dates() | st.binary()
trees = st.recursive(leaves, lambda below: st.lists(below) | st.dictionaries(words, below), max_leaves=20)


# A busy board may take its time, both to draw a tree and to read it.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | trees.map(yaml.dump) | trees.map(yaml.safe_dump))
def test_nothing_but_a_config_error_comes_of_any_text(text: str) -> None:
    try:
        value = house(text)
    except ConfigError:
        return
    assert isinstance(value, House)


@given(st.text(alphabet="ab:-[]{}\"'&*!|>%@?#,\n\t \\U0x_.\0", max_size=60))
def test_nothing_but_a_config_error_comes_of_text_made_of_yaml_signs(text: str) -> None:
    with contextlib.suppress(ConfigError):
        house(text)


TEXT = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1)


@given(
    st.builds(
        Lamp,
        colour=st.sampled_from(["red", "green"]),
        level=st.floats(0, 1),
        blinks=st.integers(1, 10),
        is_on=st.booleans(),
        device=st.none() | st.integers() | TEXT,
        limit=st.none() | st.floats(0, 1),
        words=st.lists(TEXT).map(tuple),
        span=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    )
)
def test_what_was_written_reads_back_equal(lamp: Lamp) -> None:
    fields = {name: getattr(lamp, name) for name in Lamp.__slots__}
    text = yaml.safe_dump(
        {"lamp": fields | {"words": list(lamp.words), "span": list(lamp.span), "file": str(lamp.file)}}
    )

    assert house(text).lamp == lamp


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert did_you_mean("COMPUTR", ["computer", "jarvis"]) == "; did you mean 'computer'?"


@pytest.mark.parametrize(("escape", "character"), [("\\0", "U+0000"), ("\\uD800", "U+D800")])
def test_a_character_that_no_path_can_hold_is_refused_with_its_line(escape: str, character: str) -> None:
    assert mistakes(f'lamp:\n  words: ["a{escape}b"]\n') == [f"house.yaml:2: character {character} is not allowed"]


def test_a_section_can_be_read_whatever_mistakes_the_others_have() -> None:
    text = "lmap: {}\nlmap: 5\nlamp:\n  level: 0.25\n"

    assert read_section(text, "lamp", Lamp, file="house.yaml") == Lamp(level=0.25)
    assert read_section("[]", "lamp", Lamp, file="house.yaml") == Lamp()


def test_a_mistake_in_the_one_section_that_is_read_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        read_section("lmap: 5\nlamp:\n  lvel: 0.25\n", "lamp", Lamp, file="house.yaml")

    assert str(caught.value) == "house.yaml:3: lamp.lvel: unknown key; did you mean 'level'?"


def test_what_is_sound_comes_with_the_mistakes() -> None:
    text = "colour: blue\nlevel: 0.7\nwords: [a, [b]]\nlight: 1\n"

    reading = examine(text, Lamp, file="lamp.yaml")

    assert reading.value == Lamp(level=0.7)
    assert [fault.path for fault in reading.faults] == ["colour", "words[1]", "light"]


def test_where_nothing_is_sound_nothing_is_examined() -> None:
    with pytest.raises(ConfigError, match="must be a mapping"):
        examine("[1, 2]", Lamp, file="lamp.yaml")
