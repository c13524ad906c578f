"""``kws-app score``: every frame's scores of a recording, for whoever sets thresholds or draws."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_app.cli import choice
from kws_app.errors import EX_OK

if TYPE_CHECKING:
    from kws_app.trace import Trace


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "score",
        help="write the scores of every frame of a recording",
        description="Run a recording through the daemon's pipeline and write, as numpy arrays, times [frames] in "
        "seconds (a frame's end), scores and smoothed [frames, keywords], and keywords [keywords].",
        epilog="example: kws-app score examples/computer.flac --npz scores.npz",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="wav, flac, ogg, mp3 or their like")
    parser.add_argument("--npz", type=Path, required=True, metavar="OUT", help="the file to write")
    choice.add_options(parser, without="all the model's")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score the file and write the arrays."""
    from kws_app.trace import trace

    chosen = choice.choose(args, default=choice.ALL)
    write(args.npz, trace(args.file, chosen.model, chosen.keywords))
    return EX_OK


def write(path: Path, trace: Trace) -> None:
    """Write the trace's arrays; *path* is whole afterwards, or as it was.

    Raises:
        OutputError: it cannot be written.
    """
    import numpy as np

    from kws_app.wholefile import whole

    with whole(path) as file:
        np.savez(
            file,
            allow_pickle=False,
            times=trace.times,
            scores=trace.scores,
            smoothed=trace.smoothed,
            keywords=np.array(trace.keywords),
        )
