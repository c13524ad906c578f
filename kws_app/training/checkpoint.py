"""A run's checkpoint: what its averaged network is, and what is said of a file that is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from kws_app.errors import ConfigError, Fault
from kws_app.training.network import SIDE_HEADS, WITHOUT_GHOSTS, Network
from kws_app.training.recipe import Recipe
from kws_app.wholefile import whole

Weights = dict[str, Tensor]


def new_network(recipe: Recipe) -> Network:
    """The recipe's network, seeded."""
    torch.manual_seed(recipe.seed)
    return Network(recipe.features, recipe.network, len(recipe.keywords), phones=recipe.phones, echo=recipe.echo)


def finished(average: AveragedModel, ends: list[Weights]) -> Network:
    """The network inside *average* on the CPU, ready to be exported; with the mean of *ends* if there are any."""
    network = average.module
    assert isinstance(network, Network)
    if ends:
        load(network, {name: torch.stack([end[name] for end in ends]).mean(dim=0) for name in ends[0]})
    return network.cpu().eval()


def read_checkpoint(path: Path, recipe: Recipe) -> Network:
    """The averaged network of a run's checkpoint.

    Raises:
        ConfigError: it is damaged, or another recipe's.
    """
    network = new_network(recipe)
    average = AveragedModel(network)
    with readable(path, f"is damaged, or no run of the recipe {recipe.name}"):
        saved = torch.load(path, map_location="cpu", weights_only=True)
        load(average, saved["average"])
        complete = saved["stage"] == len(recipe.schedule.stages)
        return finished(average, saved.get("ends", []) if complete else [])


def to_start_from(path: Path, source: Recipe, recipe: Recipe) -> Network:
    """The averaged network of a run of *source*, whose weights one of *recipe* can begin with.

    Raises:
        ConfigError: there is none, or more differs than how matrices are stored, and that only *recipe* has ghosts or
            more context.
    """
    if not path.exists():
        raise ConfigError(Fault(str(path), None, "", "no such file; kws-train train writes it"))
    free = {f"network.{key}" for key in ("W", "U", "top", "across_layers", "piecewise_linear", "phases", "pause_bonus")}
    if source.network.context <= recipe.network.context:
        free.add("network.context")  # what it did not read is read as nothing at first
    if source.network.cell == WITHOUT_GHOSTS.get(recipe.network.cell):
        recipe = replace(recipe, name=f"{recipe.name} without ghosts", network=recipe.network.without_ghosts())
        free |= {f"network.{key}" for key in ("ratio", "phi", "phi_activation")}
    faults = differences(source, recipe, settings(recipe).keys() - free)
    read, W = source.network.bands_read(source.features.nfilt), recipe.network.W
    if W.form in ("low_rank", "shared") and W.rank > read:
        faults.append(
            Fault(recipe.name, None, "network.W.rank", f"is more than the {read} bands that {source.name} reads")
        )
    if faults:
        raise ConfigError(*faults)
    return read_checkpoint(path, source)


def differences(source: Recipe, recipe: Recipe, keys: Collection[str]) -> list[Fault]:
    """Where *source* has not what *recipe* has, of those keys of its :func:`settings` that must be the same."""
    ours, theirs = settings(recipe), settings(source)
    return [
        Fault(source.name, None, key, f"is {theirs[key]}, where {recipe.name} has {ours[key]}; they must be the same")
        for key in ours
        if key in keys and ours[key] != theirs[key]
    ]


def settings(recipe: Recipe) -> dict[str, object]:
    """What a network hears, says and is, by key."""
    found: dict[str, object] = {"keywords": ", ".join(recipe.keywords)}
    for section in ("features", "network"):
        found |= {f"{section}.{key}": value for key, value in asdict(getattr(recipe, section)).items()}
    return found


def write(saved: dict[str, Any], path: Path) -> None:
    """Keep what ``torch.load`` gives back; whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    buffer = BytesIO()  # torch.save to a full disk raises a RuntimeError that hides the reason
    torch.save(saved, buffer)
    with whole(path) as file:
        file.write(buffer.getbuffer())


def load(module: torch.nn.Module, saved: dict[str, Any]) -> None:
    """Take over what was saved; a side head that only one of both has is left as it is."""
    heads = {name: value for name, value in module.state_dict().items() if _of_side_head(name)}
    known = {name: value for name, value in saved.items() if not _of_side_head(name) or name in heads}
    module.load_state_dict(heads | known)


def _of_side_head(name: str) -> bool:
    """Whether it is a parameter of one, in a network or in the average of one."""
    return any(head in name for head in SIDE_HEADS)


@contextmanager
def readable(path: Path, reason: str = "is damaged, or another recipe's; delete it to begin anew") -> Iterator[None]:
    """Say of a checkpoint that cannot be taken what is wrong with it: *reason*."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        raise ConfigError(Fault(str(path), None, "", reason)) from error
