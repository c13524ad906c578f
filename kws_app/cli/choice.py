"""What a command line chooses over the configuration: which model listens, and for which of its keywords."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws_app.cli.options import add_config

if TYPE_CHECKING:
    from kws_app.config import LoadedConfig
    from kws_app.model.stepper import Model
    from kws_app.pipeline import KeywordSettings

ALL = "all"


def add_options(parser: argparse.ArgumentParser, *, without: str) -> None:
    """Add ``--config``, ``--model`` and ``--keyword``; *without* says what is heard if no keyword is named."""
    add_config(parser)
    parser.add_argument("--model", type=Path, metavar="M", help="an .onnx file, instead of the configuration's")
    parser.add_argument(
        "--keyword",
        action="append",
        default=[],
        metavar="ID",
        help=f"listen for this keyword of the model, may be repeated; '{ALL}' for every one; without: {without}",
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for, read and loaded."""

    config: LoadedConfig
    model: Model
    keywords: Mapping[str, KeywordSettings]


def choose(args: argparse.Namespace, *, default: str | None = None) -> Choice:
    """The model and the keywords that *args* ask for; *default* stands in where ``--keyword`` was not given.

    A keyword keeps the settings that the configuration has for it.

    Raises:
        ConfigError, ModelError: the configuration or the model cannot be used.
    """
    from kws_app.config import load_config
    from kws_app.model.stepper import load_model
    from kws_app.pipeline import KeywordSettings

    config = load_config(args.config)
    model = load_model(args.model or config.model_path)
    configured = config.values.keywords
    names = args.keyword or ([default] if default else [*configured])
    if ALL in names:
        names = model.card.keyword_ids
    return Choice(config, model, {name: configured.get(name, KeywordSettings()) for name in names})
