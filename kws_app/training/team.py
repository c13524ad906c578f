"""Training by several processes, on one machine or many: each takes its share of the lanes, all take the same steps.

``torchrun`` starts them and says in the environment who is who. Whatever is drawn is drawn by each for all lanes, and
gradients are summed, so that the network does not depend on how many processes trained it, but for rounding and for
how far a gated cell shortens a gradient that explodes, which is measured against a process's own lanes.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from kws_app.errors import ConfigError, Fault

PATIENCE = timedelta(days=7)
"""How long a process waits for the others; composing scenes takes hours."""


@dataclass(frozen=True, slots=True)
class Team:
    """Process ``rank`` of ``size``."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, lanes: int) -> slice:
        """Which of all lanes this process trains on.

        Raises:
            ConfigError: they cannot be dealt out evenly.
        """
        if lanes % self.size:
            reason = f"{lanes} lanes cannot be shared by {self.size} processes; give a multiple of {self.size}"
            raise ConfigError(Fault("recipe", None, "schedule.stages", reason))
        return slice(self.rank, None, self.size)

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.size > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Give every process the sum of all processes' gradients."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.size > 1 and gradients:
            flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
            for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(total.view_as(gradient))

    def gather(self, state: Tensor) -> Tensor:
        """The states of all lanes, in their order, from each process's own ``(own lanes, state size)``."""
        if self.size == 1:
            return state
        parts = [torch.empty_like(state) for _ in range(self.size)]
        distributed.all_gather(parts, state.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)

    def tell(self, value: Any) -> Any:
        """What the leading process has, for every process."""
        if self.size == 1:
            return value
        told = [value]
        distributed.broadcast_object_list(told)
        return told[0]

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            distributed.barrier()


CPU, ALONE = torch.device("cpu"), Team()
"""Where, and with whom, a run is trained unless it is said."""


def join(device: torch.device) -> Team:
    """The team that torchrun's environment describes; a process that was started alone is its own."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    # Left to the interpreter's end, gloo's threads now and then abort a process that has done its work.
    atexit.register(distributed.destroy_process_group)
    return Team(distributed.get_rank(), size)


def own_device(name: str) -> torch.device:
    """The device called *name*; of several GPUs in a machine, each of its processes takes one."""
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return torch.device(name)


def first_here() -> bool:
    """Whether this process is its machine's first, which composes what all of them read."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0
