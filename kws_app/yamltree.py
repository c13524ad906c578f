"""YAML text -> nodes that know their line; what is too large, too deep or has no end is refused."""

from __future__ import annotations

import re
from typing import Any

import yaml

from kws_app.errors import ConfigError, Fault

MOST_CHARACTERS = 65_536
"""A few seconds of a small board's time, and far more than anybody types."""

DEPTH = 20

NULL, TEXT = "tag:yaml.org,2002:null", "tag:yaml.org,2002:str"

NO_CHARACTERS = re.compile("[\0\ud800-\udfff]")
"""What an escape ("\\0") can bring in, and no path, argument or output can hold."""

HINTS = {
    "'\\t' that cannot start": "a tab; YAML is indented by spaces",
    "cannot start any token": "begins with a character that YAML keeps for itself; put the text in quotes",
    "mapping values are not allowed": "a ': ' where none can be; check the indentation, or put the text in quotes",
}
"""The commonest slips in words for people, by a part of PyYAML's."""


def compose(text: str, *, file: str) -> yaml.Node | None:
    """Return the root node of *text*, None if it holds nothing.

    Raises:
        ConfigError: it is no YAML, or not the plain part that is read here (no aliases, no tags).
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(Fault(file, None, "", f"is too long: at most {MOST_CHARACTERS} characters are read"))
    try:
        return _PlainLoader(text, file).get_single_node()
    except yaml.reader.ReaderError as error:
        line: int | None
        line, message = text.count("\n", 0, error.position) + 1, f"character U+{error.character:04X} is not allowed"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, message = mark.line + 1 if mark else None, _sentence(error)
    except ConfigError:
        raise
    except (ValueError, OverflowError) as error:  # PyYAML lets these through for "\U00110000" and the like
        line, message = None, f"not YAML: {error}"
    raise ConfigError(Fault(file, line, "", message))


def is_nothing(node: yaml.Node) -> bool:
    """Whether the place is empty: ``key:``, ``key: ~``, ``key: null``."""
    return isinstance(node, yaml.ScalarNode) and node.tag == NULL


def line_of(node: yaml.Node | None) -> int:
    """The line where a node begins, counted from 1; a text that holds nothing has its first line."""
    return 1 if node is None else node.start_mark.line + 1


def shown(node: yaml.Node) -> str:
    """The node as a complaint names it."""
    if is_nothing(node):
        return "nothing"
    if isinstance(node, yaml.ScalarNode):
        return f"'{short(node.value)}'" if node.tag == TEXT else short(node.value)
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def short(text: str) -> str:
    """The text on one line that is short enough to read."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 60 else f"{text[:59]}…"


class _PlainLoader(yaml.SafeLoader):
    """Refuses the parts of YAML by which a small text makes a huge tree, and tags, which would be ignored."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self.file, self.depth = file, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it bare
        problem = self._problem(event)
        if problem is not None:
            raise ConfigError(Fault(self.file, event.start_mark.line + 1, "", problem))
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode) and (found := NO_CHARACTERS.search(node.value)):
            message = f"character U+{ord(found[0]):04X} is not allowed"
            raise ConfigError(Fault(self.file, line_of(node), "", message))
        return node

    def _problem(self, event: Any) -> str | None:
        if isinstance(event, yaml.AliasEvent):
            return f"write the value out: an alias (*{event.anchor}) is not read here"
        tag = getattr(event, "tag", None)
        if tag is not None:
            return f"a tag ({short(tag)}) is not read here"
        return f"is nested deeper than {DEPTH} levels" if self.depth >= DEPTH else None


def _sentence(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be read"
    for part, hint in HINTS.items():
        if part in problem:
            return hint
    if error.context is None or error.context_mark is None:
        return f"not YAML: {problem}"
    return f"not YAML: {problem} ({error.context}, begun on line {error.context_mark.line + 1})"
