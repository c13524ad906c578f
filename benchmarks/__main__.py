"""All benchmarks, of the shipped model or the one named on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as kws-app itself does

from benchmarks import memory, stages, step
from kws_app.model.shipped import DEFAULT_MODEL, find_shipped
from kws_app.model.stepper import load_model

model = load_model(Path(sys.argv[1]) if len(sys.argv) > 1 else find_shipped(DEFAULT_MODEL))
for benchmark in (stages, step, memory):
    benchmark.report(model)
    print()
