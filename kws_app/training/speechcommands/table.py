"""The networks of the table, trained: the most important first, several side by side, each kept once it is done."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import torch

from kws_app.arrays import RATE
from kws_app.errors import ConfigError, Fault
from kws_app.training.checkpoint import write
from kws_app.training.data import rows
from kws_app.training.network import WITHOUT_GHOSTS, Front, Network
from kws_app.training.speechcommands.clips import (
    Clips,
    joined,
    noise,
    read_clips,
    read_noise,
    read_split,
    read_synthetic,
)
from kws_app.training.speechcommands.course import Course, Entrant
from kws_app.training.speechcommands.examples import ExampleMaker, Examples
from kws_app.training.speechcommands.judge import accuracy
from kws_app.training.speechcommands.official import further_clips, speaker_of
from kws_app.training.speechcommands.recipe import ClipRecipe
from kws_app.training.speechcommands.rows import ROWS, SEEDS, Row
from kws_app.training.speechcommands.teachers import require_features, taught

logger = logging.getLogger(__name__)

BURST = 10
"""Updates that a network is told to do before the next has its turn."""
SAVED_EVERY = 500
"""Updates."""


@dataclass(frozen=True, slots=True)
class Material:
    """What all learn from, what they are judged on, what they begin with, and what a card says of the recordings.

    Attributes:
        start: the network whose weights all begin with, if there is one.
    """

    examples: Examples
    dev: Clips
    front: Front
    corpus: dict[str, Any]
    start: Network | None = None


def gather(
    recipe: ClipRecipe,
    folder: Path,
    device: torch.device,
    *,
    clips: Sequence[Path] = (),
    synthetic: Sequence[Path] = (),
    teachers: Sequence[Network] = (),
    start: Network | None = None,
) -> Material:
    """Decode the folder's recordings and make the examples; what *teachers* say of one is its target.

    Clips of the folders *clips*, which are the corpus's as it is published, and words of the folders *synthetic*,
    which ``kws-train synthesize`` wrote, join the recordings. They are normalised as the network *start* was, if there
    is one.
    """
    if start is not None:
        fault = Fault("course.start_from", None, "", "was trained on other features than the recipe's")
        require_features(Front(recipe.features, recipe.network), start.front, fault)
    corpus, keywords = folder / "speech_commands", tuple(recipe.keywords)
    listed = list(rows(corpus / "manifest.tsv"))
    more = further_clips(clips, listed) if clips else []
    train, dev = (read_split(corpus, split, keywords) for split in ("train", "dev"))
    if more:
        train = joined(train, read_clips(more, keywords))
    others = [read_synthetic(path, keywords) for path in synthetic]
    further, unreadable = read_noise(sorted((folder / "background" / "train" / "noise").glob("*.*")))
    skipped = sorted({*train.skipped, *dev.skipped, *unreadable, *(why for clips in others for why in clips.skipped)})
    print(f"{len(train)} clips to learn from, {len(dev)} to judge on; {len(skipped)} files were skipped", flush=True)
    beds, spoken = [*noise(corpus, "train")[0], *further], reduce(joined, others) if others else None
    front = start.front if start is not None else None
    maker = ExampleMaker(recipe, train, beds, device, synthetic=spoken, front=front)
    examples = maker.make(recipe.course.examples)
    if teachers:
        examples = taught(examples, maker.front, teachers, recipe.scored_steps)
    print(f"{len(examples)} examples", flush=True)
    speakers = {
        row["speaker"] for row in listed if row["path"].startswith("train/") and not row["word"].startswith("_")
    } | {speaker_of(path) for path, _ in more}
    hours = round(len(train) * train.samples.shape[1] / RATE / 3600, 2)
    facts = {"hours": hours, "speakers": len(speakers), "skipped": skipped}
    return Material(examples, dev, maker.front, facts, start)


def entrants(recipe: ClipRecipe, named: Mapping[str, Row], seeds: Sequence[int]) -> list[Entrant]:
    """Every row with every seed; the next seed begins when all rows have had one."""
    return [
        Entrant(key, row, replace(recipe, network=row.settings(recipe)), seed)
        for seed in seeds
        for key, row in named.items()
    ]


def all_kept(recipe: ClipRecipe, work: Path) -> list[Entrant]:
    """Whoever is trained in the folder *work*."""
    return [entrant for entrant in entrants(recipe, ROWS, SEEDS) if kept(entrant, work).exists()]


def teachers_of(recipe: ClipRecipe, work: Path) -> list[Entrant]:
    """The trained networks of the folder *work* that the recipe names as teachers.

    Raises:
        ConfigError: every name that is none of one.
    """
    return _trained_before(recipe, work, "course.teachers", recipe.course.teachers)


def start_of(recipe: ClipRecipe, work: Path, learners: Iterable[Entrant]) -> Entrant | None:
    """The trained network of the folder *work* that the recipe says its *learners* begin with, if it names one.

    Raises:
        ConfigError: there is none of that name, or more sets it apart from a learner than how matrices are stored and
            that only the learner has ghosts.
    """
    if not recipe.course.start_from:
        return None
    (start,) = _trained_before(recipe, work, "course.start_from", [recipe.course.start_from])
    theirs, faults = start.recipe.network, []
    for learner in learners:
        ours, name = learner.recipe.network, learner.key
        if theirs.cell == WITHOUT_GHOSTS.get(ours.cell):
            ours, name = ours.without_ghosts(), f"{name} without its ghosts"
        faults += [
            Fault("course.start_from", None, start.name, f"has {key} {getattr(theirs, key)}, {name} {wanted}")
            for key in ("cell", "hidden", "layers")
            if getattr(theirs, key) != (wanted := getattr(ours, key))
        ]
    if faults:
        raise ConfigError(*faults)
    return start


def _trained_before(recipe: ClipRecipe, work: Path, setting: str, names: Sequence[str]) -> list[Entrant]:
    there = {entrant.name: entrant for entrant in all_kept(recipe, work)}
    why = f"is not trained in {work}; there are: {', '.join(there) or 'none'}"
    faults = [Fault(setting, None, name, why) for name in names if name not in there]
    if faults:
        raise ConfigError(*faults)
    return [there[name] for name in names]


def train_all(
    waiting: Sequence[Entrant], material: Material, work: Path, *, side_by_side: int, deadline: float
) -> list[str]:
    """Train what is not yet trained, until *deadline* on the monotonic clock; returns who could not be trained.

    A network whose training fails is named and left out, so that it does not cost the others their time on the GPU.
    """
    queue, active, failed = deque(waiting), [], []
    while (queue or active) and time.monotonic() < deadline:
        while queue and len(active) < side_by_side:
            active.append(Course(queue.popleft(), material.examples, material.front, work, start=material.start))
        ready = [course for course in active if course.is_ready]
        if not ready:
            time.sleep(0.0002)
        for course in ready:
            try:
                course.advance(BURST)
            except RuntimeError as error:
                logger.error("%s cannot be trained: %s", course.entrant.name, error)
                failed.append(course.entrant.name)
                active.remove(course)
                continue
            if course.is_over:
                active.remove(course)
                _keep(course, material.dev, work)
            elif course.updates % SAVED_EVERY == 0:
                course.save()
    for course in active:
        course.save()
    return failed


def _keep(course: Course, dev: Clips, work: Path) -> None:
    """Write what a course has come to; until that is done, its checkpoint stays."""
    entrant, network = course.entrant, course.finish()
    write({"network": network.state_dict(), "recipe": entrant.recipe.digest}, kept(entrant, work))
    course.forget()
    found = accuracy(network, entrant.recipe, dev)
    with (work / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": entrant.name, "accuracy": round(found, 4), "at": round(time.time())}) + "\n")
    print(f"{entrant.name}: {100 * found:.1f} %", flush=True)


def kept(entrant: Entrant, work: Path) -> Path:
    """Where a trained network is."""
    return work / f"{entrant.name}.pt"
