"""Reads YAML into any frozen dataclass and names every mistake at once: its line, its path, what was probably meant.

A field says by its type and by ``setting`` what it takes. This module knows YAML and dataclasses and no domain;
settings stand with the part they set.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from kws_app.errors import ConfigError, Fault
from kws_app.yamltree import compose, is_nothing, line_of, short, shown

T = TypeVar("T")

SCALARS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    str: "text",
}
"""What a scalar can become, the choosiest first, and how to ask a person for it."""

BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field's type alone does not say; see ``setting``."""

    help: str = ""
    example: str = ""
    between: tuple[float, float] | None = None
    one_of: Sequence[Any] | None = None
    variants: Mapping[str, type] | None = None


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value and where it came from: ``lines`` has the line of every key in the text, ``{"audio.device": 12}``.

    Where there are ``faults``, what has one has its default instead; a section of a list or a mapping of which nothing
    can be made is None.
    """

    value: T
    lines: Mapping[str, int]
    faults: Sequence[Fault] = ()


def setting(
    default: Any = MISSING,
    *,
    help: str,
    example: str = "",
    default_factory: Callable[[], Any] | Any = MISSING,
    between: tuple[float, float] | None = None,
    one_of: Sequence[Any] | None = None,
    variants: Mapping[str, type] | None = None,
) -> Any:
    """A dataclass field that a file can set. Without a default it must be in the file; ``example`` shows how, as YAML.

    ``between`` and ``one_of`` hold for each value of a list. ``variants`` is for a list of sections of different
    kinds: the key that only one kind has names the dataclass that reads the section.
    """
    rule = Rule(help, example, between, one_of, variants)
    return dataclasses.field(default=default, default_factory=default_factory, metadata={"rule": rule})


def rule_of(field: dataclasses.Field[Any]) -> Rule:
    """The rule that ``setting`` left in a field; a plain field has an empty one."""
    rule = field.metadata.get("rule", Rule())
    assert isinstance(rule, Rule)
    return rule


def read(text: str, kind: type[T], *, file: str) -> Reading[T]:
    """Read YAML *text* into the dataclass *kind*; an empty text gives its defaults. *file* is named in mistakes.

    Raises:
        ConfigError: every mistake in the text, in its order; nothing else is raised, whatever the text.
    """
    reading = examine(text, kind, file=file)
    if reading.faults:
        raise ConfigError(*reading.faults)
    return reading


def examine(text: str, kind: type[T], *, file: str) -> Reading[T]:
    """The same, but mistakes come with the value, for somebody who looks for further ones in what is sound.

    Raises:
        ConfigError: nothing in the text is.
    """
    walk = _Walk(file)
    root = compose(text, file=file)
    value = walk.section(root, kind, "")
    faults = sorted(walk.faults, key=lambda fault: fault.line or 1)
    if value is None:
        raise ConfigError(*faults)
    return Reading(value, walk.lines, faults)


def read_section(text: str, name: str, kind: type[T], *, file: str) -> T:
    """Read one section of YAML *text* and nothing else of it, whatever mistakes the rest has.

    Raises:
        ConfigError: the section has mistakes, or the text is no YAML.
    """
    walk = _Walk(file)
    sections = dict(walk.pairs(compose(text, file=file), ""))
    walk.faults.clear()
    value = walk.section(sections.get(name), kind, name)
    if walk.faults:
        raise ConfigError(*walk.faults)
    section: T = value
    return section


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown *word*: the nearest of the *known* ones or, failing that, all of them."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1)
    if near:
        return f"; did you mean '{names[near[0]]}'?"
    return f"; there are {', '.join(sorted(names.values()))}" if names else ""


class _Walk:
    """Goes through the nodes in file order and collects values, lines and faults.

    A method that meets a fault notes it and returns what it can make of the rest, or None.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.lines: dict[str, int] = {}

    def value(self, node: yaml.Node, kind: Any, path: str, rule: Rule) -> Any:
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            return self._choice(node, inner, path, rule)
        if dataclasses.is_dataclass(kind):
            return self._variant(node, kind, path, rule.variants) if rule.variants else self.section(node, kind, path)
        if origin in (dict, Mapping):
            noted = len(self.faults)
            found = {key: self.value(child, inner[1], _join(path, key), rule) for key, child in self.pairs(node, path)}
            return found if len(self.faults) == noted or dataclasses.is_dataclass(inner[1]) else None
        if origin in (list, tuple):
            return self._list(node, kind, path, rule)
        return self._scalar(node, [kind], path, rule)

    def section(self, node: yaml.Node | None, kind: Any, path: str) -> Any:
        """A dataclass out of a mapping; out of nothing (``computer:``), its defaults."""
        noted = len(self.faults)
        hints, fields = typing.get_type_hints(kind), {field.name: field for field in dataclasses.fields(kind)}
        given: dict[str, Any] = {}
        pairs = self.pairs(node, path)
        if len(self.faults) > noted and not pairs:
            return None
        for key, child in pairs:
            here = _join(path, key)
            if key not in fields:
                self._fault(self.lines[here], here, "unknown key" + did_you_mean(key, fields))
            elif not (is_nothing(child) and _is_collection(hints[key])):
                noted_before = len(self.faults)
                value = self.value(child, hints[key], here, rule_of(fields[key]))
                if value is not None or len(self.faults) == noted_before:
                    given[key] = value
        for name, field in fields.items():
            if _join(path, name) not in self.lines and field.default is MISSING and field.default_factory is MISSING:
                self._fault(line_of(node), _join(path, name), f"is missing: {rule_of(field).help}")
        is_sound = len(self.faults) == noted
        try:
            return kind(**given)
        except (TypeError, ValueError) as error:  # what only the dataclass itself can judge
            return self._fault(line_of(node), path, str(error)) if is_sound else None

    def _variant(self, node: yaml.Node, base: Any, path: str, variants: Mapping[str, type]) -> Any:
        """The section whose kind one of its keys names."""
        kinds = [key for key in _keys(node) if key in variants]
        if len(kinds) == 1:
            return self.section(node, variants[kinds[0]], path)
        if kinds:
            return self._fault(line_of(node), path, f"{' and '.join(kinds)} exclude each other")
        common = [field.name for field in dataclasses.fields(base)]
        strange = [key for key, _ in self.pairs(node, path) if key not in common]
        for key in strange:
            self._fault(self.lines[_join(path, key)], _join(path, key), "unknown kind" + did_you_mean(key, variants))
        return None if strange else self._fault(line_of(node), path, "names no kind" + did_you_mean("", variants))

    def _list(self, node: yaml.Node, kind: Any, path: str, rule: Rule) -> Any:
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if not isinstance(node, yaml.SequenceNode):
            return self._fault(line_of(node), path, f"must be a list, got {shown(node)}")
        count = len(node.value)
        kinds = inner if origin is tuple and inner[-1] is not Ellipsis else inner[:1] * count
        if count != len(kinds):
            return self._fault(line_of(node), path, f"must be a list of {len(kinds)}, got {count}")
        values, noted = [], len(self.faults)
        for place, (child, child_kind) in enumerate(zip(node.value, kinds, strict=True)):
            here = f"{path}[{place}]"
            self.lines[here] = line_of(child)
            values.append(self.value(child, child_kind, here, rule))
        return origin(values) if len(self.faults) == noted or dataclasses.is_dataclass(inner[0]) else None

    def _choice(self, node: yaml.Node, kinds: Sequence[Any], path: str, rule: Rule) -> Any:
        if types.NoneType in kinds and is_nothing(node):
            return None
        kinds = [kind for kind in kinds if kind is not types.NoneType]
        return self.value(node, kinds[0], path, rule) if len(kinds) == 1 else self._scalar(node, kinds, path, rule)

    def _scalar(self, node: yaml.Node, kinds: Sequence[type], path: str, rule: Rule) -> Any:
        for kind in SCALARS:
            if kind in kinds and (value := _converted(node, kind)) is not None:
                return self._allowed(node, value, path, rule)
        wanted = " or ".join(SCALARS[kind] for kind in kinds)
        return self._fault(line_of(node), path, f"must be {wanted}, got {shown(node)}")

    def _allowed(self, node: yaml.Node, value: Any, path: str, rule: Rule) -> Any:
        if rule.one_of is not None and value not in rule.one_of:
            hint = did_you_mean(str(value), map(str, rule.one_of))
            return self._fault(line_of(node), path, f"unknown value {shown(node)}{hint}")
        if rule.between is not None and isinstance(value, int | float):
            low, high = rule.between
            if not low <= value <= high:
                return self._fault(line_of(node), path, f"must lie between {low} and {high}, got {shown(node)}")
        return value

    def pairs(self, node: yaml.Node | None, path: str) -> list[tuple[str, yaml.Node]]:
        """The pairs of a mapping, their lines noted. A key that comes twice, or is no plain text, is a fault."""
        if not isinstance(node, yaml.MappingNode):
            if node is not None and not is_nothing(node):
                self._fault(line_of(node), path, f"must be a mapping (key: value), got {shown(node)}")
            return []
        pairs: dict[str, yaml.Node] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fault(line_of(key), path, f"a key must be text, got {shown(key)}")
                continue
            here = _join(path, key.value)
            if key.value in pairs:
                self._fault(line_of(key), here, f"comes twice; the first is on line {self.lines[here]}")
                continue
            pairs[key.value] = child
            self.lines[here] = line_of(key)
        return list(pairs.items())

    def _fault(self, line: int, path: str, message: str) -> None:
        self.faults.append(Fault(self.file, line, path, message))


def _converted(node: yaml.Node, kind: type) -> Any:
    """The scalar as *kind*, or None if it cannot be one.

    The text as written decides, not YAML 1.1's guess about it: ``3e-3`` is a number here, ``1:30`` is not ninety,
    and a command's ``-d 3`` stays text.
    """
    if not isinstance(node, yaml.ScalarNode) or is_nothing(node):
        return None
    if kind in (str, Path):
        return kind(node.value)
    if node.style is not None:  # quoted
        return None
    if kind is bool:
        return BOOLEANS.get(node.value.lower())
    try:
        number = int(node.value, 0) if kind is int else float(node.value)
    except ValueError:
        return None
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _is_collection(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or typing.get_origin(kind) in (dict, Mapping, list, tuple)


def _keys(node: yaml.Node) -> list[str]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)]


def _join(path: str, key: str) -> str:
    return f"{path}.{short(key)}" if path else short(key)
