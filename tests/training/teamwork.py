"""Trains the tests' recipe in the folder given, as one of the processes that torchrun started."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from kws_app.training.team import CPU, join
from kws_app.training.train import Trainer
from tests.training.bumps import RECIPE, shard

if __name__ == "__main__":
    torch.set_num_threads(1)
    Trainer(RECIPE, shard(), Path(sys.argv[1]), team=join(CPU)).run(until=int(sys.argv[2]))
