"""Several trained networks as one teacher: what they say together is learnt beside the words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kws_app.errors import ConfigError, Fault
from kws_app.training.checkpoint import differences, read_checkpoint, settings
from kws_app.training.distill import Told
from kws_app.training.network import Network
from kws_app.training.recipe import Recipe, read_recipe


class Ensemble:
    """The mean of what *networks* score (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).

    They hear every chunk as it comes, whatever is masked for the one that learns, and each carries its own state.

    Args:
        networks: of the same features, steps and keywords as that one.
    """

    def __init__(self, networks: Sequence[Network], *, device: torch.device) -> None:
        self._networks = [network.to(device).eval() for network in networks]
        self._device = device
        self.states: list[Tensor] = []
        """``(lanes, state size)`` of each network."""

    def begin(self, lanes: int) -> None:
        """Begin to listen to so many lanes."""
        self.states = [network.start(lanes).to(self._device) for network in self._networks]

    def go_on(self, states: Sequence[Tensor]) -> None:
        """Take up the states of a run that stopped. If it had other teachers, these begin afresh."""
        if [state.shape for state in states] == [state.shape for state in self.states]:
            self.states = [state.to(self._device) for state in states]

    @torch.no_grad()
    def tell(self, features: Tensor) -> Told:
        """What is said of a chunk ``(steps, lanes, stack * coefficients)``; the states go on."""
        scores = []
        for number, network in enumerate(self._networks):
            logits, self.states[number] = network(features, self.states[number])
            scores.append(network.scores(logits))
        posteriors = torch.stack(scores).mean(dim=0)
        nothing = posteriors.new_empty(*posteriors.shape[:2], 0)
        return Told(nothing, posteriors, torch.ones_like(posteriors[:, :, :1]))


def read_teachers(runs: Iterable[tuple[str, Path]], recipe: Recipe) -> list[Network]:
    """The averaged networks of *runs*, recipe and folder of each, which one of *recipe* can learn from.

    Raises:
        ConfigError: one is not there, or hears other features, steps or keywords; or *recipe* does not learn scores,
            or learns embeddings too, which are another teacher's.
    """
    stages, faults = recipe.schedule.stages, []
    if recipe.network.head != "sigmoid":
        faults.append(_fault(recipe, f"scores of a {recipe.network.head} are not learnt; network.head must be sigmoid"))
    if not any(any(stage.posterior_weight) for stage in stages):
        faults.append(_fault(recipe, "posterior_weight is 0 in every stage, so nothing of teachers is learnt"))
    if any(any(stage.embedding_weight) for stage in stages):
        faults.append(_fault(recipe, "embedding_weight needs what kws-train teacher heard; it does not go with others"))
    shared = {key for key in settings(recipe) if not key.startswith("network.")} | {"network.stack", "network.head"}
    networks = []
    for name, work in runs:
        teacher = read_recipe(name)
        faults += differences(teacher, recipe, shared)
        if not (work / "checkpoint.pt").exists():
            faults.append(Fault(str(work / "checkpoint.pt"), None, "", "no such file; kws-train train writes it"))
        elif not faults:
            networks.append(read_checkpoint(work / "checkpoint.pt", teacher))
    if faults:
        raise ConfigError(*faults)
    return networks


def _fault(recipe: Recipe, message: str) -> Fault:
    return Fault(recipe.name, None, "schedule.stages", message)
