"""Train the little model that the tests run: two "words" made of tones, no recording, half a minute on one core.

    python -m scripts.make_tiny_model tests/models/tiny.onnx

``rise`` is a tone that climbs from 500 to 2000 Hz in about half a second, ``fall`` the same backwards. Steady tones,
half sweeps and noise are the negatives.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from kws_app.arrays import RATE, Samples
from kws_app.features.mfcc import MfccSettings
from kws_app.training.card import make_card
from kws_app.training.data import Clip, Corpus, Take
from kws_app.training.export import export
from kws_app.training.network import NetworkSettings
from kws_app.training.recipe import KeywordRecipe, Recipe, ScheduleSettings, StageSettings
from kws_app.training.scenes import SceneBuilder, SceneSettings, read_shards, write_shard
from kws_app.training.train import Trainer
from tests.tones import sweep

RECIPE = Recipe(
    name="tiny",
    keywords={"rise": KeywordRecipe(phrase="rising tone"), "fall": KeywordRecipe(phrase="falling tone")},
    features=MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann"),
    network=NetworkSettings(hidden=24),
    scenes=SceneSettings(
        synthetic_share=0.0, near_miss_share=0.2, coded_share=0.0, simulated_rooms=5, bed_snr=(10.0, 30.0)
    ),
    schedule=ScheduleSettings(
        hours=1.0,
        stages=(StageSettings(epochs=30, lanes=20, rate=(1e-2, 2e-4), mean_epochs=1),),
        average=0.98,
        masked_lanes=0.0,
    ),
)


def said(rng: np.random.Generator, low: float, high: float, seconds: float) -> Samples:
    """A sweep in any voice."""
    return np.rint(sweep(low, high, seconds, phases=rng.uniform(0, 6, 3))).astype(np.int16)


def corpus(seed: int = 0) -> Corpus:
    """Sweeps as words; steady tones, half sweeps and noise as everything else."""
    rng = np.random.default_rng(seed)

    def clip(low: float, high: float) -> Clip:
        samples = said(rng, *(np.array([low, high]) * rng.uniform(0.8, 1.25)), seconds=rng.uniform(0.4, 0.6))
        return Clip(samples, 0, len(samples), f"voice{rng.integers(10)}")

    def steady() -> Samples:
        notes = [said(rng, pitch, pitch, rng.uniform(0.1, 0.6)) for pitch in rng.uniform(300, 2500, 20)]
        return np.concatenate(notes)

    noise = [np.rint(rng.standard_normal(RATE * 5) * 3000).clip(-32768, 32767).astype(np.int16) for _ in range(5)]
    halves = [(500, 1000), (1000, 2000), (2000, 1000), (1000, 500), (700, 700), (1500, 1500)]
    return Corpus(
        keywords={"rise": [clip(500, 2000) for _ in range(40)], "fall": [clip(2000, 500) for _ in range(40)]},
        near_misses=[clip(*half) for half in halves for _ in range(10)],
        commands=[clip(pitch, pitch) for pitch in rng.uniform(300, 2500, 40)],
        speech=[Take(steady()) for _ in range(20)],
        noise=[Take(samples) for samples in noise],
        music=[Take(steady()) for _ in range(5)],
    )


def main(path: Path) -> None:
    """Compose, train, export."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        builder = SceneBuilder(corpus(), tuple(RECIPE.keywords), {}, RECIPE.scenes)
        write_shard(work / "scenes.npz", builder, RECIPE.features, scenes=120, seed=(0,))
        shard = read_shards([work / "scenes.npz"])
        network = Trainer(RECIPE, shard, work).run()
    card = make_card(RECIPE, network, corpus={"hours": 0.0, "speakers": 0}, measured={})
    path.parent.mkdir(parents=True, exist_ok=True)
    model = export(network, card, path, shard.features[:2].reshape(-1, RECIPE.features.numcep))
    print(f"{path}: {len(model)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
