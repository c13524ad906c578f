"""Writes config.yaml and docs/reference/config.md from the settings in the code; ``--check`` says if they are so."""

from __future__ import annotations

import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from kws_app.cli.config import flow
from kws_app.config import Config
from kws_app.hooks import Kinds
from kws_app.hooks.runner import HookSettings
from kws_app.schema import rule_of

ROOT = Path(__file__).parent.parent

WORDS = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    str: "text",
    types.NoneType: "empty",
}

YAML_HEAD = """\
# kws-app's configuration: every setting with its default. An empty file means the same.
# Relative paths begin in the folder of this file.
# `kws-app check` names every mistake; `systemctl reload kws-app` takes a changed file over.
"""

PAGE_HEAD = """\
# config.yaml

`kws-app` reads the file named by `-c`, else `./config.yaml`, else `/etc/kws-app/config.yaml`, else nothing.
Everything has a default, so an empty file is valid and listens for "computer".
What stands on the command line counts before the file, the file before the model's card, the card before the default.
`kws-app config` prints every value and where it came from.
Every mistake is reported in one go, with its line and the nearest valid name, and the exit code is 78.
Relative paths begin in the folder of the file.
Anchors, aliases and tags of YAML are not read.

This page is written by `scripts/make_config_reference.py` from the settings in the code.
"""

KEYWORD = "computer"


def main() -> int:
    texts = {ROOT / "config.yaml": config_yaml(), ROOT / "docs" / "reference" / "config.md": reference()}
    if "--check" in sys.argv:
        stale = [path for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
        for path in stale:
            print(f"{path}: not current; run scripts/make_config_reference.py")
        return 1 if stale else 0
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


def config_yaml() -> str:
    return "\n".join([YAML_HEAD, *_yaml_lines(Config(), "")]).rstrip() + "\n"


def _yaml_lines(section: Any, indent: str) -> Iterator[str]:
    for field in fields(section):
        value = getattr(section, field.name)
        if field.name == "hooks":
            yield from _comment(_help(field), "")
            yield "hooks:"
            yield from _hook_lines()
        elif isinstance(value, Mapping):
            yield from _comment(_help(field), "")
            yield f"{field.name}:"
            for name, child in value.items():
                yield f"  {name}:"
                yield from _yaml_lines(child, "    ")
        elif is_dataclass(value):
            yield f"{indent}{field.name}:"
            yield from _yaml_lines(value, f"{indent}  ")
        else:
            yield from _comment(_help(field), indent)
            yield f"{indent}{field.name}: {flow(value)}"
        if not indent:
            yield ""


def _hook_lines() -> Iterator[str]:
    """An example of each kind, the first with every setting that all of them have."""
    for place, kind in enumerate(Kinds()):
        own, *common = sorted(fields(Kinds()[kind]), key=lambda field: field.name != kind)
        yield from _comment(_help(own), "  ")
        yield f"  # - {kind}: {rule_of(own).example}"
        for field in common if place == 0 else []:
            yield f"  #   {field.name}: {flow(field.default)}".ljust(32) + f"# {_help(field)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    return (f"{indent}# {line}" for line in textwrap.wrap(text, 110))


def reference() -> str:
    lines = [PAGE_HEAD]
    for field in fields(Config):
        kind = typing.get_type_hints(Config)[field.name]
        lines += [f"## {field.name}", ""]
        if field.name == "hooks":
            lines += [f"A list: {_help(field)}. Each entry is of the kind that one of its keys names.", ""]
            lines += _table(HookSettings)
            for name in Kinds():
                lines += [f"### {name}", "", *_table(Kinds()[name], only=name)]
        elif is_dataclass(kind):
            lines += [f"{kind.__doc__}", "", *_table(kind)]
        else:
            lines += [f"A mapping: {_help(field)}. The default is `{KEYWORD}`.", ""]
            lines += [f"Each has, or is left empty: `{KEYWORD}:`", "", *_table(typing.get_args(kind)[1])]
    return "\n".join(lines).rstrip() + "\n"


def _table(kind: Any, only: str | None = None) -> Iterator[str]:
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    hints = typing.get_type_hints(kind)
    for field in fields(kind):
        if only in (None, field.name):
            default = "" if field.default is MISSING else f"`{flow(field.default)}`"
            yield f"| `{field.name}` | {_takes(field, hints[field.name])} | {default} | {rule_of(field).help} |"
    yield ""


def _help(field: Field[Any]) -> str:
    """The meaning and, where there is one, the choice or the range."""
    rule = rule_of(field)
    limits = ""
    if rule.one_of is not None:
        limits = f" ({', '.join(rule.one_of)})"
    elif rule.between is not None:
        limits = f" ({rule.between[0]} to {rule.between[1]})"
    return rule.help + limits


def _takes(field: Field[Any], hint: Any) -> str:
    rule = rule_of(field)
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        words = f"list of {WORDS[parts[0]]}"
    else:
        words = " or ".join(WORDS[part] for part in parts or (hint,))
    if rule.one_of is not None:
        return (
            f"{'list of ' if typing.get_origin(hint) is tuple else ''}{', '.join(f'`{word}`' for word in rule.one_of)}"
        )
    return words if rule.between is None else f"{words}, {rule.between[0]} to {rule.between[1]}"


if __name__ == "__main__":
    sys.exit(main())
