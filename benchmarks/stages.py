"""Microseconds a frame of every stage, beside a floor: the same arithmetic in bare numpy, nothing around it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.timing import microseconds
from kws_app.arrays import RATE
from kws_app.audio.resample import Resampler
from kws_app.decision import Decision
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.model.stepper import Model
from kws_app.pipeline import KeywordSettings, Pipeline, front_end, keyword_rules

Call = Callable[[], object]

LIVE, REPLAY = 1, 50
"""Frames at once: as a microphone brings them, and as a recording does."""


def rows(model: Model) -> list[tuple[str, int, Call, Call | None]]:
    """What to time: name, frames at once, the stage, its floor."""
    keywords = {keyword: KeywordSettings() for keyword in model.card.keyword_ids}
    samples = np.random.default_rng(0).normal(scale=1000, size=RATE).astype(np.int16)
    found: list[tuple[str, int, Call, Call | None]] = []
    for frames in (LIVE, REPLAY):
        found += [_resample(model, samples, frames), *_features(model, samples, frames)]
    found += [_step(model), _decision(model, keywords)]
    for frames in (LIVE, REPLAY):
        pipeline, block = Pipeline(model, keywords), samples[: frames * front_end(model).frame_step]
        found.append(("pipeline", frames, lambda pipeline=pipeline, block=block: pipeline.push(block), None))
    return found


def _resample(model: Model, samples: np.ndarray, frames: int) -> tuple[str, int, Call, Call]:
    """48 kHz stereo to 16 kHz mono; the floor only takes the mean of every third pair."""
    stereo = samples[: frames * front_end(model).frame_step].repeat(3)[:, None].repeat(2, axis=1)
    resampler, half = Resampler(48_000, 2), np.full(2, np.float32(0.5))
    return (
        "resample",
        frames,
        lambda: resampler.push(stereo),
        lambda: np.rint(stereo[::3].astype(np.float32) @ half).astype(np.int16),
    )


def _features(model: Model, samples: np.ndarray, frames: int) -> list[tuple[str, int, Call, Call]]:
    settings = front_end(model)
    framing, mfcc, block = Framing(settings), Mfcc(settings), samples[: frames * settings.frame_step]
    windows = np.ascontiguousarray(Framing(settings).push(samples)[:1]).repeat(frames, axis=0)
    bins, bands = settings.nfft // 2 + 1, settings.nfilt
    bank, dct = np.ones((bins, bands)), np.ones((bands, settings.coefficients))
    spectrum, padded = np.empty((frames, bins), complex), np.zeros((frames, settings.nfft))

    def floor() -> None:
        np.fft.rfft(padded, out=spectrum)
        power = spectrum.real**2 + spectrum.imag**2
        (np.log(power @ bank + 1) @ dct).astype(np.float32)

    return [
        ("framing", frames, lambda: framing.push(block), lambda: block[1:] - 0.97 * block[:-1]),
        ("mfcc", frames, lambda: mfcc.compute(windows), floor),
    ]


def _step(model: Model) -> tuple[str, int, Call, Call]:
    """The floor is one product with as many multiply-accumulates as the card counts, and one tanh."""
    stepper, row = model.stepper(), np.zeros((1, model.coefficients), np.float32)
    width = model.coefficients + model.state_size
    weights = np.ones((width, int(model.card.architecture["macs_per_frame"]) // width), np.float32)
    joined = np.zeros((1, width), np.float32)
    return "step", LIVE, lambda: stepper.step(row), lambda: np.tanh(joined @ weights)


def _decision(model: Model, keywords: dict[str, KeywordSettings]) -> tuple[str, int, Call, Call]:
    decision, scores = Decision(keyword_rules(model, keywords)), [0.01] * len(keywords)
    recent, threshold = np.zeros((5, len(keywords))), np.ones(len(keywords))
    return "decision", LIVE, lambda: decision.step(scores, 0), lambda: (recent.mean(axis=0) >= threshold).any()


def report(model: Model) -> None:
    """Time and print every row."""
    print(f"{'stage':10} {'at once':>8} {'us/frame':>9} {'floor':>9} {'ratio':>6}")
    for name, frames, stage, floor in rows(model):
        cost, *floors = (total / frames for total in microseconds(*filter(None, (stage, floor))))
        beside = "".join(f"{least:9.2f} {cost / least:6.1f}" for least in floors)
        print(f"{name:10} {frames:8} {cost:9.2f} {beside}")
