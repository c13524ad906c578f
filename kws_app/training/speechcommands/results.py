"""What a trained network of the table comes to: exported, judged by the daemon's pipeline, sized and timed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kws_app.errors import ConfigError, Fault
from kws_app.model.stepper import Model
from kws_app.training.card import make_card
from kws_app.training.checkpoint import readable
from kws_app.training.export import export
from kws_app.training.network import Network
from kws_app.training.size import size_of
from kws_app.training.speechcommands.clipreport import keywords
from kws_app.training.speechcommands.clips import Clips
from kws_app.training.speechcommands.course import Entrant
from kws_app.training.speechcommands.hearing import Ear, hear
from kws_app.training.speechcommands.judge import accuracy, step_features
from kws_app.training.speechcommands.recipe import ClipRecipe
from kws_app.training.speechcommands.table import kept
from kws_app.wholefile import whole

COMPARED_CLIPS = 60
"""Over which a file's scores are compared with its network's before it is written."""
TIMED_STEPS, TIMED_ROUNDS = 100, 40


@dataclass(frozen=True, slots=True)
class Result:
    """One network; accuracies are shares of the clips of dev.

    Attributes:
        accuracy: of the float network, the state reset before every clip.
        int8: the same of the exported file, in the daemon's pipeline.
        carried: of the file, all clips as one stream.
        step_microseconds: of the file's step, on one core of this machine: the quickest of many rounds.
        recipe, examples, updates: what it was trained with, where that was written down.
        hours, speakers: of the clips that it learnt from, likewise.
        judged: the day, where that was written down.
        phases: of the file, which the weights do not depend on.
    """

    row: str
    seed: int
    accuracy: float
    int8: float
    carried: float
    parameters: int
    nonzeros: int
    macs: int
    paper_bytes: int
    paper_bytes_quantized: int
    file_bytes: int
    step_microseconds: float
    recipe: str = ""
    examples: int = 0
    updates: int = 0
    hours: float = 0.0
    speakers: int = 0
    judged: str = ""
    phases: int = 1


def result_of(entrant: Entrant, dev: Clips, work: Path) -> Result:
    """What was found before, or is found now: the file ``NAME.onnx`` and the figures ``NAME.json`` in *work*.

    Raises:
        ModelError: the network cannot be exported.
    """
    path = work / f"{entrant.name}.json"
    if path.exists():
        before = Result(**json.loads(path.read_text(encoding="utf-8")))
        if before.phases == entrant.recipe.network.phases:
            return before
    found = measured(entrant, dev, work)
    with whole(path) as file:
        file.write(json.dumps(asdict(found), indent=1).encode())
    return found


def remembered(path: Path, rows: Iterable[str]) -> list[Result]:
    """What an earlier run wrote down of networks that may no longer be there; *rows* are those that there are.

    Raises:
        ConfigError: the file is damaged.
    """
    if not path.exists():
        return []
    try:
        results = [Result(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise ConfigError(Fault(str(path), None, "", "is damaged; delete it to begin anew")) from error
    known = set(rows)
    return [result for result in results if result.row in known]


def remember(results: Iterable[Result], path: Path) -> None:
    """Write *results* down, a line a network.

    Raises:
        OutputError: they cannot be written.
    """
    lines = ",\n".join(json.dumps(asdict(result)) for result in results)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write(f"[\n{lines}\n]\n".encode())


def measured(entrant: Entrant, dev: Clips, work: Path) -> Result:
    """Export a trained network with thresholds chosen on *dev*, and judge the file."""
    recipe, network = entrant.recipe, trained(entrant, work)
    corpus = json.loads((work / "corpus.json").read_text(encoding="utf-8"))
    path, stream = (
        work / f"{entrant.name}.onnx",
        step_features(recipe, dev.samples[:COMPARED_CLIPS]).flatten(0, 1).numpy(),
    )
    ear = Ear(_exported(network, recipe, path, stream, corpus=corpus, found={}), path)
    heard = hear(ear, list(dev.samples), dev.words)
    graph = _exported(network, recipe, path, stream, corpus=corpus, found=keywords(heard, ear.keywords))
    return Result(
        row=entrant.key,
        seed=entrant.seed,
        accuracy=accuracy(network, recipe, dev),
        int8=heard.accuracy,
        carried=heard.accuracy_carried,
        **asdict(size_of(network)),
        file_bytes=len(graph),
        step_microseconds=step_microseconds(Model(path, graph), stream),
        recipe=recipe.name,
        examples=recipe.course.examples,
        updates=recipe.course.updates,
        hours=corpus["hours"],
        speakers=corpus["speakers"],
        judged=datetime.now(UTC).date().isoformat(),
        phases=recipe.network.phases,
    )


def trained(entrant: Entrant, work: Path) -> Network:
    """The network that was kept."""
    network, path = entrant.network(), kept(entrant, work)
    with readable(path):
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["network"])
    return network.eval()


def require_recipe(entrant: Entrant, work: Path) -> None:
    """Refuse a kept network that another recipe trained.

    Raises:
        ConfigError: it did, or the file is damaged.
    """
    path = kept(entrant, work)
    with readable(path):
        digest = torch.load(path, map_location="cpu", weights_only=True).get("recipe")
    entrant.recipe.require(digest, path)


def step_microseconds(model: Model, stream: npt.NDArray[np.float32]) -> float:
    """Of one step; the quickest round, since others share the machine."""
    stepper, quickest = model.stepper(), float("inf")
    for _ in range(TIMED_ROUNDS):
        began = time.perf_counter()
        for row in stream[:TIMED_STEPS]:
            stepper.step(row[None])
        quickest = min(quickest, time.perf_counter() - began)
    return 1e6 * quickest / min(TIMED_STEPS, len(stream))


def _exported(network: Network, recipe: ClipRecipe, path: Path, stream: npt.NDArray[np.float32], **known: Any) -> bytes:
    card = make_card(recipe, network, corpus=known["corpus"], measured=known["found"])
    return export(network, card, path, stream)
