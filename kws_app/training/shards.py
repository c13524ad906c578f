"""The scenes of a run, an hour to a file: composed where they are missing, several files at once if asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import starmap
from pathlib import Path

from kws_app.features.mfcc import MfccSettings
from kws_app.training.recipe import Recipe
from kws_app.training.scenes import SceneBuilder, write_shard
from kws_app.training.spread import in_processes

SHARD_SECONDS = 3600
"""Sound in a shard; the last one may hold less."""

Task = tuple[Path, MfccSettings, int, tuple[int, ...]]
"""Where a shard goes, of which features, how many scenes, and their seed."""


def compose(recipe: Recipe, work: Path, builder: Callable[[], SceneBuilder], *, jobs: int = 1) -> list[Path]:
    """The shards of the run in *work*, those that are missing written first; the same by however many *jobs*.

    Args:
        builder: makes what composes scenes; asked for once, and only if a shard is missing.

    Raises:
        OutputError: one cannot be written.
        KwsError: a process died.
    """
    folder = work / "scenes"
    folder.mkdir(parents=True, exist_ok=True)
    count = round(SHARD_SECONDS / recipe.scenes.seconds)
    full, rest = divmod(round(recipe.schedule.hours * 3600 / recipe.scenes.seconds), count)
    sizes = [count] * full + ([rest] if rest else [])
    paths = [folder / f"{number:04d}.npz" for number in range(len(sizes))]
    tasks = {
        number: (path, recipe.features, sizes[number], shard_seed(recipe, number))
        for number, path in enumerate(paths)
        if not path.exists()
    }
    if tasks:
        for number, _ in zip(tasks, _written(list(tasks.values()), builder(), min(jobs, len(tasks))), strict=True):
            print(f"scenes: {number + 1} of {len(paths)} shards", flush=True)
    return paths


def shard_seed(recipe: Recipe, number: int) -> tuple[int, ...]:
    """Of the scenes in the run's shard *number*; the scene's own number comes last."""
    return recipe.seed, 0, number


def _written(tasks: list[Task], builder: SceneBuilder, jobs: int) -> Iterator[None]:
    """Write the shards in their order, and say of each that it is there."""
    _inherited[:] = [builder]
    try:
        # Forked, they share the decoded recordings, which are gigabytes; of torch's threads they use none.
        yield from starmap(_write, tasks) if jobs == 1 else in_processes(jobs, _write, tasks, start="fork")
    finally:
        _inherited.clear()  # it holds every recording


_inherited: list[SceneBuilder] = []
"""What composes, for the processes forked from this one; nothing once all is written."""


def _write(path: Path, features: MfccSettings, scenes: int, seed: tuple[int, ...]) -> None:
    write_shard(path, _inherited[0], features, scenes=scenes, seed=seed)
