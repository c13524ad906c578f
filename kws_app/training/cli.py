"""``kws-train``: makes models of one's own words, from recordings to a judged file."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence

from kws_app.cli.options import Parser
from kws_app.errors import EX_CANTCREAT, EX_NOINPUT, INTERRUPTED, KwsError

COMMANDS = {
    "common-voice": ("kws_app.training.commonvoice", "add_parser"),
    "synthesize": ("kws_app.training.synthesize", "add_parser"),
    "align": ("kws_app.training.align", "add_parser"),
    "mine": ("kws_app.training.mining", "add_parser"),
    "teacher": ("kws_app.training.teacher", "add_parser"),
    "train": ("kws_app.training.commands", "add_train"),
    "export": ("kws_app.training.commands", "add_export"),
    "streams": ("kws_app.training.streams", "add_parser"),
    "evaluate": ("kws_app.training.evaluate", "add_parser"),
    "calibrate": ("kws_app.training.calibrate", "add_parser"),
    "report": ("kws_app.training.page", "add_parser"),
    "compare": ("kws_app.training.compare", "add_parser"),
}

RESUMED = {"synthesize", "align", "teacher", "train", "report"}
"""What these had done when they were stopped is not done again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a mistake of the user's is one sentence and its exit code."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    parser = Parser(prog="kws-train", description=__doc__)
    subparsers = parser.add_subparsers(required=True, dest="command", metavar="command")
    for module, function in COMMANDS.values():
        getattr(importlib.import_module(module), function)(subparsers)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except KwsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:  # only files that the command line names are opened
        print(f"{error.filename or 'kws-train'}: {error.strerror or error}", file=sys.stderr)
        return EX_NOINPUT if isinstance(error, FileNotFoundError) else EX_CANTCREAT
    except KeyboardInterrupt:
        goes_on = "; the same command, given again, goes on from what was complete"
        print(f"stopped{goes_on if args.command in RESUMED else ''}", file=sys.stderr)
        return INTERRUPTED
