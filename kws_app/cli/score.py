"""``kws-app score``: every frame's scores of a recording, for whoever sets thresholds or draws."""

from __future__ import annotations

import argparse
import errno
import os
from array import array
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_app.cli import choice
from kws_app.errors import EX_OK, OutputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from kws_app.model.stepper import Model
    from kws_app.pipeline import KeywordSettings


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "score",
        help="write the scores of every frame of a recording",
        description="Run a recording through the daemon's pipeline and write, as numpy arrays, times [frames] in "
        "seconds (a frame's end), scores and smoothed [frames, keywords], and keywords [keywords].",
        epilog="example: kws-app score examples/computer.flac --npz scores.npz",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="wav, flac, ogg, mp3 or their like")
    parser.add_argument("--npz", type=Path, required=True, metavar="OUT", help="the file to write")
    choice.add_options(parser, without="all the model's")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score the file and write the arrays."""
    chosen = choice.choose(args, default=choice.ALL)
    write(args.npz, score(args.file, chosen.model, chosen.keywords))
    return EX_OK


def score(file: Path, model: Model, keywords: Mapping[str, KeywordSettings]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a recording."""
    import numpy as np

    from kws_app.arrays import RATE
    from kws_app.audio.wavefile import WaveFile
    from kws_app.pipeline import Pipeline

    # An array keeps 4 bytes a score where a list keeps 32: a day has four million frames.
    ends, scores, smoothed = array("q"), array("f"), array("f")

    def note(end: int, raw: list[float], means: list[float]) -> None:
        ends.append(end)
        scores.extend(raw[column] for column in columns)
        smoothed.extend(means)

    pipeline = Pipeline(model, keywords, listener=note)
    columns = [model.card.keyword_ids.index(keyword) for keyword in keywords]
    with WaveFile(file) as source:
        for block in source.blocks():
            pipeline.push(block.samples)
    return {
        "times": np.array(ends, np.int64) / RATE,
        "scores": np.array(scores, np.float32).reshape(-1, len(columns)),
        "smoothed": np.array(smoothed, np.float32).reshape(-1, len(columns)),
        "keywords": np.array([*keywords]),
    }


def write(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write the arrays; *path* is whole afterwards, or as it was.

    Raises:
        OutputError: it cannot be written.
    """
    import numpy as np

    partial = path.parent / f"{path.name}.partial"
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "what is there is no file")  # root could replace /dev/null
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
