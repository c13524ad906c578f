"""``kws-app config``: the effective configuration, and where each value came from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK

if TYPE_CHECKING:
    from kws_app.config import LoadedConfig

EXAMPLES = """\
examples:
  kws-app config
  kws-app config -c new.yaml

The output is a configuration itself. Where a value is not in the file, its default is shown.
"""

COLUMN = 48


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "config",
        help="print the effective configuration and where each value came from",
        description="Print every setting with its value and the line of the file it came from.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the configuration."""
    from kws_app.config import load_config

    print("\n".join(effective(load_config(args.config))))
    return EX_OK


def effective(config: LoadedConfig) -> Iterator[str]:
    """The lines of a YAML file that reads back as *config*, each with its origin as a comment."""
    for text, path in _lines(config.values, path="", indent=""):
        yield text if path is None else f"{text.ljust(COLUMN)}  # {config.origin(path)}"


def _lines(value: Any, *, path: str, indent: str) -> Iterator[tuple[str, str | None]]:
    """Text and path of each line; a section's own line has no path."""
    pairs = value.items() if isinstance(value, Mapping) else ((f.name, getattr(value, f.name)) for f in fields(value))
    for name, child in pairs:
        here = f"{path}.{name}" if path else name
        if _is_section(child):
            yield f"{indent}{name}:", None
            yield from _lines(child, path=here, indent=f"{indent}  ")
        elif isinstance(child, tuple) and any(map(is_dataclass, child)):
            yield f"{indent}{name}:", None
            for place, entry in enumerate(child):
                entry_lines = list(_lines(entry, path=f"{here}[{place}]", indent=f"{indent}    "))
                first, origin = entry_lines[0]
                yield f"{indent}  - {first.lstrip()}", origin
                yield from entry_lines[1:]
        else:
            yield f"{indent}{name}: {flow(child)}", here


def _is_section(value: Any) -> bool:
    return is_dataclass(value) or (isinstance(value, Mapping) and len(value) > 0)


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    import yaml

    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [*map(_plain, value)]
    return str(value) if isinstance(value, Path) else value
