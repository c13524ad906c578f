"""``kws-train report speech-commands``: train what is missing of the table, then write its page."""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kws_app.errors import ConfigError, Fault, ModelError
from kws_app.training.speechcommands.rows import COMPARISON, ROWS, SEEDS

if TYPE_CHECKING:
    from kws_app.training.speechcommands.clips import Clips
    from kws_app.training.speechcommands.course import Entrant
    from kws_app.training.speechcommands.recipe import ClipRecipe
    from kws_app.training.speechcommands.results import Result

logger = logging.getLogger(__name__)

PAGE = Path("docs/speech-commands.md")
COMPARED = [key for key, row in ROWS.items() if not row.recipe]
"""The rows that are trained alike."""
LAID_OPEN = ("gru-154", "ghost2-154", "gru-77")
"""Rows whose hidden units are looked at."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this report."""
    group = parser.add_argument_group("speech-commands")
    group.add_argument("--data", type=Path, metavar="DIR", help="folder with speech_commands and background")
    group.add_argument("--work", type=Path, metavar="DIR", help="folder of this run; trained networks are kept there")
    group.add_argument("--recipe", default=COMPARISON, help="what all rows have in common (default comparison)")
    group.add_argument(
        "--clips",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="further clips of Speech Commands to learn from, WORD/SPEAKER_nohash_N.wav: the whole corpus, or a part",
    )
    group.add_argument(
        "--synthetic", type=Path, action="append", default=[], metavar="DIR", help="folders of kws-train synthesize"
    )
    group.add_argument(
        "--teachers",
        type=Path,
        metavar="DIR",
        help="folder of the recipe's teachers and of what it starts from (default --work)",
    )
    group.add_argument("--rows", nargs="+", metavar="ROW", default=COMPARED, help=f"of {', '.join(ROWS)}")
    group.add_argument("--seeds", type=int, nargs="+", metavar="N", default=list(SEEDS), help="default 0 1 2")
    group.add_argument("--examples", type=int, metavar="N", help="instead of the recipe's")
    group.add_argument("--updates", type=int, metavar="N", help="instead of the recipe's")
    group.add_argument("--device", default="cpu", help="cpu or cuda")
    group.add_argument("--threads", type=int, default=1, help="of the processor (default 1)")
    group.add_argument("--side-by-side", type=int, default=1, metavar="N", help="networks trained at once on a GPU")
    group.add_argument("--seconds", type=float, default=math.inf, help="stop after so long; the same command goes on")


def run(args: argparse.Namespace) -> int:
    """Train the rows that are missing, judge them, write the page."""
    began = time.monotonic()
    faults = [
        Fault("--rows", None, row, f"no such row; there are {', '.join(ROWS)}") for row in args.rows if row not in ROWS
    ]
    own = {
        key: row.recipe for key, row in ROWS.items() if key in args.rows and args.recipe == COMPARISON and row.recipe
    }
    faults += [Fault("--rows", None, row, f"has a recipe of its own; add --recipe {own[row]}") for row in own]
    faults += [Fault(f"--{name}", None, "", "is needed") for name in ("data", "work") if getattr(args, name) is None]
    if faults:
        raise ConfigError(*faults)
    from kws_app.training.speechcommands.recipe import read_clip_recipe, shortened
    from kws_app.training.speechcommands.results import remembered, require_recipe
    from kws_app.training.speechcommands.table import entrants, kept

    recipe = shortened(read_clip_recipe(args.recipe), examples=args.examples, updates=args.updates)
    shared = not args.synthetic and args.examples is None and args.updates is None
    is_whole = args.recipe == COMPARISON and shared
    page = args.page or (PAGE if is_whole else None)  # what was only tried joins no table by itself
    if page is not None:
        remembered(_figures(page), ROWS)  # damaged ones are refused before hours of training
    args.work.mkdir(parents=True, exist_ok=True)
    wanted = entrants(recipe, {name: ROWS[name] for name in args.rows}, args.seeds)
    missing = [entrant for entrant in wanted if not kept(entrant, args.work).exists()]
    for entrant in wanted:
        if entrant not in missing:
            require_recipe(entrant, args.work)
    failed = _train(recipe, missing, args, deadline=began + args.seconds) if missing else []
    left = [entrant.name for entrant in missing if not kept(entrant, args.work).exists()]
    print(f"{len(wanted) - len(left)} of {len(wanted)} networks are trained")
    report(recipe, args.data, args.work, page)
    return 1 if failed else 0


def _train(recipe: ClipRecipe, missing: Sequence[Entrant], args: argparse.Namespace, *, deadline: float) -> list[str]:
    """Train what is *missing*, until *deadline* on the monotonic clock; returns who could not be trained."""
    import torch

    from kws_app.training.speechcommands.results import trained
    from kws_app.training.speechcommands.table import gather, start_of, teachers_of, train_all

    torch.set_num_threads(args.threads)
    folder = args.teachers or args.work
    teachers = [trained(entrant, folder) for entrant in teachers_of(recipe, folder)]
    first = start_of(recipe, folder, missing)
    material = gather(
        recipe,
        args.data,
        torch.device(args.device),
        clips=args.clips,
        synthetic=args.synthetic,
        teachers=teachers,
        start=trained(first, folder) if first is not None else None,
    )
    (args.work / "corpus.json").write_text(json.dumps(material.corpus), encoding="utf-8")
    return train_all(missing, material, args.work, side_by_side=args.side_by_side, deadline=deadline)


def report(recipe: ClipRecipe, data: Path, work: Path, page: Path | None) -> None:
    """Judge what is trained in *work*, whichever rows were asked for, and write the page.

    ``results.json`` in the page's folder has every network's figures, so that the page outlives the folders, and the
    machines, in which they were trained.
    """
    from kws_app.training.speechcommands.clips import read_split
    from kws_app.training.speechcommands.judge import step_features
    from kws_app.training.speechcommands.redundancy import hidden_states
    from kws_app.training.speechcommands.results import remember, remembered, trained
    from kws_app.training.speechcommands.table import all_kept
    from kws_app.training.speechcommands.tablepage import table, write

    done = all_kept(recipe, work)
    if not done:
        return
    dev = read_split(data / "speech_commands", "dev", tuple(recipe.keywords))
    before = remembered(_figures(page), ROWS) if page is not None else []
    if page is not None:  # which has rows trained alike, and the shipped models
        done = [entrant for entrant in done if (entrant.row.recipe or COMPARISON) == recipe.name]
    found = _in_order([*before, *_judged(done, dev, work)])
    print("\n".join(table({key: row for key, row in ROWS.items() if key in found}, found)))
    if page is not None:
        features = step_features(recipe, dev.samples)
        states = {e.key: hidden_states(trained(e, work), features) for e in done if e.key in LAID_OPEN and e.seed == 0}
        write(page, ROWS, found, states)
        remember([result for results in found.values() for result in results], _figures(page))
        print(page)


def _figures(page: Path) -> Path:
    """Every network's figures, beside the page."""
    return page.with_suffix("") / "results.json"


def _judged(done: Sequence[Entrant], dev: Clips, work: Path) -> Iterator[Result]:
    """The figures of those that can be exported."""
    from kws_app.training.speechcommands.results import result_of

    for entrant in done:
        try:
            yield result_of(entrant, dev, work)
        except ModelError as error:
            logger.error("%s", error)


def _in_order(results: Iterable[Result]) -> dict[str, list[Result]]:
    """By row, its seeds in order; of two results of one network the later one."""
    latest = {(result.row, result.seed): result for result in results}
    return {row: kept for row in ROWS if (kept := [latest[key] for key in sorted(latest) if key[0] == row])}
