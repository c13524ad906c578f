"""Memory over a long stream, and what starting takes."""

from __future__ import annotations

import numpy as np

from kws_app.arrays import RATE
from kws_app.daemon.status import rss_bytes
from kws_app.model.stepper import Model
from kws_app.pipeline import KeywordSettings, Pipeline
from kws_app.profiler import start_up

FRAMES = 100_000


def report(model: Model) -> None:
    """Print growth over many frames, live blocks and replayed ones, and the start-up's parts."""
    for block_seconds in (0.02, 1.0):
        pipeline = Pipeline(model, {keyword: KeywordSettings() for keyword in model.card.keyword_ids})
        block = np.zeros(round(block_seconds * RATE), np.int16)
        for _ in range(100):
            pipeline.push(block)
        before, begun = rss_bytes(), pipeline.frames
        while pipeline.frames - begun < FRAMES:
            pipeline.push(block)
        print(f"growth over {FRAMES} frames in blocks of {block_seconds:g} s: {(rss_bytes() - before) / 1024:.0f} kB")
    parts = start_up(model.path)
    for name, seconds in parts["start_up_seconds"].items():
        print(f"{name:12} {1000 * seconds:6.0f} ms {parts['rss_bytes'][name] / 1e6:6.1f} MB")
