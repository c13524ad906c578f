"""``kws-app``: finds the command, runs it, and turns what went wrong into a sentence and an exit code."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from kws_app import __version__, stderr
from kws_app.cli.options import Parser, add_config
from kws_app.errors import EX_CANTCREAT, EX_OK, EX_SOFTWARE, EX_UNAVAILABLE, INTERRUPTED, HungError, KwsError

# Before numpy is imported: its linear algebra would start a thread a core, and no product of ours is worth a second.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

COMMANDS = (
    *("run", "replay", "score", "check", "config", "devices", "profile", "doctor"),
    *("status", "events", "meter", "mute", "unmute", "reload"),
)
"""Each is the module of that name beside this one, with ``add_parser(subparsers)`` and ``run(args) -> int``."""

STDOUT = 1

EXAMPLES = """\
examples:
  kws-app run                          listen, as ./config.yaml or /etc/kws-app/config.yaml says
  kws-app check                        say whether it would work, without opening the microphone
  kws-app replay examples/computer.flac
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``kws-app`` with *arguments*, those of the process by default; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    _open_what_is_closed()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: a file's name need not be text
    args = parser_for(arguments).parse_args(arguments)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except HungError as error:  # of a command; the daemon ends in its own way
        print(f"microphone: {error}; the device, or an audio server, hangs", file=stderr.stream())
        sys.stdout.flush()
        os._exit(EX_UNAVAILABLE)  # libraries would complain of what the hanging thread still has
    except KwsError as error:
        print(error, file=stderr.stream())
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has had enough, as `head` has
        _discard_output()
        return EX_OK
    except Exception as error:  # noqa: BLE001  our own fault: whoever reports it needs all of it
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # what goes elsewhere is an OutputError
            _discard_output()
            print(f"standard output: cannot be written: {error.strerror}", file=sys.stderr)
            return EX_CANTCREAT
        traceback.print_exc()
        return EX_SOFTWARE
    return status


def _open_what_is_closed() -> None:
    """Open the null device in place of a standard stream that is closed: its number would go to the next file."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= stderr.STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(STDOUT, "w")
    sys.stderr = sys.stderr or os.fdopen(stderr.STDERR, "w")


def _discard_output() -> None:
    """Let what is still to be printed, and was not taken, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser that *arguments* need: with the named command alone, or with all if none is named."""
    parser = Parser(
        prog="kws-app",
        description="A wake-word service: hears a word and runs what you configured.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"kws-app {__version__}")
    add_config(parser)
    parser.set_defaults(config=None)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _wanted(arguments):
        import_module(f"kws_app.cli.{command}").add_parser(subparsers)
    return parser


def _wanted(arguments: Sequence[str]) -> Sequence[str]:
    first = next(iter(arguments), None)
    if first == "--version":
        return ()
    return (first,) if first in COMMANDS else COMMANDS
