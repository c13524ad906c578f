"""``kws-train train`` and ``kws-train export``."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from kws_app.errors import ConfigError, Fault
from kws_app.training.card import make_card
from kws_app.training.data import Corpus
from kws_app.training.options import add_jobs
from kws_app.training.phones import Alignment, read_alignment
from kws_app.training.recipe import Recipe, read_recipe
from kws_app.training.scenes import SceneBuilder, read_shards
from kws_app.training.shards import compose


def add_train(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "train",
        help="compose scenes and train a recipe's model",
        description="Compose scenes from recordings and train. Started again, it goes on where it stopped.",
        epilog="example: kws-train train wakewords-en --data DATA --synthetic SPEECH --work runs/wakewords-en",
    )
    add_sources(parser)
    add_jobs(parser, what="processes that compose scenes")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument(
        "--start-from",
        nargs=2,
        metavar=("RECIPE", "WORK"),
        help="begin with the weights of another run; its recipe may store the matrices in other forms",
    )
    parser.add_argument(
        "--teacher",
        nargs=2,
        action="append",
        default=[],
        metavar=("RECIPE", "WORK"),
        help="another run whose scores are learnt as the recipe's posterior_weight says; of several, their mean",
    )
    parser.set_defaults(run=train)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """The recipe, what its scenes are composed of, and the folder of the run."""
    parser.add_argument("recipe", help="name of a shipped recipe, or a .yaml file")
    parser.add_argument("--data", type=Path, required=True, help="folder with wakewords, speech_commands, background")
    parser.add_argument("--background", type=Path, action="append", default=[], help="further background folders")
    parser.add_argument("--synthetic", type=Path, action="append", default=[], help="folders of kws-train synthesize")
    parser.add_argument("--phones", type=Path, metavar="FILE", help="what kws-train align found in these folders")
    parser.add_argument("--mined", type=Path, metavar="FILE", help="what kws-train mine found in these folders")
    parser.add_argument("--work", type=Path, required=True, help="folder of this run")


def train(args: argparse.Namespace) -> int:
    """Compose what scenes are missing, then train to the recipe's end."""
    import torch

    from kws_app.training.checkpoint import to_start_from
    from kws_app.training.ensemble import read_teachers
    from kws_app.training.lessons import lessons_of
    from kws_app.training.team import first_here, join, own_device
    from kws_app.training.train import Trainer

    torch.set_num_threads(args.threads)
    recipe, device = read_recipe(args.recipe), own_device(args.device)
    trained = None
    if args.start_from:
        source, work = args.start_from
        trained = to_start_from(Path(work) / "checkpoint.pt", read_recipe(source), recipe)
    teachers = read_teachers([(name, Path(work)) for name, work in args.teacher], recipe) if args.teacher else []
    team = join(device)
    if first_here():
        shards_of(recipe, args)
    team.wait()
    paths = shards_of(recipe, args)
    shard = read_shards(paths)
    if recipe.taught and not teachers:
        shard = replace(shard, lessons=lessons_of(paths, keywords=len(recipe.keywords)))
    Trainer(recipe, shard, args.work, device=device, team=team, trained=trained, teachers=teachers).run()
    if team.leads:
        print(f"trained; next: kws-train export {args.recipe} --work {args.work} --out models/{recipe.name}.onnx")
    return 0


def shards_of(recipe: Recipe, args: argparse.Namespace) -> list[Path]:
    """The scenes of the run that the command line describes, composed if they are missing."""
    return compose(recipe, args.work, lambda: scene_builder(recipe, args), jobs=args.jobs)


def scene_builder(recipe: Recipe, args: argparse.Namespace) -> SceneBuilder:
    """What composes the run's scenes."""
    weights = {keyword: spoken.weight for keyword, spoken in recipe.keywords.items()}
    return SceneBuilder(gather(recipe, args), tuple(recipe.keywords), weights, recipe.scenes)


def gather(recipe: Recipe, args: argparse.Namespace) -> Corpus:
    """Everything the command line names, decoded, and noted in the run's ``corpus.json``."""
    corpus = Corpus(alignment=read_alignment(args.phones) if args.phones else Alignment())
    corpus.add_recordings(args.data, tuple(recipe.keywords))
    for folder in args.background:
        corpus.add_background(folder)
    for folder in args.synthetic:
        corpus.add_synthetic(folder)
    if args.mined:
        corpus.add_mined(args.mined)
    silent = [k for k in recipe.keywords if not corpus.keywords.get(k) and not corpus.synthetic.get(k)]
    if silent:
        raise ConfigError(Fault(str(args.data), None, "keywords", f"no recording of {', '.join(silent)}"))
    summary = {
        "hours": round(corpus.hours, 2),
        "speakers": corpus.speakers,
        "recordings": {k: len(v) for k, v in corpus.keywords.items()},
        "synthetic": {k: len(v) for k, v in corpus.synthetic.items()},
        "near_misses": len(corpus.near_misses),
        "mined": len(corpus.mined),
        "skipped": corpus.skipped,
    }
    (args.work / "corpus.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    if corpus.skipped:
        print(f"skipped {len(corpus.skipped)} files, listed in {args.work / 'corpus.json'}")
    return corpus


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """The object in a file, which must have these keys."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(Fault(str(path), None, "", f"is not JSON: {error}")) from error
    if not isinstance(found, dict):
        raise ConfigError(Fault(str(path), None, "", "must hold an object"))
    missing = [key for key in keys if key not in found]
    if missing:
        raise ConfigError(Fault(str(path), None, missing[0], "is missing"))
    return found


def add_export(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a trained run as an int8 ONNX step graph with its card",
        description="Write the run's averaged network. Refuses if the file's scores differ from the network's.",
        epilog="example: kws-train export wakewords-en --work runs/wakewords-en --out six.onnx --measured dev.json",
    )
    parser.add_argument("recipe", help="name of a shipped recipe, or a .yaml file")
    parser.add_argument("--work", type=Path, required=True, help="folder of the run")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--measured", type=Path, help="JSON of kws-train evaluate: thresholds and figures for the card")
    parser.set_defaults(run=export_run)


def export_run(args: argparse.Namespace) -> int:
    """Write the model of a run."""
    from kws_app.training.checkpoint import read_checkpoint
    from kws_app.training.export import export
    from kws_app.training.lanes import steps_of

    recipe = read_recipe(args.recipe)
    network = read_checkpoint(args.work / "checkpoint.pt", recipe)
    corpus = read_json(args.work / "corpus.json", "hours", "speakers")
    measured = read_json(args.measured, "keywords")["keywords"] if args.measured else {}
    card = make_card(recipe, network, corpus=corpus, measured=measured)
    scenes = read_shards([args.work / "scenes" / "0000.npz"]).features[:2]
    model = export(network, card, args.out, steps_of(scenes.reshape(-1, scenes.shape[-1]), recipe.network.stack))
    print(f"{args.out}: {len(model)} bytes, {network.parameters_trained} parameters")
    return 0
