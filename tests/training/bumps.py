"""A recipe and scenes small enough to be learnt in seconds."""

from __future__ import annotations

import numpy as np

from kws_app.features.mfcc import MfccSettings
from kws_app.training.network import NetworkSettings
from kws_app.training.phones import UNKNOWN
from kws_app.training.recipe import KeywordRecipe, Recipe, ScheduleSettings, StageSettings
from kws_app.training.scenes import SceneSettings, Shard

RECIPE = Recipe(
    name="test",
    keywords={"bump": KeywordRecipe()},
    features=MfccSettings(winlen=0.03, winstep=0.02, numcep=6, nfilt=6, nfft=512, appendEnergy=False),
    network=NetworkSettings(hidden=8),
    scenes=SceneSettings(seconds=10.0),
    schedule=ScheduleSettings(
        stages=(StageSettings(epochs=4, lanes=4, rate=(1e-2, 1e-3)), StageSettings(epochs=2, lanes=2, hours=(0, 0.01))),
        chunk_seconds=2.0,
        average=0.9,
        masked_lanes=0.0,
    ),
)


def shard(scenes: int = 8, frames: int = 500) -> Shard:
    """Noise in which the word is half a second of a raised second cepstrum, and phone 1 between silences."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((scenes, frames, 6)).astype(np.float32)
    features[..., 0] += 30
    events, phones = [], np.full(features.shape[:2], UNKNOWN, np.uint8)
    for scene in range(scenes):
        for start in range(50, frames - 60, 90):
            features[scene, start : start + 25, 1] += 8
            phones[scene, start - 10 : start + 35] = 0
            phones[scene, start : start + 25] = 1
            events.append((scene, 0, start * 320, (start + 25) * 320))
    return Shard(features, np.array(events, np.int32), phones)
