"""Writes docs/reference/recipe.md from the settings in the code; ``--check`` says if it is so."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from kws_app.cli.config import flow
from kws_app.schema import rule_of
from kws_app.training.recipe import Recipe
from kws_app.training.speechcommands.recipe import ClipRecipe

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "recipe.md"

HEAD = """\
# Recipes

A recipe is a YAML file that says everything a model is made from.
[Train a model](../how-to/train-a-model.md) has an example; those of the shipped models are in `kws_app/training`.
What a recipe leaves out has its default.
Every mistake is reported in one go, with its line and the nearest valid name, and the exit code is 78.
A pair is what a setting has at first and at last, or between which it is drawn; the meaning says which.

This page is written by `scripts/make_recipe_reference.py` from the settings in the code.
"""
KINDS = {
    "A recipe of kws-train train": Recipe,
    "A recipe of kws-train report speech-commands": ClipRecipe,
}
WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "empty"}


def main() -> int:
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE}: not current; run scripts/make_recipe_reference.py")
        return 1
    return 0


def page() -> str:
    lines, told = [HEAD], set[type]()
    for title, kind in KINDS.items():
        lines += [f"## {title}", "", *_sections(kind, told)]
    return "\n".join(lines).rstrip() + "\n"


def _sections(kind: type, told: set[type]) -> Iterator[str]:
    """The table of *kind*, then those of the sections in it that were not *told* of before."""
    hints = typing.get_type_hints(kind)
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    for field in fields(kind):
        section = _section(hints[field.name])
        has_none = field.default is MISSING or section is not None
        cells = (
            _takes(field, hints[field.name]),
            "" if has_none else f"`{flow(field.default)}`",
            _meaning(field, section),
        )
        yield f"| `{field.name}` | {' | '.join(cells)} |"
    yield ""
    for section in filter(None, map(_section, hints.values())):
        if section not in told:
            told.add(section)
            yield from (f"### {_title(section)}", "", _purpose(section), "")
            yield from _sections(section, told)


def _section(hint: Any) -> type | None:
    """The dataclass in a field's type, if it is of sections."""
    if is_dataclass(hint):
        return typing.cast("type", hint)
    return next(filter(None, map(_section, typing.get_args(hint))), None)


def _title(section: type) -> str:
    """``StageSettings`` is told of under *Stage*."""
    return section.__name__.removesuffix("Settings").removesuffix("Recipe")


def _takes(field: Field[Any], hint: Any) -> str:
    rule, section, parts = rule_of(field), _section(hint), typing.get_args(hint)
    if section is not None:
        link = f"[{_title(section)}](#{_title(section).lower()})"
        match typing.get_origin(hint):
            case None:
                return link
            case origin if origin is tuple:
                return f"list of {link}"
            case origin if origin is dict:
                return f"mapping to {link}"
        return f"{link} or empty"
    if rule.one_of is not None:
        return ", ".join(f"`{word}`" for word in rule.one_of)
    if typing.get_origin(hint) is tuple:
        words = f"list of {WORDS[parts[0]]}" if parts[-1] is Ellipsis else f"pair of {WORDS[parts[0]]}s"
    else:
        words = " or ".join(WORDS.get(part, "pair of numbers") for part in parts or (hint,))
    return words if rule.between is None else f"{words}, {rule.between[0]} to {rule.between[1]}"


def _meaning(field: Field[Any], section: type | None) -> str:
    return rule_of(field).help or (_purpose(section).removesuffix(".") if section else "")


def _purpose(section: type) -> str:
    """The first paragraph of what it says of itself."""
    return (section.__doc__ or "").partition("\n\n")[0].replace("``", "`")


if __name__ == "__main__":
    sys.exit(main())
