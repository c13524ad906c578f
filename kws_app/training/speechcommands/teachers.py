"""Networks of a finished run as teachers: what they agree on says more of a clip than its label does.

A small network told how sure many larger ones are, and what else they took a clip for, learns more from the same clips
(Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", arXiv 1503.02531).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from kws_app.errors import ConfigError, Fault
from kws_app.training.network import CLAMP, Front, Network
from kws_app.training.speechcommands.examples import Examples

BATCH = 1024


def require_features(front: Front, own: Front, fault: Fault) -> None:
    """Refuse a network that hears by its *own* front other bands than by *front*.

    Raises:
        ConfigError: the *fault*.
    """
    if (own.stack, own.floor, own.depth) != (front.stack, front.floor, front.depth) or not own.bands.equal(front.bands):
        raise ConfigError(fault)


@torch.no_grad()
def taught(examples: Examples, front: Front, teachers: Sequence[Network], scored_steps: int) -> Examples:
    """The examples, with the mean of the teachers' scores over a clip's last *scored_steps* as targets.

    A teacher hears every example from a state of zeros, and normalised as it has learnt to hear, not by *front*.

    Raises:
        ConfigError: a teacher hears other features.
    """
    targets = torch.zeros_like(examples.targets, dtype=torch.float32)
    for teacher in (teacher.to(examples.x.device) for teacher in teachers):
        stack, own = front.stack, teacher.front
        require_features(
            front, own, Fault("course.teachers", None, "", "were trained on other features than the recipe's")
        )
        scale = (front.deviation / own.deviation).repeat(stack)
        shift = ((front.mean - own.mean) / own.deviation).repeat(stack)
        for place, x in zip(targets.split(BATCH), examples.x.split(BATCH), strict=True):
            state = teacher.start(len(x))[:, 1:].to(x.device)
            its_own = (x.float() * scale + shift).clamp(-CLAMP, CLAMP).transpose(0, 1)
            heard, _ = teacher.trunk(its_own, state)
            place += teacher.scores(teacher.head(heard[-scored_steps:])).mean(dim=0) / len(teachers)
    return replace(examples, targets=targets.half())
